"""Many network namespaces, each with a listener, until the process is ended.

Run as ``python -m tests.bench.namespaces NUMBER``, as root. It prints the inode number of its own once all are there.
"""

from __future__ import annotations

import socket
import sys

from tests.helpers.refusals import enter_namespace


def main(number: int) -> None:
    """A namespace lasts as long as a socket in it."""
    kept, own = [], 0
    for _ in range(number):
        own = enter_namespace()
        sock = socket.socket()
        sock.listen(5)
        kept.append(sock)
    print(own, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
