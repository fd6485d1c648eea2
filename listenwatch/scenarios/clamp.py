"""A first listen: what becomes of the backlog under net.core.somaxconn."""

from __future__ import annotations

from listenwatch.scenarios.kinds import ALL, IPV4, IPV6, MPTCP, MPTCP6, SEQPACKET, TCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)


@scenario(*ALL)
def backlog_kept(lab: Lab, kind: Kind) -> None:
    """A backlog below somaxconn is stored as it is."""
    lab.somaxconn(4096)
    lab.listen(lab.bound(kind), 511)


@scenario(*ALL, MPTCP6, SEQPACKET)
def backlog_clamped(lab: Lab, kind: Kind) -> None:
    """A backlog above somaxconn is clamped to it."""
    lab.somaxconn(128)
    lab.listen(lab.bound(kind), 511)


@scenario(*ALL)
def backlog_0(lab: Lab, kind: Kind) -> None:
    """Backlog 0 is kept: there is no lower bound."""
    lab.listen(lab.bound(kind), 0)


@scenario(*ALL)
def backlog_negative(lab: Lab, kind: Kind) -> None:
    """A negative backlog counts as huge, because the kernel compares unsigned."""
    lab.somaxconn(300)
    lab.listen(lab.bound(kind), -1)


@scenario(*TCP)
def backlog_1(lab: Lab, kind: Kind) -> None:
    """Backlog 1."""
    lab.listen(lab.bound(kind), 1)


@scenario(*TCP)
def backlog_at_somaxconn(lab: Lab, kind: Kind) -> None:
    """A backlog of exactly somaxconn."""
    lab.somaxconn(200)
    lab.listen(lab.bound(kind), 200)


@scenario(*TCP)
def backlog_one_above(lab: Lab, kind: Kind) -> None:
    """One more than somaxconn."""
    lab.somaxconn(200)
    lab.listen(lab.bound(kind), 201)


@scenario(INT_MAX, INT_MIN, names=("int-max", "int-min"))
def backlog(lab: Lab, number: int) -> None:
    """The ends of the range of a C int."""
    lab.somaxconn(4096)
    lab.listen(lab.bound(IPV4), number)


@scenario(0, 1, 65536, INT_MAX, names=("0", "1", "65536", "int-max"))
def somaxconn(lab: Lab, limit: int) -> None:
    """somaxconn at its bounds, with a backlog below, at and above it, and a negative one."""
    lab.somaxconn(limit)
    for backlog in (1, 511, INT_MAX, -1):
        lab.listen(lab.bound(IPV4), backlog)


@scenario(*TCP)
def backlog_65536(lab: Lab, kind: Kind) -> None:
    """65536 and more fit: the field was 16 bits wide before 4.1."""
    lab.somaxconn(INT_MAX)
    lab.listen(lab.bound(kind), 65536)
    lab.listen(lab.bound(kind), 100_000)


@scenario(*TCP, MPTCP, MPTCP6)
def autobind(lab: Lab, kind: Kind) -> None:
    """An unbound socket gets a port from listen()."""
    lab.listen(lab.unbound(kind), 7)


@scenario()
def tcp_fastopen_0x403(lab: Lab) -> None:
    """tcp_fastopen 0x403 gives every listener a fast open queue; the backlog is not touched."""
    lab.sysctl("net.ipv4.tcp_fastopen", 0x403)
    sock = lab.bound(IPV4)
    lab.listen(sock, 33)
    lab.listen(sock, 77)


@scenario(0, 1, 2)
def tcp_syncookies(lab: Lab, value: int) -> None:
    """SYN cookies do not matter to listen()."""
    lab.sysctl("net.ipv4.tcp_syncookies", value)
    lab.listen(lab.bound(IPV4), 10)


@scenario()
def tcp_max_syn_backlog_1(lab: Lab) -> None:
    """tcp_max_syn_backlog does not limit what listen() stores."""
    lab.sysctl("net.ipv4.tcp_max_syn_backlog", 1)
    lab.listen(lab.bound(IPV4), 511)


@scenario()
def another_namespace(lab: Lab) -> None:
    """The socket's namespace counts, not the one its process has moved to since."""
    lab.somaxconn(100)
    sock = lab.bound(IPV6)
    lab.new_namespace()
    lab.somaxconn(200)
    lab.listen(sock, 511)
    lab.listen(lab.bound(IPV6), 511)
