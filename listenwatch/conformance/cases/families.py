"""Families other than the internet's and UNIX': AF_VSOCK, SCTP, and more kinds of socket that cannot listen."""

import contextlib
import socket

from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import SocketKind
from listenwatch.conformance.harness.testbed import REUSEADDR, Testbed

_SEQPACKET, _RAW, _DGRAM = socket.SOCK_SEQPACKET, socket.SOCK_RAW, socket.SOCK_DGRAM
VSOCK = SocketKind("stream", socket.AF_VSOCK, socket.SOCK_STREAM, 0, "", ("VSOCK",))
VSOCK_SEQ = SocketKind("seqpacket", socket.AF_VSOCK, _SEQPACKET, 0, "", ("VSOCK seqpacket (5.14)",))
BOTH = (VSOCK, VSOCK_SEQ)
_ANY, _LOCAL = 0xFFFF_FFFF, 1  # VMADDR_CID_ANY and VMADDR_PORT_ANY; VMADDR_CID_LOCAL


def _vsock(testbed: Testbed, kind: SocketKind) -> socket.socket:
    """Bound to a port of the kernel's choice: ports of AF_VSOCK are the whole machine's."""
    return testbed.bound(kind, (_ANY, _ANY))


@scenario(*BOTH)
def vsock_bound(testbed: Testbed, kind: SocketKind) -> None:
    """A bound AF_VSOCK socket listens with the backlog it asks for, 0 included."""
    for backlog in (5, 0):
        testbed.listen(_vsock(testbed, kind), backlog)


@scenario(*BOTH)
def vsock_not_bound(testbed: Testbed, kind: SocketKind) -> None:
    """Without an address AF_VSOCK refuses: there is no autobind; after bind() it listens."""
    sock = testbed.unbound(kind)
    testbed.listen(sock, 5)
    sock.bind((_ANY, _ANY))
    testbed.listen(sock, 6)


@scenario(*BOTH)
def vsock_clamped(testbed: Testbed, kind: SocketKind) -> None:
    """The clamp is that of the network namespace, though AF_VSOCK itself knows none."""
    testbed.somaxconn(77)
    sock = _vsock(testbed, kind)
    testbed.listen(sock, 511, -1)
    testbed.new_namespace()
    testbed.listen(sock, 511)


listens("vsock-relisten", "A second listen() changes the limit, up and down", _vsock, *BOTH, backlogs=(10, 20, 5, 0))


@scenario(VSOCK)
def vsock_shut_down(testbed: Testbed, kind: SocketKind) -> None:
    """shutdown() of an AF_VSOCK listener fails (ENOTCONN), and it goes on listening."""
    sock = _vsock(testbed, kind)
    testbed.listen(sock, 5)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    testbed.listen(sock, 6)


@scenario(VSOCK)
def vsock_port_taken(testbed: Testbed, kind: SocketKind) -> None:
    """A port in use is refused by bind(), never by listen(): the socket stays without an address."""
    port = _vsock(testbed, kind).getsockname()[1]
    sock = testbed.unbound(kind, REUSEADDR)
    with contextlib.suppress(OSError):
        sock.bind((_ANY, port))
    testbed.listen(sock, 5)


@scenario(VSOCK)
def vsock_connect_fails(testbed: Testbed, kind: SocketKind) -> None:
    """After a connect() to this machine that failed; where there is a loopback it left an address behind."""
    sock = testbed.unbound(kind)
    sock.connect_ex((_LOCAL, 9))
    testbed.listen(sock, 5)


_VMCI = SocketKind("dgram", socket.AF_VSOCK, _DGRAM, 0)
listens("vsock-datagrams", "AF_VSOCK datagrams (VMCI only) have a listen function that refuses",
        lambda t, _: t.unbound(_VMCI), needs=("VSOCK datagrams",))  # fmt: skip


# -- SCTP: one-to-one and one-to-many
_SCTP = (
    SocketKind("stream", socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP, "127.0.0.1", ("SCTP",)),
    SocketKind("many", socket.AF_INET, _SEQPACKET, socket.IPPROTO_SCTP, "127.0.0.1", ("SCTP",)),
    SocketKind("ipv6", socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_SCTP, "::1", ("IPv6", "SCTP")),
)


@scenario(*_SCTP)
def sctp_bound(testbed: Testbed, kind: SocketKind) -> None:
    """SCTP stores the backlog like TCP, for one-to-many sockets too."""
    testbed.somaxconn(100)
    for backlog in (5, 511, -1):
        testbed.listen(testbed.bound(kind), backlog)


