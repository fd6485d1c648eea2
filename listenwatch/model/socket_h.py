"""include/linux/socket.h: address families by what their listen() is: none at all, or not modelled, and why.

The families with a model are in ``socket_c``.
"""

from typing import NamedTuple

VSOCK = 40

NO_LISTEN = {
    15: "AF_KEY", 16: "AF_NETLINK", 17: "AF_PACKET", 21: "AF_RDS", 24: "AF_PPPOX", 29: "AF_CAN", 34: "AF_ISDN",
    36: "AF_IEEE802154", 38: "AF_ALG", 41: "AF_KCM", 42: "AF_QIPCRTR", 44: "AF_XDP", 45: "AF_MCTP",
}
"""Families all of whose sockets have sock_no_listen() (net/core/sock.c) as their listen."""

NO_LISTEN_TYPES = {
    (30, 2): "AF_TIPC, SOCK_DGRAM", (30, 4): "AF_TIPC, SOCK_RDM", (35, 2): "AF_PHONET, SOCK_DGRAM",
    (39, 3): "AF_NFC, SOCK_RAW", (39, 5): "AF_NFC, SOCK_SEQPACKET",
}
"""The same by family and type, where other types of the family listen."""
NO_LISTEN_PROTOCOLS = {(31, 1): "BTPROTO_HCI", (31, 4): "BTPROTO_BNEP", (31, 5): "BTPROTO_CMTP", (31, 6): "BTPROTO_HIDP"}
"""The same by family and protocol."""


def cannot_listen(family: int, kind: int, protocol: int) -> bool:
    """Whether such a socket's listen is sock_no_listen(), for the families that have no model of their own."""
    return family in NO_LISTEN or (family, kind) in NO_LISTEN_TYPES or (family, protocol) in NO_LISTEN_PROTOCOLS


_GONE = {
    3: "AF_AX25", 4: "AF_IPX", 5: "AF_APPLETALK", 6: "AF_NETROM", 8: "AF_ATMPVC", 11: "AF_ROSE",
    12: "AF_DECnet", 20: "AF_ATMSVC", 37: "AF_CAIF",
}

UNMODELLED = {
    **{family: (name, "it is gone from the newest kernels") for family, name in _GONE.items()},
    9: ("AF_X25", "a second listen() is refused there, and no machine at hand has such a line"),
    26: ("AF_LLC", "backlog 0 is stored as 1 there; it was not tested"),
    30: ("AF_TIPC", "it has states of its own and leaves the backlog aside"),
    31: ("AF_BLUETOOTH", "each of its protocols has states of its own (EBADFD)"),
    32: ("AF_IUCV", "it exists on s390 only"),
    33: ("AF_RXRPC", "backlog 0 ends listening and INT_MAX means the most there is"),
    35: ("AF_PHONET", "its pipes bind by themselves"),
    39: ("AF_NFC", "its LLCP needs the hardware"),
    43: ("AF_SMC", "it listens through a TCP socket of the kernel's, which is judged by itself"),
}
"""Families whose sockets may listen, and why the model leaves them out."""

PROTOCOLS = {
    262: ("MPTCP", "there is no MPTCP before v5.6 or without CONFIG_MPTCP"),
    33: ("DCCP", "it left the kernel in 6.16"),
    256: ("SMC", UNMODELLED[43][1]),
}
"""The same for protocols of the internet families."""


class NotModelled(NamedTuple):
    """A kind of socket the model does not describe, and why; ``name`` is "" for one that is not known here."""

    name: str
    family: int
    type: int
    protocol: int
    why: str


def not_modelled(family: int, kind: int, protocol: int) -> NotModelled:
    """What is known of a family, type and protocol without a model."""
    table, number = (PROTOCOLS, protocol) if family in (2, 10) else (UNMODELLED, family)
    name, why = table.get(number, ("", ""))
    return NotModelled(name, family, kind, protocol, why)


class Unmodelled(Exception):
    """The model does not describe this kind of socket: ``kind`` says which, and why."""

    def __init__(self, kind: NotModelled) -> None:
        super().__init__(kind)
        self.kind = kind
