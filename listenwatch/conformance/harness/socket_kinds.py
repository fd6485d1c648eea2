"""The kinds of socket a scenario can be repeated for."""

import itertools
import socket
from typing import NamedTuple

IPPROTO_MPTCP = 262

Address = tuple[str | int, int] | str
"""Of the internet (host, port), of AF_UNIX, or of AF_NETLINK (two numbers)."""


class SocketKind(NamedTuple):
    """A kind of socket: its arguments to socket(2), and the local host's address in its family."""

    name: str
    family: int
    type: int
    protocol: int
    host: str = ""
    needs: tuple[str, ...] = ()

    def socket(self) -> socket.socket:
        """A fresh socket of this kind. OSError where the kernel lacks it."""
        return socket.socket(self.family, self.type, self.protocol)

    def address(self) -> Address:
        """An address nobody else has: port 0 for the kernel to choose, or a new abstract name."""
        if self.family == socket.AF_UNIX:
            return f"\0listenwatch-{next(_names)}"
        return (self.host, 0)


_names = itertools.count(1)

IPV4 = SocketKind("ipv4", socket.AF_INET, socket.SOCK_STREAM, 0, "127.0.0.1")
IPV6 = SocketKind("ipv6", socket.AF_INET6, socket.SOCK_STREAM, 0, "::1", ("IPv6",))
MPTCP = SocketKind("mptcp", socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1", ("MPTCP",))
MPTCP6 = SocketKind("mptcp6", socket.AF_INET6, socket.SOCK_STREAM, IPPROTO_MPTCP, "::1", ("IPv6", "MPTCP"))
UNIX = SocketKind("unix", socket.AF_UNIX, socket.SOCK_STREAM, 0)
SEQPACKET = SocketKind("seqpacket", socket.AF_UNIX, socket.SOCK_SEQPACKET, 0)

TCP = (IPV4, IPV6)
ALL = (IPV4, IPV6, MPTCP, UNIX)
