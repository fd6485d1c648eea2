"""Many network namespaces, each with a listener, until the process is ended.

Run as ``python -m tests.bench.namespaces NUMBER``, as root. It prints the inode number of its own once all are there.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from listenwatch.linux.netns import new_namespace


def main(number: int) -> None:
    """A namespace lasts as long as a socket in it."""
    kept = []
    for _ in range(number):
        new_namespace()
        sock = socket.socket()
        sock.listen(5)
        kept.append(sock)
    print(Path("/proc/thread-self/ns/net").stat().st_ino, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
