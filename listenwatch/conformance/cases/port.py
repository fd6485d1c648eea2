"""Whose port is it: conflicts that only listen() finds, after bind() let them pass."""

import socket

from listenwatch.conformance.harness.registry import both_listen, scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, MPTCP, TCP, SocketKind
from listenwatch.conformance.harness.testbed import REUSEADDR, REUSEPORT, V6ONLY, Option, Testbed


def _pair(
    testbed: Testbed, first: SocketKind, second: SocketKind, host: str = "", option: Option = REUSEADDR
) -> tuple[socket.socket, socket.socket]:
    """Two sockets bound to the same port, with SO_REUSEADDR or SO_REUSEPORT, so that bind() allows it."""
    a = testbed.bound(first, None, option)
    return a, testbed.bound(second, (host or second.host, a.getsockname()[1]), option)


@scenario(IPV4, IPV6, MPTCP)
def reuseaddr_second(testbed: Testbed, kind: SocketKind) -> None:
    """With SO_REUSEADDR two may bind a port and one may listen; the other may once it is closed."""
    a, b = _pair(testbed, kind, kind)
    testbed.listen_both(a, b, port_free=False)
    a.close()
    testbed.listen(b, 7)


_WILDCARD = {IPV4: "0.0.0.0", IPV6: "::"}
both_listen("reuseaddr-wildcard", "The wildcard address and a specific one overlap",
            lambda t, kind: reversed(_pair(t, kind, kind, _WILDCARD[kind])), *TCP, port_free=False)  # fmt: skip
both_listen("reuseaddr-dual-stack", "A dual stack [::] listener holds the port of 127.0.0.1 too",
            lambda t, _: reversed(_pair(t, IPV4, IPV6, "::")), port_free=False, needs=("IPv6",))  # fmt: skip
both_listen("reuseport-both", "With SO_REUSEPORT several listen on one port",
            lambda t, kind: _pair(t, kind, kind, option=REUSEPORT), *TCP)  # fmt: skip


@scenario(needs=("IPv6",))
def v6only_beside_ipv4(testbed: Testbed) -> None:
    """With IPV6_V6ONLY the two families do not meet."""
    a = testbed.bound(IPV4)
    testbed.listen_both(a, testbed.bound(IPV6, ("::", a.getsockname()[1]), V6ONLY))


@scenario()
def two_addresses_one_port(testbed: Testbed) -> None:
    """Two addresses of one host may have a listener each on the same port."""
    a = testbed.bound(IPV4)
    testbed.listen_both(a, testbed.bound(IPV4, ("127.0.0.2", a.getsockname()[1])))


@scenario()
def reuseaddr_cleared(testbed: Testbed) -> None:
    """SO_REUSEADDR taken back from one of two: neither may listen, though nobody does."""
    a, b = _pair(testbed, IPV4, IPV4)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    testbed.listen(a, 5, port_free=False)
    testbed.listen(b, 6, port_free=False)


@scenario()
def reuseport_cleared(testbed: Testbed) -> None:
    """SO_REUSEPORT taken back before listen() is a conflict for the one that took it back."""
    a, b = _pair(testbed, IPV4, IPV4, option=REUSEPORT)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    # The port's bucket still counts as shared (tb->fastreuseport, sk_reuseport_match() in
    # net/ipv4/inet_connection_sock.c), so the one that has the option passes without a closer look.
    testbed.listen_both(a, b, port_free=False)


@scenario()
def reuseaddr_and_reuseport(testbed: Testbed) -> None:
    """One has SO_REUSEADDR only, the other both: no port sharing."""
    a = testbed.bound(IPV4, None, REUSEADDR)
    testbed.listen_both(a, testbed.bound(IPV4, a.getsockname(), REUSEADDR, REUSEPORT), port_free=False)


@scenario()
def reuseaddr_and_connection(testbed: Testbed) -> None:
    """A connection on the port is no conflict when both have SO_REUSEADDR."""
    server = testbed.listener(IPV4)
    a, b = _pair(testbed, IPV4, IPV4)
    a.connect(server.getsockname())
    testbed.listen(b, 5)


@scenario(*TCP, MPTCP)
def autobind_exhausted(testbed: Testbed, kind: SocketKind) -> None:
    """An unbound socket finds no port when all of ip_local_port_range are taken."""
    testbed.take_every_port(kind)
    testbed.listen(testbed.unbound(kind), 9, port_free=False)


@scenario()
def autobind_port_freed(testbed: Testbed) -> None:
    """The same socket listens once a port is free; the failed call left its backlog behind."""
    taken = testbed.take_every_port(IPV4)
    sock = testbed.unbound(IPV4)
    testbed.listen(sock, 9, port_free=False)
    taken[2].close()
    testbed.listen(sock, 10)


@scenario()
def autobind_odd_range(testbed: Testbed) -> None:
    """The last port of a range of odd size is found or missed, by chance: both are allowed.

    inet_csk_find_open_port() rounds the number of ports it tries down to an even one and starts at
    a random place (net/ipv4/inet_connection_sock.c).
    """
    testbed.take_every_port(IPV4)
    testbed.sysctl("net.ipv4.ip_local_port_range", "40000 40004")
    testbed.listen(testbed.unbound(IPV4), 9, port_free=None)


@scenario()
def autobind_last_port(testbed: Testbed) -> None:
    """One port in the range is left, and the kernel finds it."""
    testbed.sysctl("net.ipv4.ip_local_port_range", "40000 40003")
    for port in (40000, 40001, 40003):
        testbed.bound(IPV4, ("", port))
    testbed.listen(testbed.unbound(IPV4), 9)