listens("sctp-not-bound", "An unbound SCTP socket gets a port from listen()", lambda t, kind: t.unbound(kind), *_SCTP)
listens("sctp-backlog-0", "Backlog 0 ends the listening; without any to end it is EINVAL",
        lambda t, kind: t.bound(kind), *_SCTP, backlogs=(0, 5, 0, 0, 6))  # fmt: skip
listens("sctp-relisten", "A second listen() changes the limit", lambda t, kind: t.bound(kind), *_SCTP[:2], backlogs=(5, 20, 1))


@scenario(_SCTP[0])
def sctp_port_taken(testbed: Testbed, kind: SocketKind) -> None:
    """Two with SO_REUSEADDR on a port: the one that listens second is refused."""
    a = testbed.bound(kind, None, REUSEADDR)
    testbed.listen_both(a, testbed.bound(kind, a.getsockname(), REUSEADDR), port_free=None)


@scenario(_SCTP[0])
def sctp_connected(testbed: Testbed, kind: SocketKind) -> None:
    """Neither end of an association can listen."""
    for end in testbed.connection(kind):
        testbed.listen(end, 5)


# -- kinds that cannot listen


@scenario(
    SocketKind("packet-dgram", socket.AF_PACKET, _DGRAM, 0),
    SocketKind("unix-raw", socket.AF_UNIX, _RAW, 0),
    SocketKind("raw-header", socket.AF_INET, _RAW, 255),
    SocketKind("ping6", socket.AF_INET6, _DGRAM, socket.IPPROTO_ICMPV6, "", ("IPv6",)),
    SocketKind("udplite6", socket.AF_INET6, _DGRAM, 136, "::1", ("IPv6", "UDP-Lite")),
    SocketKind("xdp", 44, _RAW, 0, "", ("XDP",)),
    SocketKind("key", 15, _RAW, 2, "", ("AF_KEY",)),
    SocketKind("alg", socket.AF_ALG, _SEQPACKET, 0, "", ("AF_ALG",)),
    SocketKind("can", socket.AF_CAN, _RAW, socket.CAN_RAW, "", ("CAN",)),
    SocketKind("can-bcm", socket.AF_CAN, _DGRAM, socket.CAN_BCM, "", ("CAN",)),
    SocketKind("kcm", 41, _DGRAM, 0, "", ("KCM",)),
    SocketKind("rds", socket.AF_RDS, _SEQPACKET, 0, "", ("RDS",)),
    SocketKind("l2tp", socket.AF_INET, _DGRAM, 115, "", ("L2TP",)),
    SocketKind("pppox", 24, _DGRAM, 0, "", ("PPPoE",)),
    SocketKind("phonet", 35, _DGRAM, 0, "", ("Phonet",)),
    SocketKind("tipc", 30, _DGRAM, 0, "", ("TIPC",)),
    SocketKind("tipc-rdm", 30, socket.SOCK_RDM, 0, "", ("TIPC",)),
    SocketKind("hci", 31, _RAW, 1, "", ("Bluetooth",)),
    SocketKind("nfc", 39, _RAW, 0, "", ("NFC",)),
)
def refuses_in(testbed: Testbed, kind: SocketKind) -> None:
    """More kinds of socket that cannot listen; the clamp runs all the same."""
    testbed.somaxconn(3)
    testbed.sysctl("net.ipv4.ping_group_range", "0 0")
    testbed.listen(testbed.unbound(kind), 5)


@scenario()
def unix_dgram_connected(testbed: Testbed) -> None:
    """A datagram socket of AF_UNIX, bound and connected, still cannot listen."""
    kind = SocketKind("unix-dgram", socket.AF_UNIX, _DGRAM, 0)
    server, client = testbed.bound(kind), testbed.bound(kind)
    client.connect(server.getsockname())
    for sock in (server, client):
        testbed.listen(sock, 5)


_PACKET = SocketKind("packet", socket.AF_PACKET, _RAW, 0)
_NETLINK = SocketKind("netlink", socket.AF_NETLINK, _RAW, 0)
listens("packet-bound", "A packet socket bound to a device", lambda t, _: t.bound(_PACKET, ("lo", 0)))
listens("netlink-bound", "A netlink socket with a port number of its own", lambda t, _: t.bound(_NETLINK, (0, 0)))
