"""What became of a port: lost or kept at the end of a listener, held by what is left of connections."""

from __future__ import annotations

import socket

from listenwatch.scenarios import libc
from listenwatch.scenarios.kinds import IPV4, TCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT, include/uapi/linux/in.h
_TCP_REPAIR = 19  # include/uapi/linux/tcp.h


@scenario(*TCP)
def port_lost(lab: Lab, kind: Kind) -> None:
    """A port that listen() chose is free after shutdown(): another listener takes it, and both listen."""
    sock = lab.unbound(kind)
    lab.listen(sock, 5)
    port = sock.getsockname()[1]
    sock.shutdown(socket.SHUT_RDWR)
    lab.listen(lab.bound(kind, ("", port)), 6)
    lab.listen(sock, 7)


@scenario()
def port_lost_bind_0(lab: Lab) -> None:
    """So is one that bind() chose."""
    sock = lab.bound(IPV4)
    port = sock.getsockname()[1]
    lab.listen(sock, 5)
    sock.shutdown(socket.SHUT_RD)
    lab.listen(lab.bound(IPV4, ("127.0.0.1", port)), 6)
    lab.listen(sock, 7)


@scenario()
def port_lost_bound_again(lab: Lab) -> None:
    """A socket that lost its port may be bound to one by name, and keeps that."""
    sock = lab.unbound(IPV4)
    lab.listen(sock, 5)
    libc.disconnect(sock)
    sock.bind(("127.0.0.1", 5000))
    lab.listen(sock, 6)
    libc.disconnect(sock)
    lab.listen(sock, 7)


@scenario()
def port_kept(lab: Lab) -> None:
    """A port named in bind() is kept over shutdown(), and in the way of its namesake."""
    a = lab.bound(IPV4, ("127.0.0.1", 5000), reuseaddr=True)
    lab.listen(a, 5)
    a.shutdown(socket.SHUT_RDWR)
    b = lab.bound(IPV4, ("127.0.0.1", 5000), reuseaddr=True)
    lab.listen(b, 6)
    lab.listen(a, 7, port_free=False)


@scenario()
def port_of_no_port(lab: Lab) -> None:
    """IP_BIND_ADDRESS_NO_PORT: bind() takes the address only, and listen() finds the port."""
    sock = lab.unbound(IPV4)
    sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    sock.bind(("127.0.0.1", 0))
    lab.listen(sock, 5)


@scenario()
def port_of_failed_listen(lab: Lab) -> None:
    """After a conflict in listen() the socket keeps its port, and may connect() from it."""
    a = lab.bound(IPV4, reuseaddr=True)
    b = lab.bound(IPV4, a.getsockname(), reuseaddr=True)
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)
    b.connect(lab.listener(IPV4).getsockname())
    lab.listen(b, 7)


@scenario()
def port_in_time_wait(lab: Lab) -> None:
    """A port that only a connection in TIME_WAIT has is free for a socket with SO_REUSEADDR."""
    server = lab.listener(IPV4)
    client = lab.bound(IPV4, reuseaddr=True)
    client.connect(server.getsockname())
    name, accepted = client.getsockname(), lab.keep(server.accept()[0])
    client.close()
    accepted.recv(1)
    accepted.close()
    lab.listen(lab.bound(IPV4, name, reuseaddr=True), 5)


@scenario()
def port_of_a_child(lab: Lab) -> None:
    """A listener is gone but a connection it accepted lives on its port: with SO_REUSEADDR no conflict."""
    server = lab.bound(IPV4, reuseaddr=True)
    lab.listen(server, 5)
    name = server.getsockname()
    lab.connected_to(server, IPV4)
    lab.keep(server.accept()[0])
    server.close()
    lab.listen(lab.bound(IPV4, name, reuseaddr=True), 6)


@scenario()
def port_under_repair(lab: Lab) -> None:
    """TCP_REPAIR forces the port: two sockets listen on the same address, with no option to share it."""
    a = lab.listener(IPV4, 5)
    b = lab.unbound(IPV4)
    b.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    b.bind(a.getsockname())
    lab.listen(b, 6)
