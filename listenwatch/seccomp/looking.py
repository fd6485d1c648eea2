"""A look at a socket from user space, through a descriptor: what can be seen so, and which fields cannot.

The numbers are those of the kernel's uapi headers (asm-generic/socket.h, linux/tcp.h, linux/mptcp.h, linux/vm_sockets.h).
"""

import contextlib
import os
import socket
import struct
from typing import NamedTuple

from listenwatch.call.record import is_mptcp
from listenwatch.call.unseen import Unseen
from listenwatch.linux import libc
from listenwatch.model.inputs import (
    Bound,
    Family,
    Protocol,
    Socket,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)
from listenwatch.model.socket_h import VSOCK
from listenwatch.seccomp.namespaces import Namespace

_TCP_ULP, _TCP_INFO_SIZE = 31, 144
_SOL_MPTCP, _MPTCP_TCPINFO = 284, 2
_SUBFLOW_DATA = struct.Struct("=IIII")
"""struct mptcp_subflow_data: size, number of subflows, size of the kernel's own and of our struct."""
_VSOCK_ADDRESS = struct.Struct("=4xII")
"""struct sockaddr_vm: port, context id."""
_VSOCK_ANY = 0xFFFF_FFFF
_ULPS = {b"": Ulp.NONE, b"mptcp": Ulp.CLONES, b"tls": Ulp.NO_CLONE, b"espintcp": Ulp.NO_CLONE}
"""What ``inet_ulp_can_listen()`` makes of each; that of another one is not known."""
_OF_LISTENER = SocketState.UNCONNECTED
"""``sock->state`` of a TCP or MPTCP listener: listen() refuses any other, and connect() refuses a listener."""
NOTHING = Socket(*[0] * len(Socket._fields))


class Look(NamedTuple):
    """A socket, and its local address as the record has it."""

    socket: Socket
    address: bytes


class TcpInfo(NamedTuple):
    """Of struct tcp_info: the state, of a listener its queue and limit, and whether it ever was a connection."""

    state: int
    queue: int
    limit: int
    is_fresh: bool


def _tcp_info(data: bytes) -> TcpInfo:
    queue, limit = struct.unpack_from("=II", data, 24)  # tcpi_unacked and tcpi_sacked
    segments = data[136:144]  # tcpi_segs_out and tcpi_segs_in (v4.2), 0 again after tcp_disconnect()
    return TcpInfo(data[0], queue, limit, len(segments) == 8 and not any(segments))


