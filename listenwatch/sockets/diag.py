"""sock_diag(7): every listener of the network namespace this thread is in, with its queue and limit.

pyroute2 speaks the protocol; its request has no word for MPTCP, whose number does not fit a byte and
takes an attribute (INET_DIAG_REQ_PROTOCOL, include/uapi/linux/inet_diag.h). No sock_diag handler calls
nl_dump_check_consistent(), so a dump is never marked as interrupted: a listener that comes or goes
meanwhile may be in it or not.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, NamedTuple

from pyroute2.netlink import NLM_F_MATCH, NLM_F_REQUEST, NLM_F_ROOT, nla
from pyroute2.netlink.diag import (
    SOCK_DIAG_BY_FAMILY,
    UDIAG_SHOW_NAME,
    UDIAG_SHOW_RQLEN,
    DiagSocket,
    inet_diag_msg,
    inet_diag_req,
    unix_diag_msg,
    unix_diag_req,
)
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.marshal import Marshal

from listenwatch.model.inputs import Family, Protocol, TcpState
from listenwatch.names import protocol_name

_SHOW_ULP = 1 << 1  # INET_DIAG_INFO, with which the protocol on top comes
_LISTEN = 1 << TcpState.LISTEN
_ABSENT = (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP)  # no such handler in this kernel


class _InetRequest(inet_diag_req):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = ((3, "INET_DIAG_REQ_PROTOCOL", "uint32"),)


class _InetRow(inet_diag_msg):  # type: ignore[misc]
    nla_map = ((19, "INET_DIAG_ULP_INFO", "ulp_info"),)

    class ulp_info(nla):  # type: ignore[misc]
        nla_map = ((1, "INET_ULP_INFO_NAME", "asciiz"),)


class _UnixRow(unix_diag_msg):  # type: ignore[misc]
    # the name as bytes: it need not be text
    nla_map = ((0, "UNIX_DIAG_NAME", "cdata"), (4, "UNIX_DIAG_RQLEN", "unix_diag_rqlen"))


class _InetMarshal(Marshal):  # type: ignore[misc]
    msg_map = {SOCK_DIAG_BY_FAMILY: _InetRow}  # noqa: RUF012


class _UnixMarshal(Marshal):  # type: ignore[misc]
    msg_map = {SOCK_DIAG_BY_FAMILY: _UnixRow}  # noqa: RUF012


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
    multipath = [*_inet(Protocol.MPTCP)]
    taken = {(row.family, row.address, row.port, row.interface) for row in multipath}
    found = multipath
    for row in _inet(Protocol.TCP):
        place = row.family, row.address, row.port, row.interface
        if place not in taken or not row.protocol.startswith("mptcp"):
            found.append(row)
    # asking for SCTP would load its module
    if Path("/proc/thread-self/net/sctp").is_dir():
        found += _inet(Protocol.SCTP)
    return found + list(_unix())


def _inet(protocol: Protocol) -> Iterator[Listener]:
    for family in (Family.INET, Family.INET6):
        request = _InetRequest()
        request["sdiag_family"] = family
        request["sdiag_protocol"] = protocol if protocol < 256 else 255
        request["idiag_states"] = _LISTEN
        request["idiag_ext"] = _SHOW_ULP
        if protocol > 255:
            request["attrs"] = [("INET_DIAG_REQ_PROTOCOL", protocol)]
        for row in _dump(request, _InetMarshal()):
            yield _inet_listener(row, protocol)


def _inet_listener(row: Any, protocol: int) -> Listener:
    family, address = row["idiag_family"], row["idiag_src"]
    if protocol == Protocol.TCP and _ulp(row) == "mptcp":
        protocol = Protocol.MPTCP  # the subflow of one, where the kernel cannot list the whole
    return Listener(
        protocol_name(family, socket.SOCK_STREAM, protocol),
        family,
        address if family == Family.INET else f"[{IPv6Address(address)}]",
        row["idiag_sport"],
        row["idiag_if"],
        row["idiag_rqueue"],
        row["idiag_wqueue"],
        row["idiag_inode"],
        row["idiag_cookie"],
        row["idiag_uid"],
    )


def _ulp(row: Any) -> str | None:
    info = row.get_attr("INET_DIAG_ULP_INFO")
    name: str | None = info.get_attr("INET_ULP_INFO_NAME") if info else None
    return name


def _unix() -> Iterator[Listener]:
    request = unix_diag_req()
    request["sdiag_family"] = Family.UNIX
    request["udiag_states"] = _LISTEN
    request["udiag_show"] = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN
    for row in _dump(request, _UnixMarshal()):
        lengths = row.get_attr("UNIX_DIAG_RQLEN")
        name: bytes = row.get_attr("UNIX_DIAG_NAME") or b""
        if name.startswith(b"\0"):
            name = b"@" + name[1:]
        yield Listener(
            protocol_name(Family.UNIX, row["udiag_type"], 0),
            Family.UNIX,
            name.rstrip(b"\0").decode("utf-8", "backslashreplace"),
            0,
            0,
            lengths["udiag_rqueue"],
            lengths["udiag_wqueue"],
            row["udiag_ino"],
            row["udiag_cookie"],
            None,
        )


def _dump(request: Any, marshal: Marshal) -> Iterator[Any]:
    """The rows of one dump; none where this kernel has no handler for it. OSError for any other refusal."""
    with DiagSocket() as diag:
        diag.set_marshal(marshal)
        flags = NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
        try:
            yield from diag.nlm_request(request, SOCK_DIAG_BY_FAMILY, flags)
        except NetlinkError as error:
            if error.code not in _ABSENT:
                raise OSError(error.code, f"sock_diag: {os.strerror(error.code)}") from None
