"""sock_diag(7): every listener of the network namespace this thread is in, with its queue and limit.

No sock_diag handler calls nl_dump_check_consistent(), so a dump is never marked as interrupted: a listener that comes
or goes meanwhile may be in it or not.
"""

import errno
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from struct import Struct, pack, unpack, unpack_from
from typing import NamedTuple

from listenwatch.linux import netlink
from listenwatch.linux.names import address_name, protocol_name
from listenwatch.model.inputs import Family, Protocol, TcpState

_SHOW = 1 << 1 | 1 << 6  # INET_DIAG_INFO, with which the protocol on top comes, and INET_DIAG_SKMEMINFO
_LISTEN = 1 << TcpState.LISTEN
_ABSENT = (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP)  # no such handler in this kernel

_INET_REQUEST, _SOCKID = Struct("=BBBxI"), Struct("!H46x")
"""struct inet_diag_req_v2: family, protocol, attributes wanted, states; and its struct inet_diag_sockid, the local port alone."""
_REQ_PROTOCOL = 3  # INET_DIAG_REQ_PROTOCOL: a protocol that does not fit a byte
_UNIX_REQUEST, _ANY_COOKIE = Struct("=BBxxIIIII"), (1 << 32) - 1
"""struct unix_diag_req: family, protocol, states, inode, attributes wanted, cookie."""
UDIAG_SHOW_NAME, UDIAG_SHOW_ICONS, UDIAG_SHOW_RQLEN = 0x01, 0x08, 0x10
INET_MESSAGE = Struct("=B3x2s2x16s16xIQ4xIIII")
"""struct inet_diag_msg: idiag_family, sport, src, if, cookie, rqueue, wqueue, uid, inode."""
UNIX_MESSAGE = Struct("=xB2xIQ")
"""struct unix_diag_msg (include/uapi/linux/unix_diag.h): udiag_type, ino, cookie."""
_ATTRIBUTE = Struct("=HH")
"""struct nlattr: length with itself, type."""
_NESTED = 1 << 15  # NLA_F_NESTED
_ULP_INFO, _ULP_NAME = 19, 1  # INET_DIAG_ULP_INFO, INET_ULP_INFO_NAME
_MEMINFO, _DROPS = 7, slice(32, 36)  # INET_DIAG_SKMEMINFO, in it SK_MEMINFO_DROPS
_UNIX_NAME, _UNIX_RQLEN = 0, 4  # UNIX_DIAG_NAME, UNIX_DIAG_RQLEN


