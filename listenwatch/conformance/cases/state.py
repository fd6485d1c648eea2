"""The state a TCP socket is in: which ones listen() accepts, and how a socket comes back to one."""

import contextlib
import select
import socket
import struct
from collections.abc import Callable

from listenwatch.conformance.harness import ulp
from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, MPTCP, TCP, UNIX, Address, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.linux import libc

_NOBODY = ("127.0.0.1", 9)  # no listener in a namespace of one's own
_UNROUTED = ("192.0.2.1", 9)  # TEST-NET-1: no route either


def _connecting(testbed: Testbed) -> socket.socket:
    """A socket in SYN_SENT: the listener's accept queue is full, so its SYN is dropped."""
    server = testbed.listener(IPV4, 0)
    testbed.connected_to(server, IPV4)
    return testbed.connecting_to(server.getsockname())


def _failed_connect(testbed: Testbed, address: Address) -> socket.socket:
    client = testbed.unbound(IPV4)
    client.connect_ex(address)
    return client


def _refused(testbed: Testbed) -> socket.socket:
    """A socket whose non-blocking connect was refused, and whose program has not asked yet."""
    client = testbed.connecting_to(_NOBODY)
    testbed.wait_for(client, select.POLLHUP)
    return client


_STREAMS = (*TCP, MPTCP)
listens("connected", "A connected socket cannot listen", lambda t, kind: t.connection(kind)[0], *_STREAMS)
listens("accepted", "An accepted socket cannot listen", lambda t, kind: t.connection(kind)[1], *_STREAMS)
listens("connecting", "A non-blocking connect under way (SYN_SENT)", lambda t, _: _connecting(t))


@scenario()
def half_closed(testbed: Testbed) -> None:
    """Neither end of a half closed connection can listen (FIN_WAIT2 and CLOSE_WAIT)."""
    client, accepted = testbed.connection(IPV4)
    client.shutdown(socket.SHUT_WR)
    accepted.recv(1)
    testbed.listen(client, 5)
    testbed.listen(accepted, 6)


@scenario()
def closed_by_both_ends(testbed: Testbed) -> None:
    """After both ends closed, the last to close is in state CLOSE, but still counts as connected."""
    client, accepted = testbed.connection(IPV4)
    client.shutdown(socket.SHUT_WR)
    accepted.recv(1)
    accepted.shutdown(socket.SHUT_WR)
    testbed.wait_for(accepted, select.POLLHUP)
    testbed.listen(accepted, 5)


@scenario()
def connecting_then_shutdown(testbed: Testbed) -> None:
    """shutdown() ends a connect under way, and the socket may listen."""
    client = _connecting(testbed)
    client.shutdown(socket.SHUT_RDWR)
    testbed.listen(client, 5)


@scenario()
def refused_not_reaped(testbed: Testbed) -> None:
    """A refused non-blocking connect leaves the socket connecting until someone asks again."""
    client = _refused(testbed)
    testbed.listen(client, 5)
    client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    testbed.listen(client, 6)


@scenario()
def refused_and_reaped(testbed: Testbed) -> None:
    """A second connect() takes the refusal, and the socket may listen."""
    client = _refused(testbed)
    client.connect_ex(_NOBODY)
    testbed.listen(client, 5)


listens("refused-blocking", "A refused blocking connect leaves a socket that may listen",
             lambda t, _: _failed_connect(t, _NOBODY))  # fmt: skip
listens("unreachable", "A connect without a route leaves a socket that may listen",
             lambda t, _: _failed_connect(t, _UNROUTED))  # fmt: skip


@scenario()
def reset_by_peer(testbed: Testbed) -> None:
    """A reset connection is in state CLOSE but counts as connected, until connect(AF_UNSPEC)."""
    client, accepted = testbed.connection(IPV4)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
    testbed.wait_for(client, select.POLLHUP)
    testbed.listen(client, 5)
    libc.disconnect(client)
    testbed.listen(client, 6)


@scenario()
def disconnected(testbed: Testbed) -> None:
    """connect(AF_UNSPEC) on a connected socket makes it one that may listen."""
    client, _ = testbed.connection(IPV4)
    libc.disconnect(client)
    testbed.listen(client, 5)


def _listener_after(
    name: str, summary: str, act: Callable[[socket.socket], object], *kinds: SocketKind
) -> None:
    """Register listen(6) on a listener to which ``act`` was done."""

    @scenario(*kinds, name=name, summary=summary)
    def run(testbed: Testbed, kind: SocketKind = IPV4) -> None:
        sock = testbed.listener(kind, 5)
        act(sock)
        testbed.listen(sock, 6)


_listener_after("listener-disconnected", "connect(AF_UNSPEC) ends a listener, which then may listen again",
                libc.disconnect)  # fmt: skip
_listener_after("listener-shut-down", "shutdown(SHUT_RDWR) ends a listener, which then may listen again",
                lambda sock: sock.shutdown(socket.SHUT_RDWR), *_STREAMS)  # fmt: skip
_listener_after("listener-shut-down-write", "shutdown(SHUT_WR) does nothing to a listener",
                lambda sock: sock.shutdown(socket.SHUT_WR))  # fmt: skip
_listener_after("listener-connects", "connect() on a listener fails and leaves it listening",
                lambda sock: sock.connect_ex(_NOBODY))  # fmt: skip


@scenario()
def listener_shut_down_queue(testbed: Testbed) -> None:
    """shutdown() empties the accept queue."""
    sock = testbed.listener(IPV4, 5)
    for _ in range(2):
        testbed.connected_to(sock, IPV4)
    sock.shutdown(socket.SHUT_RD)
    testbed.listen(sock, 6)


@scenario()
def listener_shut_down_unbound(testbed: Testbed) -> None:
    """A port that listen() chose is lost at shutdown(); the next listen() chooses anew."""
    sock = testbed.unbound(IPV4)
    testbed.listen(sock, 5)
    sock.shutdown(socket.SHUT_RDWR)
    testbed.listen(sock, 6)


@scenario(IPV4, UNIX)
def shut_down_unconnected(testbed: Testbed, kind: SocketKind) -> None:
    """shutdown() on a socket never connected fails, and listen() does not mind."""
    sock = testbed.bound(kind)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    testbed.listen(sock, 5)


@scenario(*TCP, needs=("ESP in TCP",))
def ulp_espintcp(testbed: Testbed, kind: SocketKind) -> None:
    """A socket with the upper layer protocol espintcp, which accepted sockets could not inherit."""
    sock = testbed.bound(kind)
    ulp.attach(sock, ulp.ESPINTCP)
    testbed.listen(sock, 5)


@scenario(*TCP, needs=("TLS",))
def ulp_tls(testbed: Testbed, kind: SocketKind) -> None:
    """A TLS connection, and what connect(AF_UNSPEC) makes of it.

    Where that takes the connection apart, the socket is CLOSE and has a protocol that cannot listen;
    where TLS refuses it, as in 6.1.192, the socket is left disconnecting.
    """
    client, _ = testbed.connection(kind)
    ulp.attach(client, ulp.TLS)
    testbed.listen(client, 5)
    with contextlib.suppress(OSError):
        libc.disconnect(client)
    testbed.listen(client, 6)
