"""sock_diag(7): every listener of the network namespace this thread is in, with its queue and limit.

pyroute2 knows the protocol too, but its request has no word for MPTCP, whose number does not fit a
byte and takes an attribute (INET_DIAG_REQ_PROTOCOL, include/uapi/linux/inet_diag.h).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import NamedTuple

from listenwatch.model.inputs import Family, Protocol, TcpState
from listenwatch.names import protocol_name

_NETLINK_SOCK_DIAG = 4  # include/uapi/linux/netlink.h
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR, _NLMSG_DONE = 20, 2, 3
_NLM_F_REQUEST_DUMP, _NLM_F_DUMP_INTR = 0x301, 0x10
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INET_REQUEST = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2
_INET_ROW = struct.Struct("=BBBB2s2s16s16sI8sIIIII")  # struct inet_diag_msg
_UNIX_REQUEST = struct.Struct("=BBHIII8x")  # struct unix_diag_req
_UNIX_ROW = struct.Struct("=BBBxI8s")  # struct unix_diag_msg
_INET_DIAG_REQ_PROTOCOL = 3  # include/uapi/linux/inet_diag.h
_INET_DIAG_ULP_INFO, _INET_ULP_INFO_NAME = 19, 1
_SHOW_ULP = 1 << 1  # INET_DIAG_INFO, with which the protocol on top comes
_UDIAG_SHOW = 0x1 | 0x10  # the name, the queue: include/uapi/linux/unix_diag.h
_UNIX_DIAG_NAME, _UNIX_DIAG_RQLEN = 0, 4
_LISTEN = 1 << TcpState.LISTEN
_BUFFER = 1 << 18
_TRIES = 5
_ABSENT = (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP)  # no such handler in this kernel


class Listener(NamedTuple):
    """One listening socket. ``queue`` connections wait, ``limit`` is sk_max_ack_backlog.

    ``address`` is as bytes chose it: escape it before a terminal sees it. ``inode`` is that of the
    descriptor, 0 if it has none.
    """

    protocol: str
    family: int
    address: str
    port: int
    interface: int
    queue: int
    limit: int
    inode: int
    cookie: int
    uid: int | None

    @property
    def local(self) -> str:
        """Where it listens, as ``names.local_address`` writes it of a call."""
        return f"{self.address}:{self.port}" if self.port else self.address


def listeners() -> list[Listener]:
    """Every TCP, MPTCP, SCTP and AF_UNIX listener here.

    An MPTCP listener is listed once, as itself and not as the TCP socket that does its work.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * _BUFFER)
        multipath = [*_inet(sock, Protocol.MPTCP)]
        taken = {(row.family, row.address, row.port, row.interface) for row in multipath}
        found = multipath
        for row in _inet(sock, Protocol.TCP):
            place = row.family, row.address, row.port, row.interface
            if place not in taken or not row.protocol.startswith("mptcp"):
                found.append(row)
        # asking for SCTP would load its module
        if Path("/proc/thread-self/net/sctp").is_dir():
            found += _inet(sock, Protocol.SCTP)
        return found + list(_unix(sock))


def _inet(sock: socket.socket, protocol: Protocol) -> Iterator[Listener]:
    small = protocol if protocol < 256 else 255
    for family in (Family.INET, Family.INET6):
        body = _INET_REQUEST.pack(family, small, _SHOW_ULP, _LISTEN)
        if protocol > 255:
            body += _ATTRIBUTE.pack(8, _INET_DIAG_REQ_PROTOCOL) + struct.pack("=I", protocol)
        for row in _dump(sock, body):
            yield _inet_listener(row, family, protocol)


def _inet_listener(row: bytes, family: int, protocol: int) -> Listener:
    _, _, _, _, port, _, source, _, interface, cookie, _, queue, limit, uid, inode = (
        _INET_ROW.unpack_from(row)
    )
    address = str(IPv4Address(source[:4])) if family == Family.INET else f"[{IPv6Address(source)}]"
    if protocol == Protocol.TCP and _ulp(row) == b"mptcp":
        protocol = Protocol.MPTCP  # the subflow of one, where the kernel cannot list the whole
    name = protocol_name(family, socket.SOCK_STREAM, protocol)
    number = int.from_bytes(port, "big")
    key = int.from_bytes(cookie, "little")
    return Listener(name, family, address, number, interface, queue, limit, inode, key, uid)


def _ulp(row: bytes) -> bytes:
    info = _attributes(row, _INET_ROW.size).get(_INET_DIAG_ULP_INFO, b"")
    return _attributes(info, 0).get(_INET_ULP_INFO_NAME, b"").rstrip(b"\0")


def _unix(sock: socket.socket) -> Iterator[Listener]:
    request = _UNIX_REQUEST.pack(Family.UNIX, 0, 0, _LISTEN, 0, _UDIAG_SHOW)
    for row in _dump(sock, request):
        _, kind, _, inode, cookie = _UNIX_ROW.unpack_from(row)
        attributes = _attributes(row, _UNIX_ROW.size)
        queue, limit = struct.unpack("=II", attributes[_UNIX_DIAG_RQLEN])
        name = attributes.get(_UNIX_DIAG_NAME, b"")
        if name.startswith(b"\0"):
            name = b"@" + name[1:]
        address = name.rstrip(b"\0").decode("utf-8", "backslashreplace")
        key = int.from_bytes(cookie, "little")
        protocol = protocol_name(Family.UNIX, kind, 0)
        yield Listener(protocol, Family.UNIX, address, 0, 0, queue, limit, inode, key, None)


def _attributes(data: bytes, start: int) -> dict[int, bytes]:
    found = {}
    while start + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[start + _ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3
    return found


def _dump(sock: socket.socket, body: bytes) -> list[bytes]:
    """The rows of one dump; asked again where the kernel says that it changed under its hands."""
    length = _HEADER.size + len(body)
    rows: list[bytes] = []
    for _ in range(_TRIES):
        sock.send(_HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 0, 0) + body)
        rows, interrupted = _receive(sock)
        if not interrupted:
            break
    return rows


def _receive(sock: socket.socket) -> tuple[list[bytes], bool]:
    rows: list[bytes] = []
    interrupted = False
    while True:
        data, start = sock.recv(_BUFFER), 0
        while start < len(data):
            length, kind, flags, _, _ = _HEADER.unpack_from(data, start)
            row = data[start + _HEADER.size : start + length]
            interrupted |= bool(flags & _NLM_F_DUMP_INTR)
            if kind == _NLMSG_DONE:
                return rows, interrupted
            if kind == _NLMSG_ERROR:
                error = -struct.unpack_from("=i", row)[0]
                if error in _ABSENT:
                    return [], False
                raise OSError(error, f"sock_diag: {os.strerror(error)}")
            rows.append(row)
            start += (length + 3) & ~3