class Listener(NamedTuple):
    """A listening socket: ``address`` is not escaped, ``limit`` is sk_max_ack_backlog, ``inode`` 0 if it has none.

    ``drops`` are the SYNs and last ACKs of handshakes it turned away since it was made, which is what
    ListenDrops counts of a namespace: sk_drops (``tcp_listendrop()``, include/net/tcp.h), 32 bits that
    begin again at 0. None where the kernel counts none: before v4.7, and for SCTP and AF_UNIX.
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
    drops: int | None = None

    @property
    def local(self) -> str:
        """Where it listens, as ``names.local_address`` writes it of a call."""
        return f"{self.address}:{self.port}" if self.port else self.address

    @property
    def place(self) -> tuple[int, str, int, int]:
        """What tells listeners of one protocol apart, but for those of a SO_REUSEPORT group."""
        return self.family, self.address, self.port, self.interface


def listeners() -> list[Listener]:
    """Every TCP, MPTCP, SCTP and AF_UNIX listener here; an MPTCP one as itself, not as the TCP socket within."""
    multipath, tcp = [*_inet(Protocol.MPTCP)], [*_inet(Protocol.TCP)]
    listed = {row.place for row in multipath}
    within = [row for row in tcp if row.protocol.startswith("mptcp") and row.place in listed]
    if within:  # the packets of an MPTCP listener come to the TCP socket within
        drops, sharing = {row.place: row.drops for row in within}, Counter(row.place for row in within)
        multipath = [row._replace(drops=drops[row.place] if sharing[row.place] == 1 else None) for row in multipath]
        tcp = [row for row in tcp if not (row.protocol.startswith("mptcp") and row.place in listed)]
    # asking for SCTP would load its module
    has_sctp = Path("/proc/thread-self/net/sctp").is_dir()
    return [*multipath, *tcp, *(_inet(Protocol.SCTP) if has_sctp else ()), *_unix()]


def _inet(protocol: Protocol) -> Iterator[Listener]:
    for family in (Family.INET, Family.INET6):
        for row in dump(inet_request(family, protocol, _LISTEN, show=_SHOW)):
            yield _inet_listener(row, protocol)


def inet_request(family: int, protocol: Protocol, states: int, *, port: int = 0, show: int = 0) -> bytes:
    """What ``dump`` is to list: sockets in these states, a bit for each; with this local port only if not 0.

    ``show`` has a bit for each attribute that comes with a row (INET_DIAG_*, less 1).
    """
    request = _INET_REQUEST.pack(family, min(protocol, 255), show, states) + _SOCKID.pack(port)
    return request if protocol < 256 else request + _ATTRIBUTE.pack(8, _REQ_PROTOCOL) + pack("=I", protocol)


def _inet_listener(row: bytes, protocol: int) -> Listener:
    family, port, address, interface, cookie, queue, limit, uid, inode = INET_MESSAGE.unpack_from(row)
    drops = _drops(row) if protocol == Protocol.TCP else None
    # the first look spares taking thousands of rows apart
    if protocol == Protocol.TCP and b"mptcp" in row and _ulp(row) == b"mptcp":
        protocol = Protocol.MPTCP  # the subflow of one, where the kernel cannot list the whole
    return Listener(
        protocol_name(family, socket.SOCK_STREAM, protocol), family, address_name(family, address),
        int.from_bytes(port, "big"), interface, queue, limit, inode, cookie, uid, drops,
    )  # fmt: skip


def _drops(row: bytes) -> int | None:
    """Of a TCP socket; None before v4.7, whose SKMEMINFO has no such word."""
    memory = next((value for kind, value in _each_attribute(row, INET_MESSAGE.size) if kind == _MEMINFO), b"")
    drops = memory[_DROPS]
    return int.from_bytes(drops, sys.byteorder) if drops else None


def _ulp(row: bytes) -> bytes:
    """The protocol on top of TCP; empty if none."""
    info = attributes(row, INET_MESSAGE.size).get(_ULP_INFO, b"")
    return attributes(info, 0).get(_ULP_NAME, b"").rstrip(b"\0")


def _unix() -> Iterator[Listener]:
    for row in dump(unix_request(UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN)):
        kind, inode, cookie = UNIX_MESSAGE.unpack_from(row)
        shown = attributes(row, UNIX_MESSAGE.size)
        queue, limit = unpack("=II", shown[_UNIX_RQLEN])
        yield Listener(
            protocol_name(Family.UNIX, kind, 0), Family.UNIX,
            address_name(Family.UNIX, shown.get(_UNIX_NAME, b"")), 0, 0, queue, limit, inode, cookie, None,
        )  # fmt: skip


def unix_queue(sock: socket.socket, inode: int) -> tuple[int, int] | None:
    """Of the AF_UNIX listener of that inode the queue's length and the limit; None where the kernel does not say.

    ``sock`` is a netlink socket of the namespace to look in.
    """
    sock.send(netlink.message(unix_request(UDIAG_SHOW_RQLEN, inode=inode), netlink.REQUEST))
    answer = sock.recv(4096)
    if unpack_from("=H", answer, 4)[0] != netlink.SOCK_DIAG_BY_FAMILY:
        return None
    shown = attributes(answer, netlink.HEADER.size + UNIX_MESSAGE.size)
    return unpack("=II", shown[_UNIX_RQLEN]) if _UNIX_RQLEN in shown else None


def unix_request(show: int, states: int = _LISTEN, inode: int = 0) -> bytes:
    """What ``dump`` is to list: AF_UNIX sockets in these states, with the attributes of these UDIAG_SHOW_* bits."""
    return _UNIX_REQUEST.pack(Family.UNIX, 0, states, inode, show, _ANY_COOKIE, _ANY_COOKIE)


def attributes(row: bytes, offset: int) -> dict[int, bytes]:
    """The attributes that stand from ``offset`` on, by their types."""
    return dict(_each_attribute(row, offset))


def _each_attribute(row: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Type and value, each at a multiple of 4 bytes; thousands of rows come here."""
    while offset + _ATTRIBUTE.size <= len(row):
        length, kind = _ATTRIBUTE.unpack_from(row, offset)
        yield kind & ~_NESTED, row[offset + _ATTRIBUTE.size : offset + length]
        offset += max(-(-length // 4) * 4, _ATTRIBUTE.size)


def absent_handlers() -> list[str]:
    """The modules that list TCP and AF_UNIX sockets, where this kernel has not got them, nor could load them."""
    requests = {"tcp_diag": inet_request(Family.INET, Protocol.TCP, 0), "unix_diag": unix_request(0, states=0)}
    absent = []
    for module, request in requests.items():
        try:
            list(netlink.dump(request))
        except OSError as error:
            if error.errno in _ABSENT:
                absent.append(module)
    return absent


def dump(request: bytes) -> Iterator[bytes]:
    """The rows of one dump; none where this kernel has no handler for it. OSError for any other refusal."""
    try:
        yield from netlink.dump(request)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
