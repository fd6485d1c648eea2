"""Whose port is it: conflicts that only listen() finds, after bind() let them pass."""

from __future__ import annotations

import socket

from listenwatch.scenarios.kinds import IPV4, IPV6, MPTCP, TCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario


def _pair(
    lab: Lab, first: Kind, second: Kind, host: str = "", *, reuseport: bool = False
) -> tuple[socket.socket, socket.socket]:
    """Two sockets bound to the same port, with SO_REUSEADDR or SO_REUSEPORT, so that bind() allows it."""
    reuseaddr = not reuseport
    a = lab.bound(first, reuseaddr=reuseaddr, reuseport=reuseport)
    port = a.getsockname()[1]
    b = lab.bound(second, (host or second.host, port), reuseaddr=reuseaddr, reuseport=reuseport)
    return a, b


@scenario(IPV4, IPV6, MPTCP)
def reuseaddr_second(lab: Lab, kind: Kind) -> None:
    """With SO_REUSEADDR two may bind a port and one may listen; the other may once it is closed."""
    a, b = _pair(lab, kind, kind)
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)
    a.close()
    lab.listen(b, 7)


@scenario(*TCP)
def reuseaddr_wildcard(lab: Lab, kind: Kind) -> None:
    """The wildcard address and a specific one overlap."""
    wildcard = "0.0.0.0" if kind is IPV4 else "::"
    a, b = _pair(lab, kind, kind, wildcard)
    lab.listen(b, 5)
    lab.listen(a, 6, port_free=False)


@scenario(needs=("IPv6",))
def reuseaddr_dual_stack(lab: Lab) -> None:
    """A dual stack [::] listener holds the port of 127.0.0.1 too."""
    a, b = _pair(lab, IPV4, IPV6, "::")
    lab.listen(b, 5)
    lab.listen(a, 6, port_free=False)


@scenario(needs=("IPv6",))
def v6only_beside_ipv4(lab: Lab) -> None:
    """With IPV6_V6ONLY the two families do not meet."""
    a = lab.bound(IPV4)
    b = lab.unbound(IPV6)
    b.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    b.bind(("::", a.getsockname()[1]))
    lab.listen(a, 5)
    lab.listen(b, 6)


@scenario()
def two_addresses_one_port(lab: Lab) -> None:
    """Two addresses of one host may have a listener each on the same port."""
    a = lab.bound(IPV4)
    b = lab.bound(IPV4, ("127.0.0.2", a.getsockname()[1]))
    lab.listen(a, 5)
    lab.listen(b, 6)


@scenario()
def reuseaddr_cleared(lab: Lab) -> None:
    """SO_REUSEADDR taken back from one of two: neither may listen, though nobody does."""
    a, b = _pair(lab, IPV4, IPV4)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    lab.listen(a, 5, port_free=False)
    lab.listen(b, 6, port_free=False)


@scenario(*TCP)
def reuseport_both(lab: Lab, kind: Kind) -> None:
    """With SO_REUSEPORT several listen on one port."""
    a, b = _pair(lab, kind, kind, reuseport=True)
    lab.listen(a, 5)
    lab.listen(b, 6)


@scenario()
def reuseport_cleared(lab: Lab) -> None:
    """SO_REUSEPORT taken back before listen() is a conflict for the one that took it back."""
    a, b = _pair(lab, IPV4, IPV4, reuseport=True)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    # The port's bucket still counts as shared (tb->fastreuseport, sk_reuseport_match() in
    # net/ipv4/inet_connection_sock.c), so the one that has the option passes without a closer look.
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)


@scenario()
def reuseaddr_and_reuseport(lab: Lab) -> None:
    """One has SO_REUSEADDR only, the other both: no port sharing."""
    a = lab.bound(IPV4, reuseaddr=True)
    b = lab.bound(IPV4, a.getsockname(), reuseaddr=True, reuseport=True)
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)


@scenario()
def reuseaddr_and_connection(lab: Lab) -> None:
    """A connection on the port is no conflict when both have SO_REUSEADDR."""
    server = lab.listener(IPV4)
    a, b = _pair(lab, IPV4, IPV4)
    a.connect(server.getsockname())
    lab.listen(b, 5)


def _take_every_port(lab: Lab, kind: Kind) -> list[socket.socket]:
    """Leave four ephemeral ports and take them all."""
    lab.sysctl("net.ipv4.ip_local_port_range", "40000 40003")
    return [lab.bound(kind, ("", port)) for port in range(40000, 40004)]


@scenario(*TCP, MPTCP)
def autobind_exhausted(lab: Lab, kind: Kind) -> None:
    """An unbound socket finds no port when all of ip_local_port_range are taken."""
    _take_every_port(lab, kind)
    lab.listen(lab.unbound(kind), 9, port_free=False)


@scenario()
def autobind_port_freed(lab: Lab) -> None:
    """The same socket listens once a port is free; the failed call left its backlog behind."""
    taken = _take_every_port(lab, IPV4)
    sock = lab.unbound(IPV4)
    lab.listen(sock, 9, port_free=False)
    taken[2].close()
    lab.listen(sock, 10)


@scenario()
def autobind_odd_range(lab: Lab) -> None:
    """The last port of a range of odd size is found or missed, by chance: both are allowed.

    inet_csk_find_open_port() rounds the number of ports it tries down to an even one and starts at
    a random place (net/ipv4/inet_connection_sock.c).
    """
    _take_every_port(lab, IPV4)
    lab.sysctl("net.ipv4.ip_local_port_range", "40000 40004")
    lab.listen(lab.unbound(IPV4), 9, port_free=None)


@scenario()
def autobind_last_port(lab: Lab) -> None:
    """One port in the range is left, and the kernel finds it."""
    lab.sysctl("net.ipv4.ip_local_port_range", "40000 40003")
    for port in (40000, 40001, 40003):
        lab.bound(IPV4, ("", port))
    lab.listen(lab.unbound(IPV4), 9)