def look_at(sock: socket.socket, namespace: Namespace | None) -> Look:
    """The socket now; OSError for what is none. An AF_UNIX one's queue shows only in its ``namespace``."""
    option = sock.getsockopt
    basis = NOTHING._replace(
        family=option(socket.SOL_SOCKET, socket.SO_DOMAIN), type=option(socket.SOL_SOCKET, socket.SO_TYPE),
        protocol=option(socket.SOL_SOCKET, socket.SO_PROTOCOL), reuse=option(socket.SOL_SOCKET, socket.SO_REUSEADDR),
        reuseport=_or_0(sock, socket.SO_REUSEPORT), seen=1,
    )  # fmt: skip
    listens = bool(option(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    name = _local_name(sock)
    if basis.family in (Family.INET, Family.INET6):
        return Look(_of_inet(sock, basis, name, listens=listens), _inet_address(basis.family, name))
    if basis.family == Family.UNIX:
        return Look(_of_unix(sock, basis, name, namespace, listens=listens), name[2:110])
    if basis.family == VSOCK and len(name) >= _VSOCK_ADDRESS.size:
        port, context = _VSOCK_ADDRESS.unpack_from(name)
        bound = Bound.NO if port == _VSOCK_ANY else Bound.YES
        return Look(with_state(basis, listens=listens)._replace(bound=bound), struct.pack(">II", context, port))
    return Look(with_state(basis, listens=listens), b"")


def _or_0(sock: socket.socket, option: int) -> int:
    """An option that not every family has: since v6.14 only the internet's have SO_REUSEPORT."""
    with contextlib.suppress(OSError):
        return sock.getsockopt(socket.SOL_SOCKET, option)
    return 0


def _local_name(sock: socket.socket) -> bytes:
    with contextlib.suppress(OSError):  # the family has no addresses
        return libc.local_name(sock.fileno())
    return b""


def _inet_address(family: int, name: bytes) -> bytes:
    return name[4:8] if family == Family.INET else name[8:24]


def with_state(sock: Socket, *, listens: bool) -> Socket:
    """The state as far as SO_ACCEPTCONN tells it, and no backlogs."""
    sock = sock._replace(seen=sock.seen | Unseen.BACKLOGS | Unseen.SOCKET_STATE)
    return sock._replace(state=TcpState.LISTEN) if listens else sock._replace(seen=sock.seen | Unseen.STATE)


def _of_inet(sock: socket.socket, basis: Socket, name: bytes, *, listens: bool) -> Socket:
    """A port that getsockname(2) gives is the socket's own, unless it was taken from it with its connection."""
    port = int.from_bytes(name[2:4], "big")
    basis = basis._replace(source_port=port, local_port=port, bound=int(port != 0))
    if basis.type != SocketType.STREAM:
        return with_state(basis, listens=listens)
    if is_mptcp(basis):
        return _of_mptcp(sock, basis, listens=listens)
    if basis.protocol != Protocol.TCP:
        return with_state(basis, listens=listens)
    info = _tcp_info(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE))
    ulp = _ULPS.get(sock.getsockopt(socket.IPPROTO_TCP, _TCP_ULP, 16).rstrip(b"\0"))
    seen = basis.seen if ulp is not None else basis.seen | Unseen.ULP
    return of_tcp(basis._replace(ulp=ulp or Ulp.NONE, seen=seen), info)


def of_tcp(sock: Socket, info: TcpInfo) -> Socket:
    """TCP_INFO has the backlogs of a listener only. A closed socket keeps the number of a port it has lost."""
    sock = sock._replace(state=info.state)
    if info.state == TcpState.LISTEN:
        return sock._replace(
            socket_state=_OF_LISTENER, max_ack_backlog=info.limit, ack_backlog=info.queue
        )
    unseen = Unseen.BACKLOGS
    if info.state == TcpState.CLOSE and info.is_fresh:
        sock = sock._replace(socket_state=SocketState.UNCONNECTED)
    else:
        unseen |= Unseen.SOCKET_STATE
    if info.state == TcpState.CLOSE and sock.source_port:
        sock, unseen = sock._replace(local_port=0, bound=Bound.UNKNOWN), unseen | Unseen.PORT
    return sock._replace(seen=sock.seen | unseen)


def _of_mptcp(sock: socket.socket, basis: Socket, *, listens: bool) -> Socket:
    """The MPTCP socket's own limit shows nowhere; its first subflow's does."""
    subflow = _first_subflow(sock)
    basis = with_state(basis, listens=listens)
    if subflow is None:
        return basis._replace(seen=basis.seen | Unseen.SUBFLOW_STATE | Unseen.SUBFLOW)
    basis = basis._replace(subflow_state=subflow.state)
    if listens:
        basis = _with_socket_state(basis, _OF_LISTENER)
    elif subflow.is_fresh and subflow.state in (0, TcpState.CLOSE):
        basis = _with_socket_state(basis, SocketState.UNCONNECTED)
        basis = basis._replace(state=TcpState.CLOSE, seen=basis.seen & ~Unseen.STATE)
    if subflow.state == TcpState.LISTEN:
        return basis._replace(
            subflow_max_ack_backlog=subflow.limit, subflow_ack_backlog=subflow.queue,
            subflow_local_port=basis.source_port,
        )  # fmt: skip
    unseen = Unseen.SUBFLOW if subflow.state else 0
    if basis.source_port:
        basis, unseen = basis._replace(local_port=0, bound=Bound.UNKNOWN), unseen | Unseen.PORT
    return basis._replace(seen=basis.seen | unseen)


def _with_socket_state(sock: Socket, state: SocketState) -> Socket:
    return sock._replace(socket_state=state, seen=sock.seen & ~Unseen.SOCKET_STATE)


def _first_subflow(sock: socket.socket) -> TcpInfo | None:
    """By MPTCP_TCPINFO (5.16): TCP_INFO would make a subflow where there is none. State 0: none; None: not known."""
    asked = _SUBFLOW_DATA.pack(_SUBFLOW_DATA.size, 0, 0, _TCP_INFO_SIZE).ljust(_SUBFLOW_DATA.size + _TCP_INFO_SIZE, b"\0")
    try:
        data = libc.getsockopt(sock.fileno(), _SOL_MPTCP, _MPTCP_TCPINFO, asked)
    except OSError:
        return None
    number = _SUBFLOW_DATA.unpack_from(data)[1]
    return _tcp_info(data[_SUBFLOW_DATA.size :]) if number else TcpInfo(0, 0, 0, is_fresh=True)


def _of_unix(sock: socket.socket, basis: Socket, name: bytes, namespace: Namespace | None, *, listens: bool) -> Socket:
    basis = basis._replace(bound=int(len(name) > 2))
    if basis.type not in (SocketType.STREAM, SocketType.SEQPACKET):
        return with_state(basis, listens=listens)
    backlogs = None
    if listens and namespace:
        backlogs = namespace.unix_queue(os.fstat(sock.fileno()).st_ino)
    queue, limit = backlogs or (0, 0)
    state = TcpState.LISTEN if listens else TcpState.ESTABLISHED if _has_peer(sock) else TcpState.CLOSE
    unseen = Unseen.SOCKET_STATE | (0 if backlogs else Unseen.BACKLOGS)
    return basis._replace(state=state, max_ack_backlog=limit, ack_backlog=queue, seen=basis.seen | unseen)


def _has_peer(sock: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        libc.peer_name(sock.fileno())
        return True
    return False
