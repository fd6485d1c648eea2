"""What became of a port: lost or kept at the end of a listener, held by what is left of connections."""

import socket

from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, MPTCP, MPTCP6, TCP, SocketKind
from listenwatch.conformance.harness.testbed import REUSEADDR, Option, Testbed
from listenwatch.linux import libc

_BIND_ADDRESS_NO_PORT: Option = (socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT, include/uapi/linux/in.h
_TCP_REPAIR: Option = (socket.IPPROTO_TCP, 19, 1)  # include/uapi/linux/tcp.h


@scenario(*TCP)
def port_lost(testbed: Testbed, kind: SocketKind) -> None:
    """A port that listen() chose is free after shutdown(): another listener takes it, and both listen."""
    sock = testbed.unbound(kind)
    testbed.listen(sock, 5)
    port = sock.getsockname()[1]
    sock.shutdown(socket.SHUT_RDWR)
    testbed.listen(testbed.bound(kind, ("", port)), 6)
    testbed.listen(sock, 7)


@scenario()
def port_lost_bind_0(testbed: Testbed) -> None:
    """So is one that bind() chose."""
    sock = testbed.bound(IPV4)
    port = sock.getsockname()[1]
    testbed.listen(sock, 5)
    sock.shutdown(socket.SHUT_RD)
    testbed.listen(testbed.bound(IPV4, ("127.0.0.1", port)), 6)
    testbed.listen(sock, 7)


@scenario()
def port_lost_bound_again(testbed: Testbed) -> None:
    """A socket that lost its port may be bound to one by name, and keeps that."""
    sock = testbed.unbound(IPV4)
    testbed.listen(sock, 5)
    libc.disconnect(sock)
    sock.bind(("127.0.0.1", 5000))
    testbed.listen(sock, 6)
    libc.disconnect(sock)
    testbed.listen(sock, 7)


@scenario()
def port_kept(testbed: Testbed) -> None:
    """A port named in bind() is kept over shutdown(), and in the way of its namesake."""
    a = testbed.bound(IPV4, ("127.0.0.1", 5000), REUSEADDR)
    testbed.listen(a, 5)
    a.shutdown(socket.SHUT_RDWR)
    b = testbed.bound(IPV4, ("127.0.0.1", 5000), REUSEADDR)
    testbed.listen(b, 6)
    testbed.listen(a, 7, port_free=False)


listens("port-of-no-port", "IP_BIND_ADDRESS_NO_PORT: bind() takes the address only, and listen() finds the port",
        lambda t, kind: t.bound(kind, None, _BIND_ADDRESS_NO_PORT))  # fmt: skip


@scenario()
def port_of_failed_listen(testbed: Testbed) -> None:
    """After a conflict in listen() the socket keeps its port, and may connect() from it."""
    a = testbed.bound(IPV4, None, REUSEADDR)
    b = testbed.bound(IPV4, a.getsockname(), REUSEADDR)
    testbed.listen_both(a, b, port_free=False)
    b.connect(testbed.listener(IPV4).getsockname())
    testbed.listen(b, 7)


@scenario()
def port_in_time_wait(testbed: Testbed) -> None:
    """A port that only a connection in TIME_WAIT has is free for a socket with SO_REUSEADDR."""
    server = testbed.listener(IPV4)
    client = testbed.bound(IPV4, None, REUSEADDR)
    client.connect(server.getsockname())
    name, accepted = client.getsockname(), testbed.keep(server.accept()[0])
    client.close()
    accepted.recv(1)
    accepted.close()
    testbed.listen(testbed.bound(IPV4, name, REUSEADDR), 5)


@scenario()
def port_of_a_child(testbed: Testbed) -> None:
    """A listener is gone but a connection it accepted lives on its port: with SO_REUSEADDR no conflict."""
    server = testbed.bound(IPV4, None, REUSEADDR)
    testbed.listen(server, 5)
    name = server.getsockname()
    testbed.connected_to(server, IPV4)
    testbed.keep(server.accept()[0])
    server.close()
    testbed.listen(testbed.bound(IPV4, name, REUSEADDR), 6)


@scenario()
def port_under_repair(testbed: Testbed) -> None:
    """TCP_REPAIR forces the port: two sockets listen on the same address, with no option to share it."""
    a = testbed.listener(IPV4, 5)
    testbed.listen(testbed.bound(IPV4, a.getsockname(), _TCP_REPAIR), 6)


# -- MPTCP: the port is the first subflow's. Where that loses it, the MPTCP socket goes on giving its number.
def _shut_down(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


_ENDS = {"unspec": libc.disconnect, "shutdown": _shut_down}
_MPTCP_ENDS = [(kind, end) for kind in (MPTCP, MPTCP6) for end in _ENDS]


@scenario(*_MPTCP_ENDS)
def port_again(testbed: Testbed, kind: SocketKind, end: str) -> None:
    """An MPTCP listener that was ended listens again: on the port named in bind(), else on another one."""
    for address in (None, (kind.host, 0), (kind.host, 5000)):
        sock = testbed.bound(kind, address) if address else testbed.unbound(kind)
        testbed.listen(sock, 5)
        _ENDS[end](sock)
        testbed.listen(sock, 7)


@scenario(*_MPTCP_ENDS)
def port_none(testbed: Testbed, kind: SocketKind, end: str) -> None:
    """An MPTCP listener that was ended finds no ephemeral port left, whatever number it shows."""
    sock = testbed.unbound(kind)
    testbed.listen(sock, 5)
    _ENDS[end](sock)
    testbed.take_every_port(kind)
    testbed.listen(sock, 7, port_free=False)


@scenario(MPTCP, MPTCP6)
def port_of_an_ended(testbed: Testbed, kind: SocketKind) -> None:
    """Each end of an MPTCP connection, once disconnected, listens on a port of the kernel's choice."""
    for end in testbed.connection(kind):
        libc.disconnect(end)
        testbed.listen(end, 5)
