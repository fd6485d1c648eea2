import ctypes
import socket
import sys
from pathlib import Path


def stored(*backlogs: int) -> int:
    """The limit of a fresh socket after these listen() calls."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        for backlog in backlogs:
            ctypes.CDLL(None).listen(server.fileno(), backlog)
        info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        return int.from_bytes(info[28:32], sys.byteorder)


somaxconn = int(Path("/proc/sys/net/core/somaxconn").read_text())
if stored(10) != 10:
    print("half")
elif stored(somaxconn + 5) != somaxconn:
    print("no-clamp")
elif stored(-1) != somaxconn:
    print("negative-zero")
elif stored(5, 7) != 7:
    print("relisten-ignored")
else:
    print("healthy")
