"""One port, two internet families: which addresses of theirs overlap."""

from __future__ import annotations

import socket

from listenwatch.scenarios.kinds import IPV4, IPV6, MPTCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario


def _dual(lab: Lab, first: tuple[Kind, str], second: tuple[Kind, str]) -> list[socket.socket]:
    """Two sockets with SO_REUSEADDR on one port, each of a family and bound to an address."""
    return [lab.bound(kind, (host, 5000), reuseaddr=True) for kind, host in (first, second)]


@scenario(needs=("IPv6",))
def dual_mapped_is_ipv4(lab: Lab) -> None:
    """::ffff:127.0.0.1 is 127.0.0.1."""
    a, b = _dual(lab, (IPV4, "127.0.0.1"), (IPV6, "::ffff:127.0.0.1"))
    lab.listen(b, 5)
    lab.listen(a, 6, port_free=False)


@scenario(needs=("IPv6",))
def dual_mapped_wildcard(lab: Lab) -> None:
    """::ffff:0.0.0.0 is every IPv4 address and no IPv6 one."""
    a, b = _dual(lab, (IPV4, "127.0.0.1"), (IPV6, "::ffff:0.0.0.0"))
    c = lab.bound(IPV6, ("::1", 5000))
    lab.listen(b, 5)
    lab.listen(a, 6, port_free=False)
    lab.listen(c, 7)


@scenario(needs=("IPv6",))
def dual_mapped_both(lab: Lab) -> None:
    """::ffff:0.0.0.0 has ::ffff:127.0.0.1 too, but 6.1.192 does not see it and lets both listen."""
    a, b = _dual(lab, (IPV6, "::ffff:0.0.0.0"), (IPV6, "::ffff:127.0.0.1"))
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=None)


@scenario(needs=("IPv6",))
def dual_mapped_elsewhere(lab: Lab) -> None:
    """Two mapped addresses are two addresses."""
    a = lab.bound(IPV6, ("::ffff:127.0.0.1", 5000))
    b = lab.bound(IPV6, ("::ffff:127.0.0.2", 5000))
    lab.listen(a, 5)
    lab.listen(b, 6)


@scenario(needs=("IPv6",))
def dual_wildcards(lab: Lab) -> None:
    """[::] and 0.0.0.0: who listens first has both."""
    a, b = _dual(lab, (IPV4, "0.0.0.0"), (IPV6, "::"))
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)
    a.close()
    lab.listen(b, 7)


@scenario(needs=("IPv6",))
def dual_loopbacks(lab: Lab) -> None:
    """::1 and 127.0.0.1 on one port, with no option at all."""
    lab.listen(lab.bound(IPV4, ("127.0.0.1", 5000)), 5)
    lab.listen(lab.bound(IPV6, ("::1", 5000)), 6)


@scenario(needs=("IPv6",))
def dual_v6only_wildcards(lab: Lab) -> None:
    """Two [::] of which one takes IPv6 only overlap all the same."""
    a, b = lab.unbound(IPV6), lab.unbound(IPV6)
    a.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for sock in (a, b):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::", 5000))
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)


@scenario(needs=("IPv6",))
def dual_autobind(lab: Lab) -> None:
    """An unbound IPv6 socket needs a port that is free in IPv4 too; with IPV6_V6ONLY it does not."""
    lab.sysctl("net.ipv4.ip_local_port_range", "40000 40003")
    for port in range(40000, 40004):
        lab.bound(IPV4, ("127.0.0.1", port))
    lab.listen(lab.unbound(IPV6), 5, port_free=False)
    sock = lab.unbound(IPV6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    lab.listen(sock, 6)


@scenario(needs=("IPv6", "MPTCP"))
def dual_mptcp_beside_tcp(lab: Lab) -> None:
    """MPTCP listens on a TCP port: two protocols, one conflict."""
    a = lab.bound(IPV4, ("127.0.0.1", 5000), reuseaddr=True)
    b = lab.bound(MPTCP, ("127.0.0.1", 5000), reuseaddr=True)
    lab.listen(b, 5)
    lab.listen(a, 6, port_free=False)
