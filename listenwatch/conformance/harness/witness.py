"""The second witness: what sock_diag, TCP_INFO and /proc/net say of a listener, to hold against the probe."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from fcntl import ioctl

# The package's __init__ imports all of pyroute2; this module is the part that is needed.
from pyroute2.netlink.diag import SS_ALL, UDIAG_SHOW_RQLEN, DiagSocket

from listenwatch.conformance.harness.journal import Reading
from listenwatch.conformance.harness.socket_kinds import IPPROTO_MPTCP
from listenwatch.linux import proc_net
from listenwatch.linux.netns import entered
from listenwatch.model.inputs import TcpState

_SIOCGSKNS = 0x894C  # the socket's network namespace as a descriptor, include/uapi/linux/sockios.h
_TCP_INFO_STATE, _TCP_INFO_UNACKED = 0, 24  # struct tcp_info, include/uapi/linux/tcp.h


def read(fd: int) -> Reading | None:
    """The reading of the socket behind ``fd``; None for a family no witness covers.

    A socket that sock_diag does not list has ``state`` None.
    """
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.family == socket.AF_UNIX:
            return _read_unix(sock)
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.proto != socket.IPPROTO_SCTP:
            return _read_inet(sock)
    return None


def warm_up() -> None:
    """Look once in this process, so that those forked from it find what pyroute2 sets up at first use.

    That is a third of the time of a short scenario.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with contextlib.suppress(OSError):  # on a kernel where listen() is broken
            sock.listen()
        with contextlib.suppress(PermissionError):  # without privilege here; in a scenario's own namespace there is some
            read(sock.fileno())


def _read_inet(sock: socket.socket) -> Reading:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    unacked, sacked = struct.unpack_from("=II", info, _TCP_INFO_UNACKED)
    # An MPTCP listener is listed as its subflow, whose inode is another one or none: its port it is.
    by_port = sock.proto == IPPROTO_MPTCP
    port, inode = sock.getsockname()[1], os.fstat(sock.fileno()).st_ino
    reading = Reading(None, info_max_ack_backlog=sacked, info_ack_backlog=unacked)
    with _namespace_of(sock), DiagSocket() as diag:
        diag.bind()
        for row in diag.get_sock_stats(family=sock.family, states=1 << TcpState.LISTEN):
            if (row["idiag_sport"] == port) if by_port else (row["idiag_inode"] == inode):
                reading = reading._replace(
                    state=row["idiag_state"],
                    diag_max_ack_backlog=row["idiag_wqueue"],
                    diag_ack_backlog=row["idiag_rqueue"],
                )
                break
        queue = proc_net.tcp_listener(sock.family, **({"port": port} if by_port else {"inode": inode}))
    return reading._replace(proc_listens=queue is not None, proc_ack_backlog=queue)


def _read_unix(sock: socket.socket) -> Reading:
    wanted = os.fstat(sock.fileno()).st_ino
    with _namespace_of(sock), DiagSocket() as diag:
        diag.bind()
        listens = proc_net.unix_listens(wanted)
        rows = diag.get_sock_stats(family=socket.AF_UNIX, states=SS_ALL, show=UDIAG_SHOW_RQLEN)
        for row in rows:
            if row["udiag_ino"] == wanted:
                length = row.get_attr("UNIX_DIAG_RQLEN")
                return Reading(
                    row["udiag_state"], length["udiag_wqueue"], length["udiag_rqueue"], proc_listens=listens
                )
    return Reading(None, proc_listens=listens)


@contextlib.contextmanager
def _namespace_of(sock: socket.socket) -> Iterator[None]:
    """Look from within the socket's own network namespace, which need not be the caller's."""
    with os.fdopen(ioctl(sock.fileno(), _SIOCGSKNS), "rb") as namespace, entered(namespace):
        yield
