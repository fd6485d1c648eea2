"""sock_diag(7): every listener of the network namespace this thread is in, with its queue and limit.

pyroute2 speaks the protocol. Its request lacks an attribute that MPTCP needs, whose number does not fit
a byte (INET_DIAG_REQ_PROTOCOL, include/uapi/linux/inet_diag.h). No sock_diag handler calls
nl_dump_check_consistent(), so a dump is never marked as interrupted: a listener that comes or goes
meanwhile may be in it or not.
"""

import errno
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from struct import Struct, pack, unpack, unpack_from
from typing import Any, NamedTuple

from pyroute2.netlink import NLA_F_NESTED, NLM_F_MATCH, NLM_F_REQUEST, NLM_F_ROOT, diag
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.marshal import Marshal

from listenwatch.linux.names import address_name, protocol_name
from listenwatch.model.inputs import Family, Protocol, TcpState

_SHOW = 1 << 1 | 1 << 6  # INET_DIAG_INFO, with which the protocol on top comes, and INET_DIAG_SKMEMINFO
_LISTEN = 1 << TcpState.LISTEN
_ABSENT = (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP)  # no such handler in this kernel


class _InetRequest(diag.inet_diag_req):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((3, "INET_DIAG_REQ_PROTOCOL", "uint32"),)


_HEADER = 16  # struct nlmsghdr
INET_MESSAGE = Struct("=B3x2s2x16s16xIQ4xIIII")
"""struct inet_diag_msg: idiag_family, sport, src, if, cookie, rqueue, wqueue, uid, inode."""
UNIX_MESSAGE = Struct("=xB2xIQ")
"""struct unix_diag_msg (include/uapi/linux/unix_diag.h): udiag_type, ino, cookie."""
_ATTRIBUTE = Struct("=HH")
"""struct nlattr: length with itself, type."""
_ULP_INFO, _ULP_NAME = 19, 1  # INET_DIAG_ULP_INFO, INET_ULP_INFO_NAME
_MEMINFO, _DROPS = 7, slice(32, 36)  # INET_DIAG_SKMEMINFO, in it SK_MEMINFO_DROPS
_UNIX_NAME, _UNIX_RQLEN = 0, 4  # UNIX_DIAG_NAME, UNIX_DIAG_RQLEN


class _Rows(Marshal):  # type: ignore[misc]
    """The rows of a datagram as bytes in one message.

    pyroute2 alone would take every attribute of each row apart, and turn its event loop once for each.
    """

    def parse_one_message(
        self, key: int, flags: int, sequence_number: int, data: bytes, offset: int, length: int
    ) -> Any:
        if key != diag.SOCK_DIAG_BY_FAMILY:
            return super().parse_one_message(key, flags, sequence_number, data, offset, length)
        return {"header": {"type": key, "flags": flags}, "rows": [data[offset + _HEADER : offset + length]]}

    def parse(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        messages = [*super().parse(*arguments, **options)]
        of_rows = [message for message in messages if "rows" in message]
        if of_rows:
            yield {**of_rows[0], "rows": [row for message in of_rows for row in message["rows"]]}
        yield from (message for message in messages if "rows" not in message)  # the end, or an error


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


def inet_request(family: int, protocol: Protocol, states: int, *, port: int = 0, show: int = 0) -> Any:
    """What ``dump`` is to list: sockets in these states, a bit for each; with this local port only if not 0.

    ``show`` has a bit for each attribute that comes with a row (INET_DIAG_*, less 1).
    """
    request = _InetRequest()
    request["sdiag_family"] = family
    request["sdiag_protocol"] = protocol if protocol < 256 else 255
    request["idiag_states"] = states
    request["idiag_ext"] = show
    request["idiag_sport"] = port
    if protocol > 255:
        request["attrs"] = [("INET_DIAG_REQ_PROTOCOL", protocol)]
    return request


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
    for row in dump(unix_request(diag.UDIAG_SHOW_NAME | diag.UDIAG_SHOW_RQLEN)):
        kind, inode, cookie = UNIX_MESSAGE.unpack_from(row)
        shown = attributes(row, UNIX_MESSAGE.size)
        queue, limit = unpack("=II", shown[_UNIX_RQLEN])
        yield Listener(
            protocol_name(Family.UNIX, kind, 0), Family.UNIX,
            address_name(Family.UNIX, shown.get(_UNIX_NAME, b"")), 0, 0, queue, limit, inode, cookie, None,
        )  # fmt: skip


def unix_queue(sock: socket.socket, inode: int) -> tuple[int, int] | None:
    """Of the AF_UNIX listener of that inode the queue's length and the limit; None where the kernel does not say.

    ``sock`` is a netlink socket of the namespace to look in. Without pyroute2, whose sockets cannot be handed over.
    """
    any_cookie = (1 << 32) - 1
    body = pack("=BBHIIIII", Family.UNIX, 0, 0, _LISTEN, inode, diag.UDIAG_SHOW_RQLEN, any_cookie, any_cookie)
    sock.send(pack("=IHHII", _HEADER + len(body), diag.SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0) + body)
    answer = sock.recv(4096)
    if unpack_from("=H", answer, 4)[0] != diag.SOCK_DIAG_BY_FAMILY:
        return None
    shown = attributes(answer, _HEADER + UNIX_MESSAGE.size)
    return unpack("=II", shown[_UNIX_RQLEN]) if _UNIX_RQLEN in shown else None


def unix_request(show: int, states: int = _LISTEN) -> Any:
    """What ``dump`` is to list: AF_UNIX sockets in these states, with the attributes of these UDIAG_SHOW_* bits."""
    request = diag.unix_diag_req()
    request["sdiag_family"] = Family.UNIX
    request["udiag_states"] = states
    request["udiag_show"] = show
    return request


def attributes(row: bytes, offset: int) -> dict[int, bytes]:
    """The attributes that stand from ``offset`` on, by their types."""
    return dict(_each_attribute(row, offset))


def _each_attribute(row: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Type and value, each at a multiple of 4 bytes; thousands of rows come here."""
    while offset + _ATTRIBUTE.size <= len(row):
        length, kind = _ATTRIBUTE.unpack_from(row, offset)
        yield kind & ~NLA_F_NESTED, row[offset + _ATTRIBUTE.size : offset + length]
        offset += max(-(-length // 4) * 4, _ATTRIBUTE.size)


def absent_handlers() -> list[str]:
    """The modules that list TCP and AF_UNIX sockets, where this kernel has not got them, nor could load them."""
    requests = {"tcp_diag": inet_request(Family.INET, Protocol.TCP, 0), "unix_diag": unix_request(0, states=0)}
    absent = []
    for module, request in requests.items():
        try:
            list(_dump(request))
        except OSError as error:
            if error.errno in _ABSENT:
                absent.append(module)
    return absent


def dump(request: Any) -> Iterator[bytes]:
    """The rows of one dump; none where this kernel has no handler for it. OSError for any other refusal."""
    try:
        yield from _dump(request)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise


def _dump(request: Any) -> Iterator[bytes]:
    with diag.DiagSocket() as sock:
        sock.set_marshal(_Rows())
        flags = NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
        try:
            for message in sock.nlm_request(request, diag.SOCK_DIAG_BY_FAMILY, flags):
                yield from message["rows"]
        except NetlinkError as error:
            raise OSError(error.code, f"sock_diag: {os.strerror(error.code)}") from None
