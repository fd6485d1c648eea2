"""Names for numbers: families, types, protocols, addresses."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from listenwatch.model.inputs import Family, Protocol
from listenwatch.model.inputs import Socket as SocketFields
from listenwatch.record import ListenCall

_INET = (Family.INET, Family.INET6)
_UNIX_TYPES = {1: "unix", 2: "unix-dgram", 5: "unix-seq"}


@lru_cache
def family_name(family: int) -> str:
    """``inet``, ``inet6``, ``unix``, ``vsock``, ...; a number without a name stays one."""
    try:
        return socket.AddressFamily(family).name.removeprefix("AF_").lower()
    except ValueError:
        return str(family)


@lru_cache
def type_name(kind: int) -> str:
    """``stream``, ``dgram``, ``seqpacket``, ..."""
    try:
        return socket.SocketKind(kind).name.removeprefix("SOCK_").lower()
    except ValueError:
        return str(kind)


@lru_cache
def protocol_name(family: int, kind: int, protocol: int) -> str:
    """What the PROTO column says: ``tcp``, ``tcp6``, ``mptcp``, ``unix``, or the family's name."""
    if family == Family.UNIX:
        return _UNIX_TYPES.get(kind, "unix")
    if family not in _INET:
        return family_name(family)
    try:
        name = Protocol(protocol).name.lower()
    except ValueError:
        name = {132: "sctp", 1: "icmp", 58: "icmp"}.get(protocol, f"ip{protocol}")
    return name if family == Family.INET else f"{name}6"


def protocol_of(sock: SocketFields) -> str:
    """The PROTO column of a socket; empty where no socket was seen."""
    return protocol_name(sock.family, sock.type, sock.protocol) if sock.seen else ""


def local_address(call: ListenCall) -> str:
    """Where the socket listens: ``0.0.0.0:80``, ``[::]:80``, ``/path``, ``@abstract``; empty if unknown.

    As bytes chose it: escape it before a terminal sees it.
    """
    family, address = call.post.family, call.address
    if not call.post.seen:
        return ""
    if family == Family.INET:
        return f"{IPv4Address(address)}:{call.post.local_port}"
    if family == Family.INET6:
        return f"[{IPv6Address(address)}]:{call.post.local_port}"
    if family == Family.UNIX and address:
        name = b"@" + address[1:] if address[0] == 0 else address.split(b"\0", 1)[0]
        return name.decode("utf-8", "backslashreplace")
    return ""
