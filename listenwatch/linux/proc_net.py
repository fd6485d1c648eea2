"""What /proc/net says of a listener: the tables netstat(8) reads, from the thread's own namespace."""

import socket
from pathlib import Path

from listenwatch.model.inputs import TcpState

TABLES = Path("/proc/thread-self/net")  # /proc/self/net is that of the first thread
_ACCEPTCON = 0x10000  # __SO_ACCEPTCON, include/linux/net.h


def tcp_listener(
    family: int, *, inode: int | None = None, port: int | None = None, tables: Path = TABLES
) -> int | None:
    """The accept queue of the listener with this inode or port; None if the table has none.

    ``rx_queue`` of a listener is its sk_ack_backlog (``get_tcp4_sock()``, net/ipv4/tcp_ipv4.c).
    Listeners stand before all other sockets, so those are not read.
    """
    with (tables / ("tcp6" if family == socket.AF_INET6 else "tcp")).open() as table:
        next(table)
        for line in table:
            _, local, _, state, queues, _, _, _, _, its_inode, *_ = line.split()
            if int(state, 16) != TcpState.LISTEN:
                break
            if int(its_inode) == inode or int(local.rpartition(":")[2], 16) == port:
                return int(queues.partition(":")[2], 16)
    return None


def unix_listens(inode: int, tables: Path = TABLES) -> bool:
    """Whether the AF_UNIX socket with this inode is shown with ``__SO_ACCEPTCON`` (``unix_seq_show()``)."""
    with (tables / "unix").open(errors="surrogateescape") as table:
        next(table)
        rows = (line.split(maxsplit=7) for line in table)  # a name may have a line break of its own
        return any(row[6:7] == [str(inode)] and int(row[3], 16) & _ACCEPTCON for row in rows)
