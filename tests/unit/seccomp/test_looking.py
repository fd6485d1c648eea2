"""What a look from user space sees of real sockets, and what it says that it does not see."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator

import pytest

from listenwatch.call.unseen import unseen_fields
from listenwatch.linux import libc
from listenwatch.linux.netns import own_namespace, somaxconn
from listenwatch.model.inputs import Bound, Socket, SocketState, TcpState
from listenwatch.seccomp.looking import look_at
from listenwatch.seccomp.namespaces import Namespace, Namespaces
from tests.require import require

MPTCP = 262


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    namespaces = Namespaces()
    with socket.socket() as sock:
        try:
            here = namespaces.of(sock, 1)
        except OSError as error:
            here = None
            require("kernel", error.errno != errno.ENOPROTOOPT, "no SO_NETNS_COOKIE before 5.14")
    require("kernel", here is not None, "/proc/sys is hidden")
    assert here is not None
    yield here
    namespaces.close()


def made(family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
    try:
        return socket.socket(family, kind, protocol)
    except OSError as error:
        require("kernel", False, f"no such socket: {error.strerror}")
        raise


def test_the_namespace_is_our_own(namespace: Namespace) -> None:
    environment = namespace.environment()
    assert environment is not None
    assert (namespace.inode, environment.somaxconn) == (own_namespace(), somaxconn())


def test_tcp_before_and_after(namespace: Namespace) -> None:
    with made() as sock:
        sock.bind(("127.0.0.1", 0))
        before = look_at(sock, namespace).socket
        libc.listen(sock.fileno(), 77)
        after, address = look_at(sock, namespace)
        port = sock.getsockname()[1]
    assert unseen_fields(before) == {"max_ack_backlog", "ack_backlog", "local_port"}
    assert (before.state, before.socket_state, before.bound) == (TcpState.CLOSE, SocketState.UNCONNECTED, Bound.UNKNOWN)
    assert unseen_fields(after) == frozenset()
    assert (after.state, after.max_ack_backlog, after.local_port, after.bound) == (TcpState.LISTEN, 77, port, Bound.YES)
    assert (before.source_port, address) == (port, b"\x7f\0\0\1")


def test_tcp_unbound(namespace: Namespace) -> None:
    with made(socket.AF_INET6) as sock:
        look = look_at(sock, namespace)
    assert (look.socket.bound, look.socket.local_port, look.address) == (Bound.NO, 0, bytes(16))
    assert unseen_fields(look.socket) == {"max_ack_backlog", "ack_backlog"}


def test_a_connection_hides_the_state_of_its_socket(namespace: Namespace) -> None:
    with made() as server, made() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        look = look_at(client, namespace).socket
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        server.accept()[0].close()
    assert look.state == TcpState.ESTABLISHED
    assert "socket_state" in unseen_fields(look)


def test_a_socket_that_was_refused_is_not_taken_for_fresh(namespace: Namespace) -> None:
    with made() as closed, made() as client:
        closed.bind(("127.0.0.1", 0))
        client.setblocking(False)
        with contextlib.suppress(OSError):
            client.connect(closed.getsockname())
        look = look_at(client, namespace).socket
    assert look.state == TcpState.CLOSE
    assert "socket_state" in unseen_fields(look)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_unix_before_and_after(kind: int, namespace: Namespace) -> None:
    with made(socket.AF_UNIX, kind) as sock:
        unbound = look_at(sock, namespace)
        sock.bind("\0listenwatch-looking")
        libc.listen(sock.fileno(), 7)
        after, address = look_at(sock, namespace)
    assert (unbound.socket.bound, unbound.socket.state, unbound.address) == (Bound.NO, TcpState.CLOSE, b"")
    assert (after.state, after.max_ack_backlog, after.ack_backlog) == (TcpState.LISTEN, 7, 0)
    assert address == b"\0listenwatch-looking"
    assert set(unseen_fields(after)) == {"socket_state"}


def test_unix_pair() -> None:
    one_end, other_end = socket.socketpair()
    with one_end, other_end:
        assert look_at(one_end, None).socket.state == TcpState.ESTABLISHED


def test_unix_listener_without_its_namespace() -> None:
    with made(socket.AF_UNIX) as sock:
        sock.bind("\0listenwatch-looking")
        sock.listen()
        assert {"max_ack_backlog", "ack_backlog"} <= unseen_fields(look_at(sock, None).socket)


def test_mptcp_listens_through_its_subflow(namespace: Namespace) -> None:
    with made(protocol=MPTCP) as sock:
        fresh = look_at(sock, namespace).socket
        sock.bind(("127.0.0.1", 0))
        before = look_at(sock, namespace).socket
        libc.listen(sock.fileno(), 9)
        after = look_at(sock, namespace).socket
    assert (fresh.state, fresh.subflow_state, fresh.bound) == (TcpState.CLOSE, 0, Bound.NO)
    assert (before.state, before.subflow_state) == (TcpState.CLOSE, TcpState.CLOSE)
    assert {"subflow_max_ack_backlog", "local_port"} <= unseen_fields(before)
    assert (after.state, after.subflow_state, after.subflow_max_ack_backlog) == (TcpState.LISTEN, TcpState.LISTEN, 9)
    assert unseen_fields(after) == {"max_ack_backlog", "ack_backlog"}


def test_udp_shows_its_port_only(namespace: Namespace) -> None:
    with made(kind=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        look: Socket = look_at(sock, namespace).socket
        assert (look.local_port, look.bound) == (sock.getsockname()[1], Bound.YES)
    assert unseen_fields(look) == {"max_ack_backlog", "ack_backlog", "state", "socket_state"}


def test_a_family_without_addresses(namespace: Namespace) -> None:
    with made(socket.AF_NETLINK, socket.SOCK_RAW) as sock:
        assert look_at(sock, namespace).address == b""
