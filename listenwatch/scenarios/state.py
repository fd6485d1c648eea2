"""The state a TCP socket is in: which ones listen() accepts, and how a socket comes back to one."""

from __future__ import annotations

import contextlib
import select
import socket
import struct

from listenwatch.scenarios import libc, ulp
from listenwatch.scenarios.kinds import IPV4, MPTCP, TCP, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_NOBODY = ("127.0.0.1", 9)  # no listener in a namespace of one's own
_UNROUTED = ("192.0.2.1", 9)  # TEST-NET-1: no route either


def _connecting(lab: Lab) -> socket.socket:
    """A socket in SYN_SENT: the listener's accept queue is full, so its SYN is dropped."""
    server = lab.listener(IPV4, 0)
    lab.connected_to(server, IPV4)
    client = lab.unbound(IPV4)
    client.setblocking(False)
    client.connect_ex(server.getsockname())
    return client


def _refused(lab: Lab) -> socket.socket:
    """A socket whose non-blocking connect was refused, and whose program has not asked yet."""
    client = lab.unbound(IPV4)
    client.setblocking(False)
    client.connect_ex(_NOBODY)
    lab.wait_for(client, select.POLLHUP)
    return client


@scenario(*TCP, MPTCP)
def connected(lab: Lab, kind: Kind) -> None:
    """A connected socket cannot listen."""
    lab.listen(lab.connection(kind)[0], 5)


@scenario(*TCP, MPTCP)
def accepted(lab: Lab, kind: Kind) -> None:
    """An accepted socket cannot listen."""
    lab.listen(lab.connection(kind)[1], 5)


@scenario()
def half_closed(lab: Lab) -> None:
    """Neither end of a half closed connection can listen (FIN_WAIT2 and CLOSE_WAIT)."""
    client, accepted = lab.connection(IPV4)
    client.shutdown(socket.SHUT_WR)
    accepted.recv(1)
    lab.listen(client, 5)
    lab.listen(accepted, 6)


@scenario()
def closed_by_both_ends(lab: Lab) -> None:
    """After both ends closed, the last to close is in state CLOSE, but still counts as connected."""
    client, accepted = lab.connection(IPV4)
    client.shutdown(socket.SHUT_WR)
    accepted.recv(1)
    accepted.shutdown(socket.SHUT_WR)
    lab.wait_for(accepted, select.POLLHUP)
    lab.listen(accepted, 5)


@scenario()
def connecting(lab: Lab) -> None:
    """A non-blocking connect under way (SYN_SENT)."""
    lab.listen(_connecting(lab), 5)


@scenario()
def connecting_then_shutdown(lab: Lab) -> None:
    """shutdown() ends a connect under way, and the socket may listen."""
    client = _connecting(lab)
    client.shutdown(socket.SHUT_RDWR)
    lab.listen(client, 5)


@scenario()
def refused_not_reaped(lab: Lab) -> None:
    """A refused non-blocking connect leaves the socket connecting until someone asks again."""
    client = _refused(lab)
    lab.listen(client, 5)
    client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    lab.listen(client, 6)


@scenario()
def refused_and_reaped(lab: Lab) -> None:
    """A second connect() takes the refusal, and the socket may listen."""
    client = _refused(lab)
    client.connect_ex(_NOBODY)
    lab.listen(client, 5)


@scenario()
def refused_blocking(lab: Lab) -> None:
    """A refused blocking connect leaves a socket that may listen."""
    client = lab.unbound(IPV4)
    client.connect_ex(_NOBODY)
    lab.listen(client, 5)


@scenario()
def unreachable(lab: Lab) -> None:
    """A connect without a route leaves a socket that may listen."""
    client = lab.unbound(IPV4)
    client.connect_ex(_UNROUTED)
    lab.listen(client, 5)


@scenario()
def reset_by_peer(lab: Lab) -> None:
    """A reset connection is in state CLOSE but counts as connected, until connect(AF_UNSPEC)."""
    client, accepted = lab.connection(IPV4)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
    lab.wait_for(client, select.POLLHUP)
    lab.listen(client, 5)
    libc.disconnect(client)
    lab.listen(client, 6)


@scenario()
def disconnected(lab: Lab) -> None:
    """connect(AF_UNSPEC) on a connected socket makes it one that may listen."""
    client, _ = lab.connection(IPV4)
    libc.disconnect(client)
    lab.listen(client, 5)


@scenario()
def listener_disconnected(lab: Lab) -> None:
    """connect(AF_UNSPEC) ends a listener, which then may listen again."""
    sock = lab.listener(IPV4, 5)
    libc.disconnect(sock)
    lab.listen(sock, 6)


@scenario(*TCP, MPTCP)
def listener_shut_down(lab: Lab, kind: Kind) -> None:
    """shutdown(SHUT_RDWR) ends a listener, which then may listen again."""
    sock = lab.listener(kind, 5)
    sock.shutdown(socket.SHUT_RDWR)
    lab.listen(sock, 6)


@scenario()
def listener_shut_down_queue(lab: Lab) -> None:
    """shutdown() empties the accept queue."""
    sock = lab.listener(IPV4, 5)
    for _ in range(2):
        lab.connected_to(sock, IPV4)
    sock.shutdown(socket.SHUT_RD)
    lab.listen(sock, 6)


@scenario()
def listener_shut_down_write(lab: Lab) -> None:
    """shutdown(SHUT_WR) does nothing to a listener."""
    sock = lab.listener(IPV4, 5)
    sock.shutdown(socket.SHUT_WR)
    lab.listen(sock, 6)


@scenario()
def listener_shut_down_unbound(lab: Lab) -> None:
    """A port that listen() chose is lost at shutdown(); the next listen() chooses anew."""
    sock = lab.unbound(IPV4)
    lab.listen(sock, 5)
    sock.shutdown(socket.SHUT_RDWR)
    lab.listen(sock, 6)


@scenario(IPV4, UNIX)
def shut_down_unconnected(lab: Lab, kind: Kind) -> None:
    """shutdown() on a socket never connected fails, and listen() does not mind."""
    sock = lab.bound(kind)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    lab.listen(sock, 5)


@scenario()
def listener_connects(lab: Lab) -> None:
    """connect() on a listener fails and leaves it listening."""
    sock = lab.listener(IPV4, 5)
    sock.connect_ex(_NOBODY)
    lab.listen(sock, 6)


@scenario(*TCP, needs=("ESP in TCP",))
def ulp_espintcp(lab: Lab, kind: Kind) -> None:
    """A socket with the upper layer protocol espintcp, which accepted sockets could not inherit."""
    sock = lab.bound(kind)
    ulp.attach(sock, ulp.ESPINTCP)
    lab.listen(sock, 5)


@scenario(*TCP, needs=("TLS",))
def ulp_tls(lab: Lab, kind: Kind) -> None:
    """A TLS connection, and what connect(AF_UNSPEC) makes of it.

    Where that takes the connection apart, the socket is CLOSE and has a protocol that cannot listen;
    where TLS refuses it, as in 6.1.192, the socket is left disconnecting.
    """
    client, _ = lab.connection(kind)
    ulp.attach(client, ulp.TLS)
    lab.listen(client, 5)
    with contextlib.suppress(OSError):
        libc.disconnect(client)
    lab.listen(client, 6)
