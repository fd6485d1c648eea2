"""A first listen: what becomes of the backlog under net.core.somaxconn."""

from listenwatch.conformance.harness import socket_kinds as kinds
from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import ALL, IPV4, IPV6, TCP, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.conformance.traffic.measure import fastopen_limit, sysctls_of_new_namespace

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)


def _first(name: str, of: tuple[SocketKind, ...], limit: int, *backlogs: int, summary: str) -> None:
    """Register a first listen() with each backlog, on a fresh socket each, under that somaxconn."""

    @scenario(*of, name=name, summary=summary)
    def run(testbed: Testbed, kind: SocketKind) -> None:
        testbed.somaxconn(limit)
        for backlog in backlogs:
            testbed.listen(testbed.bound(kind), backlog)


_CLAMPED = (*ALL, kinds.MPTCP6, kinds.SEQPACKET)
_first("backlog-kept", ALL, 4096, 511, summary="A backlog below somaxconn is stored as it is")
_first("backlog-clamped", _CLAMPED, 128, 511, summary="A backlog above somaxconn is clamped to it")
_first("backlog-0", ALL, 4096, 0, summary="Backlog 0 is kept: there is no lower bound")
_first("backlog-negative", ALL, 300, -1,
       summary="A negative backlog counts as huge, because the kernel compares unsigned")  # fmt: skip
_first("backlog-1", TCP, 4096, 1, summary="Backlog 1")
_first("backlog-at-somaxconn", TCP, 200, 200, summary="A backlog of exactly somaxconn")
_first("backlog-one-above", TCP, 200, 201, summary="One more than somaxconn")
_first("backlog-65536", TCP, INT_MAX, 65536, 100_000,
       summary="65536 and more fit: the field was 16 bits wide before 4.1")  # fmt: skip


@scenario(INT_MAX, INT_MIN, names=("int-max", "int-min"))
def backlog(testbed: Testbed, number: int) -> None:
    """The ends of the range of a C int."""
    testbed.listen(testbed.bound(IPV4), number)


@scenario(0, 1, 65536, INT_MAX, names=("0", "1", "65536", "int-max"))
def somaxconn(testbed: Testbed, limit: int) -> None:
    """somaxconn at its bounds, with a backlog below, at and above it, and a negative one."""
    testbed.somaxconn(limit)
    for backlog in (1, 511, INT_MAX, -1):
        testbed.listen(testbed.bound(IPV4), backlog)


listens("autobind", "An unbound socket gets a port from listen()", lambda t, kind: t.unbound(kind),
        *TCP, kinds.MPTCP, kinds.MPTCP6, backlogs=(7,))  # fmt: skip


@scenario()
def tcp_fastopen_0x403(testbed: Testbed) -> None:
    """tcp_fastopen 0x403 gives every listener a fast open queue; the backlog is not touched."""
    fastopen_limit(testbed, IPV4, 0x403, 33, 77)


@scenario()
def tcp_fastopen_0x803(testbed: Testbed) -> None:
    """With 0x800 the limit was the number in the upper half of tcp_fastopen, until 4.8."""
    fastopen_limit(testbed, IPV4, 5000 << 16 | 0x803, 33)


@scenario(0, 1, 2)
def tcp_syncookies(testbed: Testbed, value: int) -> None:
    """SYN cookies do not matter to listen()."""
    testbed.sysctl("net.ipv4.tcp_syncookies", value)
    testbed.listen(testbed.bound(IPV4), 10)


@scenario()
def tcp_max_syn_backlog_1(testbed: Testbed) -> None:
    """tcp_max_syn_backlog does not limit what listen() stores."""
    testbed.sysctl("net.ipv4.tcp_max_syn_backlog", 1)
    testbed.listen(testbed.bound(IPV4), 511)


@scenario()
def somaxconn_of_new_namespace(testbed: Testbed) -> None:
    """A new namespace has the default, whatever the one it was made in has, and refuses what is out of range."""
    sysctls_of_new_namespace(testbed, IPV4, 77, (INT_MIN, -1, 0, 65535, 65536, INT_MAX))


@scenario()
def another_namespace(testbed: Testbed) -> None:
    """The socket's namespace counts, not the one its process has moved to since."""
    testbed.somaxconn(100)
    sock = testbed.bound(IPV6)
    testbed.new_namespace()
    testbed.somaxconn(200)
    testbed.listen(sock, 511)
    testbed.listen(testbed.bound(IPV6), 511)
