"""Address families by what their listen() is: none at all, or one that is not modelled, and why.

Numbers of include/linux/socket.h; the families with a model are in ``socket_c``.
"""

from __future__ import annotations

VSOCK = 40

NO_LISTEN = {
    15: "AF_KEY",
    16: "AF_NETLINK",
    17: "AF_PACKET",
    21: "AF_RDS",
    29: "AF_CAN",
    36: "AF_IEEE802154",
    38: "AF_ALG",
    41: "AF_KCM",
    42: "AF_QIPCRTR",
    44: "AF_XDP",
    45: "AF_MCTP",
}
"""Families all of whose sockets have sock_no_listen() (net/core/sock.c) as their listen."""

_OLD = "it is gone from the newest kernels"

UNMODELLED = {
    3: ("AF_AX25", _OLD),
    4: ("AF_IPX", _OLD),
    5: ("AF_APPLETALK", _OLD),
    6: ("AF_NETROM", _OLD),
    8: ("AF_ATMPVC", _OLD),
    9: ("AF_X25", "a second listen() is refused there, and no machine at hand has such a line"),
    11: ("AF_ROSE", _OLD),
    12: ("AF_DECnet", _OLD),
    20: ("AF_ATMSVC", _OLD),
    24: ("AF_PPPOX", "what its protocols do was not read"),
    26: ("AF_LLC", "backlog 0 is stored as 1 there; it was not tested"),
    30: ("AF_TIPC", "it has states of its own and leaves the backlog aside"),
    31: ("AF_BLUETOOTH", "each of its protocols has states of its own (EBADFD)"),
    32: ("AF_IUCV", "it exists on s390 only"),
    33: ("AF_RXRPC", "backlog 0 ends listening and INT_MAX means the most there is"),
    35: ("AF_PHONET", "its pipes bind by themselves; it was not tested"),
    37: ("AF_CAIF", _OLD),
    39: ("AF_NFC", "it needs the hardware"),
    43: ("AF_SMC", "it listens through a TCP socket of the kernel's, which is judged by itself"),
}
"""Families whose sockets may listen, and why the model leaves them out."""

PROTOCOLS = {
    33: ("DCCP", "it left the kernel in 6.16"),
    256: ("SMC", UNMODELLED[43][1]),
}
"""The same for protocols of the internet families."""


def unmodelled(family: int, kind: int, protocol: int) -> str:
    """Why there is no prediction for a socket of this family, type and protocol."""
    name, why = UNMODELLED.get(family, ("this family", "it is not known here"))
    if family in (2, 10):
        name, why = PROTOCOLS.get(protocol, ("this protocol", "it is not known here"))
    return f"no model of {name} (family {family}, type {kind}, protocol {protocol}): {why}"
