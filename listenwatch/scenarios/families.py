"""Families beside the internet's and UNIX': AF_VSOCK, SCTP, and more kinds of socket that cannot listen."""

from __future__ import annotations

import contextlib
import socket

from listenwatch.scenarios.kinds import Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_SEQPACKET, _RAW, _DGRAM = socket.SOCK_SEQPACKET, socket.SOCK_RAW, socket.SOCK_DGRAM
VSOCK = Kind("stream", socket.AF_VSOCK, socket.SOCK_STREAM, 0, "", ("VSOCK",))
VSOCK_SEQ = Kind("seqpacket", socket.AF_VSOCK, _SEQPACKET, 0, "", ("VSOCK seqpacket (5.14)",))
BOTH = (VSOCK, VSOCK_SEQ)
_ANY, _LOCAL = 0xFFFF_FFFF, 1  # VMADDR_CID_ANY and VMADDR_PORT_ANY; VMADDR_CID_LOCAL


def _vsock(lab: Lab, kind: Kind, port: int = _ANY) -> socket.socket:
    """Bound to a port of the kernel's choice: ports of AF_VSOCK are the whole machine's."""
    sock = lab.unbound(kind)
    sock.bind((_ANY, port))
    return sock


@scenario(*BOTH)
def vsock_bound(lab: Lab, kind: Kind) -> None:
    """A bound AF_VSOCK socket listens with the backlog it asks for, 0 included."""
    lab.listen(_vsock(lab, kind), 5)
    lab.listen(_vsock(lab, kind), 0)


@scenario(*BOTH)
def vsock_not_bound(lab: Lab, kind: Kind) -> None:
    """Without an address AF_VSOCK refuses: there is no autobind; after bind() it listens."""
    sock = lab.unbound(kind)
    lab.listen(sock, 5)
    sock.bind((_ANY, _ANY))
    lab.listen(sock, 6)


@scenario(*BOTH)
def vsock_clamped(lab: Lab, kind: Kind) -> None:
    """The clamp is that of the network namespace, though AF_VSOCK itself knows none."""
    lab.somaxconn(77)
    sock = _vsock(lab, kind)
    lab.listen(sock, 511)
    lab.listen(sock, -1)
    lab.new_namespace()
    lab.listen(sock, 511)


@scenario(*BOTH)
def vsock_relisten(lab: Lab, kind: Kind) -> None:
    """A second listen() changes the limit, up and down."""
    sock = _vsock(lab, kind)
    for backlog in (10, 20, 5, 0):
        lab.listen(sock, backlog)


@scenario(VSOCK)
def vsock_shut_down(lab: Lab, kind: Kind) -> None:
    """shutdown() of an AF_VSOCK listener fails (ENOTCONN), and it goes on listening."""
    sock = _vsock(lab, kind)
    lab.listen(sock, 5)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    lab.listen(sock, 6)


