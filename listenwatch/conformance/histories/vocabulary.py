"""What histories are made of: the kinds of socket, backlogs, addresses, options and sysctls, and how often each."""

import socket

from listenwatch.conformance.harness.socket_kinds import IPPROTO_MPTCP

_STREAM, _DGRAM, _SEQPACKET = map(int, (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET))
_V4, _V6, UNIX = map(int, (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX))
SocketKind = tuple[int, int, int]
KINDS: tuple[tuple[SocketKind, int], ...] = (
    ((_V4, _STREAM, 0), 10),
    ((_V6, _STREAM, 0), 8),
    ((_V4, _STREAM, IPPROTO_MPTCP), 2),
    ((_V6, _STREAM, IPPROTO_MPTCP), 1),
    ((UNIX, _STREAM, 0), 3),
    ((UNIX, _SEQPACKET, 0), 2),
    ((UNIX, _DGRAM, 0), 1),
    ((_V4, _DGRAM, 0), 1),
    ((_V6, _DGRAM, 0), 1),
)
"""Kinds of socket (family, type, protocol), and how often each."""

_SMALL = (0, 1, 2, 3, 5, 8, 64, 127, 128, 511)
BACKLOGS = (*_SMALL, 4095, 4096, 4097, 65535, 65536, 100_000, 2**31 - 1, -1, -2, -128, -(2**31))

HOSTS = {
    _V4: ("0.0.0.0", "127.0.0.1", "127.0.0.1", "127.0.0.2", "192.0.2.7"),
    _V6: ("::", "::1", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "2001:db8::7"),
}
OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR, 6),
    (socket.SOL_SOCKET, socket.SO_REUSEPORT, 5),
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 4),
    (socket.IPPROTO_IP, 15, 3),  # IP_FREEBIND
    (socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 1),
)
SYSCTLS = (
    ("net.core.somaxconn", ("0", "1", "5", "128", "4096", "65536", "2147483647"), 8),
    ("net.ipv4.tcp_fastopen", ("0", "1", "2", "1027"), 1),
    ("net.ipv4.tcp_syncookies", ("0", "1", "2"), 1),
    ("net.ipv4.tcp_max_syn_backlog", ("1", "16", "1024"), 1),
    ("net.ipv4.tcp_abort_on_overflow", ("0", "1"), 1),
    ("net.ipv4.ip_local_port_range", ("2", "2", "4", "5"), 3),
)
NARROW = "net.ipv4.ip_local_port_range"
"""Its value in a history is how many ports the range shall have; the run chooses which."""
