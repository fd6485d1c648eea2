"""One port, two internet families: which addresses of theirs overlap."""

import socket

from listenwatch.conformance.harness.registry import both_listen, scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, MPTCP, SocketKind
from listenwatch.conformance.harness.testbed import REUSEADDR, V6ONLY, Testbed

_LO, _MAPPED_LO, _MAPPED_ANY = "127.0.0.1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"
_IPV6 = ("IPv6",)


def _on_5000(testbed: Testbed, *ends: tuple[SocketKind, str]) -> list[socket.socket]:
    """Sockets with SO_REUSEADDR on port 5000, each of a kind and bound to an address."""
    return [testbed.bound(kind, (host, 5000), REUSEADDR) for kind, host in ends]


both_listen("dual-mapped-is-ipv4", "::ffff:127.0.0.1 is 127.0.0.1",
            lambda t, _: reversed(_on_5000(t, (IPV4, _LO), (IPV6, _MAPPED_LO))), port_free=False, needs=_IPV6)  # fmt: skip
both_listen("dual-mapped-both", "::ffff:0.0.0.0 has ::ffff:127.0.0.1 too, but 6.1.192 does not see it and lets both listen",
            lambda t, _: _on_5000(t, (IPV6, _MAPPED_ANY), (IPV6, _MAPPED_LO)), port_free=None, needs=_IPV6)  # fmt: skip
both_listen("dual-mapped-elsewhere", "Two mapped addresses are two addresses",
            lambda t, _: [t.bound(IPV6, (host, 5000)) for host in (_MAPPED_LO, "::ffff:127.0.0.2")], needs=_IPV6)  # fmt: skip
both_listen("dual-mptcp-beside-tcp", "MPTCP listens on a TCP port: two protocols, one conflict",
            lambda t, _: reversed(_on_5000(t, (IPV4, _LO), (MPTCP, _LO))), port_free=False, needs=("IPv6", "MPTCP"))  # fmt: skip


@scenario(needs=_IPV6)
def dual_mapped_wildcard(testbed: Testbed) -> None:
    """::ffff:0.0.0.0 is every IPv4 address and no IPv6 one."""
    a, b = _on_5000(testbed, (IPV4, _LO), (IPV6, _MAPPED_ANY))
    c = testbed.bound(IPV6, ("::1", 5000))
    testbed.listen_both(b, a, port_free=False)
    testbed.listen(c, 7)


@scenario(needs=_IPV6)
def dual_wildcards(testbed: Testbed) -> None:
    """[::] and 0.0.0.0: who listens first has both."""
    a, b = _on_5000(testbed, (IPV4, "0.0.0.0"), (IPV6, "::"))
    testbed.listen_both(a, b, port_free=False)
    a.close()
    testbed.listen(b, 7)


@scenario(needs=_IPV6)
def dual_loopbacks(testbed: Testbed) -> None:
    """::1 and 127.0.0.1 on one port, with no option at all."""
    testbed.listen(testbed.bound(IPV4, (_LO, 5000)), 5)
    testbed.listen(testbed.bound(IPV6, ("::1", 5000)), 6)


@scenario(needs=_IPV6)
def dual_v6only_wildcards(testbed: Testbed) -> None:
    """Two [::] of which one takes IPv6 only overlap all the same."""
    a, b = (testbed.bound(IPV6, ("::", 5000), REUSEADDR, *only) for only in ((V6ONLY,), ()))
    testbed.listen_both(a, b, port_free=False)


@scenario(needs=_IPV6)
def dual_autobind(testbed: Testbed) -> None:
    """An unbound IPv6 socket needs a port that is free in IPv4 too; with IPV6_V6ONLY it does not."""
    testbed.take_every_port(IPV4, _LO)
    testbed.listen(testbed.unbound(IPV6), 5, port_free=False)
    testbed.listen(testbed.unbound(IPV6, V6ONLY), 6)