@scenario(VSOCK)
def vsock_port_taken(lab: Lab, kind: Kind) -> None:
    """A port in use is refused by bind(), never by listen(): the socket stays without an address."""
    port = _vsock(lab, kind).getsockname()[1]
    sock = lab.unbound(kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with contextlib.suppress(OSError):
        sock.bind((_ANY, port))
    lab.listen(sock, 5)


@scenario(VSOCK)
def vsock_connect_fails(lab: Lab, kind: Kind) -> None:
    """After a connect() to this machine that failed; where there is a loopback it left an address behind."""
    sock = lab.unbound(kind)
    sock.connect_ex((_LOCAL, 9))
    lab.listen(sock, 5)


@scenario(needs=("VSOCK datagrams",))
def vsock_datagrams(lab: Lab) -> None:
    """AF_VSOCK datagrams (VMCI only) have a listen function that refuses."""
    lab.listen(lab.unbound(Kind("dgram", socket.AF_VSOCK, _DGRAM, 0)), 5)


# -- SCTP: one-to-one and one-to-many
_SCTP = (
    Kind("stream", socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP, "127.0.0.1", ("SCTP",)),
    Kind("many", socket.AF_INET, _SEQPACKET, socket.IPPROTO_SCTP, "127.0.0.1", ("SCTP",)),
    Kind("ipv6", socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_SCTP, "::1", ("IPv6", "SCTP")),
)


@scenario(*_SCTP)
def sctp_bound(lab: Lab, kind: Kind) -> None:
    """SCTP stores the backlog like TCP, for one-to-many sockets too."""
    lab.somaxconn(100)
    lab.listen(lab.bound(kind), 5)
    lab.listen(lab.bound(kind), 511)
    lab.listen(lab.bound(kind), -1)


@scenario(*_SCTP)
def sctp_not_bound(lab: Lab, kind: Kind) -> None:
    """An unbound SCTP socket gets a port from listen()."""
    lab.listen(lab.unbound(kind), 5)


@scenario(*_SCTP)
def sctp_backlog_0(lab: Lab, kind: Kind) -> None:
    """Backlog 0 ends the listening; without any to end it is EINVAL."""
    sock = lab.bound(kind)
    for backlog in (0, 5, 0, 0, 6):
        lab.listen(sock, backlog)


@scenario(*_SCTP[:2])
def sctp_relisten(lab: Lab, kind: Kind) -> None:
    """A second listen() changes the limit."""
    sock = lab.bound(kind)
    for backlog in (5, 20, 1):
        lab.listen(sock, backlog)


@scenario(_SCTP[0])
def sctp_port_taken(lab: Lab, kind: Kind) -> None:
    """Two with SO_REUSEADDR on a port: the one that listens second is refused."""
    a = lab.bound(kind, reuseaddr=True)
    b = lab.bound(kind, a.getsockname(), reuseaddr=True)
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=None)


@scenario(_SCTP[0])
def sctp_connected(lab: Lab, kind: Kind) -> None:
    """Neither end of an association can listen."""
    for end in lab.connection(kind):
        lab.listen(end, 5)


# -- kinds that cannot listen


@scenario(
    Kind("packet-dgram", socket.AF_PACKET, _DGRAM, 0),
    Kind("unix-raw", socket.AF_UNIX, _RAW, 0),
    Kind("raw-header", socket.AF_INET, _RAW, 255),
    Kind("ping6", socket.AF_INET6, _DGRAM, socket.IPPROTO_ICMPV6, "", ("IPv6",)),
    Kind("udplite6", socket.AF_INET6, _DGRAM, 136, "::1", ("IPv6", "UDP-Lite")),
    Kind("xdp", 44, _RAW, 0, "", ("XDP",)),
    Kind("key", 15, _RAW, 2, "", ("AF_KEY",)),
    Kind("alg", socket.AF_ALG, _SEQPACKET, 0, "", ("AF_ALG",)),
    Kind("can", socket.AF_CAN, _RAW, socket.CAN_RAW, "", ("CAN",)),
    Kind("can-bcm", socket.AF_CAN, _DGRAM, socket.CAN_BCM, "", ("CAN",)),
    Kind("kcm", 41, _DGRAM, 0, "", ("KCM",)),
    Kind("rds", socket.AF_RDS, _SEQPACKET, 0, "", ("RDS",)),
    Kind("l2tp", socket.AF_INET, _DGRAM, 115, "", ("L2TP",)),
)
def refuses_in(lab: Lab, kind: Kind) -> None:
    """More kinds of socket that cannot listen; the clamp runs all the same."""
    lab.somaxconn(3)
    lab.sysctl("net.ipv4.ping_group_range", "0 0")
    sock = lab.unbound(kind)
    lab.listen(sock, 5)


@scenario()
def unix_dgram_connected(lab: Lab) -> None:
    """A datagram socket of AF_UNIX, bound and connected, still cannot listen."""
    kind = Kind("unix-dgram", socket.AF_UNIX, _DGRAM, 0)
    server, client = lab.bound(kind), lab.bound(kind)
    client.connect(server.getsockname())
    lab.listen(server, 5)
    lab.listen(client, 5)


@scenario()
def packet_bound(lab: Lab) -> None:
    """A packet socket bound to a device."""
    sock = lab.keep(socket.socket(socket.AF_PACKET, _RAW, 0))
    sock.bind(("lo", 0))
    lab.listen(sock, 5)


@scenario()
def netlink_bound(lab: Lab) -> None:
    """A netlink socket with a port number of its own."""
    sock = lab.keep(socket.socket(socket.AF_NETLINK, _RAW, 0))
    sock.bind((0, 0))
    lab.listen(sock, 5)
