import ctypes
import socket
import sys
from pathlib import Path

libc = ctypes.CDLL(None)


def stored(*backlogs: int) -> int:
    """The limit of a fresh socket after these listen() calls."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        for backlog in backlogs:
            libc.listen(server.fileno(), backlog)
        info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        return int.from_bytes(info[28:32], sys.byteorder)


def refuses() -> bool:
    """Whether listen() fails where it has to: a UDP socket has nothing to accept."""
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        return bool(libc.listen(datagrams.fileno(), 1) == -1)


somaxconn = int(Path("/proc/sys/net/core/somaxconn").read_text())
if not refuses():
    print("refusal-lost")
elif stored(10) != 10:
    print("half")
elif stored(somaxconn + 5) != somaxconn:
    print("no-clamp")
elif stored(-1) != somaxconn:
    print("negative-zero")
elif stored(5, 7) != 7:
    print("relisten-ignored")
else:
    print("healthy")
