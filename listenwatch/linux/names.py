"""Names for numbers: families, types, protocols, addresses, errnos."""

import errno
import socket
from enum import IntEnum
from functools import lru_cache

from listenwatch.model.inputs import Family, Protocol
from listenwatch.model.socket_h import VSOCK

_INET = (Family.INET, Family.INET6)
_VSOCK_ANY = b"\xff" * 4  # VMADDR_CID_ANY and VMADDR_PORT_ANY
_UNIX_TYPES = {1: "unix", 2: "unix-dgram", 5: "unix-seq"}


@lru_cache
def family_name(family: int) -> str:
    """``inet``, ``inet6``, ``unix``, ``vsock``, ...; a number without a name stays one."""
    return _name(socket.AddressFamily, family)


@lru_cache
def type_name(kind: int) -> str:
    """``stream``, ``dgram``, ``seqpacket``, ..."""
    return _name(socket.SocketKind, kind)


def _name(numbers: type[IntEnum], number: int) -> str:
    """An AF_ or SOCK_ constant without the prefix."""
    try:
        return numbers(number).name.partition("_")[2].lower()
    except ValueError:
        return str(number)


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


def address_name(family: int, address: bytes) -> str:
    """``0.0.0.0``, ``[::ffff:127.0.0.1]``, ``/path``, ``@abstract``; of AF_VSOCK context id and port, ``2:80``.

    Empty if none, or of another family. Not yet escaped. As ss(8) has them.
    """
    if family == Family.INET:
        return socket.inet_ntop(socket.AF_INET, address[:4])
    if family == Family.INET6:
        return f"[{socket.inet_ntop(socket.AF_INET6, address[:16])}]"
    if family == VSOCK and address:
        return ":".join("*" if part == _VSOCK_ANY else str(int.from_bytes(part)) for part in (address[:4], address[4:]))
    if family != Family.UNIX or not address:
        return ""
    name = b"@" + address[1:] if address[0] == 0 else address.split(b"\0", 1)[0]
    return name.decode("utf-8", "backslashreplace")


def errno_text(result: int) -> str:
    """``0``, or the name of an errno as the call's result carries it: ``EADDRINUSE``."""
    if result >= 0:
        return str(result)
    if -result == errno.EOPNOTSUPP:  # the same number as ENOTSUP, which no kernel source says
        return "EOPNOTSUPP"
    return errno.errorcode.get(-result, str(result))
