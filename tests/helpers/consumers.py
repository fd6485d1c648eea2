"""Servers that do not accept, each for another reason, in a network namespace of their own.

Run as ``python -m tests.helpers.consumers WAY LIMIT``: it listens on port 8071, prints a line, and goes on as WAYS
says. With ``here`` as another argument it stays in the network namespace it is in.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from listenwatch.linux import libc
from tests.helpers.refusals import enter_namespace

PORT = 8071
kept: list[object] = []


def forked() -> int:
    """fork(), and the child ends with us, however we end."""
    pid = os.fork()
    if not pid:
        libc.die_with_parent()
    return pid


def waits_for_lock(server: socket.socket) -> None:
    """The thread that accepts wants a lock that the main thread has and does not release."""
    lock = threading.Lock()
    lock.acquire()

    def serve() -> None:
        with lock:
            server.accept()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    thread.join()


def waits_for_file_lock(server: socket.socket) -> None:
    """As prefork servers do between their processes, but the other process never lets it go."""
    with tempfile.TemporaryFile() as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        if not forked():
            fcntl.lockf(file, fcntl.LOCK_EX)
            server.accept()
        server.close()
        time.sleep(600)


def sleeps(_server: socket.socket) -> None:
    time.sleep(600)


def busy(_server: socket.socket) -> None:
    os.nice(-5)
    while True:
        pass


def polls_others(server: socket.socket) -> None:
    """Waits for events, but has taken the listener out: as a server at its limit of connections does."""
    reader, writer = os.pipe()
    kept.append((server, writer))
    select.select([reader], [], [])


def out_of_descriptors(server: socket.socket) -> None:
    """Accepts until it has as many descriptors as it may, and pauses after each EMFILE."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 64))
    while True:
        try:
            kept.append(server.accept())
        except OSError:
            time.sleep(0.1)


def one_of_four_stopped(server: socket.socket) -> None:
    """Workers that share the listener; one is stopped by us."""
    pids = []
    for _ in range(4):
        if not (pid := forked()):
            accepts(server)
        pids.append(pid)
    server.close()
    os.kill(pids[2], signal.SIGSTOP)
    signal.pause()


def unix(server: socket.socket, *, slowly: bool = False) -> None:
    """An AF_UNIX listener of its own, full of its own clients; accepts one now and then if ``slowly``."""
    limit, name = 8, f"\0consumer-{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name)
    listener.listen(limit)
    server.close()

    def fill() -> None:
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        if not client.connect_ex(name):
            kept.append(client)

    for _ in range(limit + 1):
        fill()
    while True:
        time.sleep(0.02)
        if slowly:
            kept.append(listener.accept())
            fill()


def unix_accepts(server: socket.socket) -> None:
    """As above, but its queue moves."""
    unix(server, slowly=True)


def group(server: socket.socket) -> None:
    """A SO_REUSEPORT group of two processes: this one sleeps, the other accepts what comes to it."""
    if not forked():
        server.close()
        other = socket.socket()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", PORT))
        other.listen(8)
        accepts(other)
    time.sleep(600)


def accepts(server: socket.socket) -> None:
    """A server in good order."""
    while True:
        server.accept()[0].close()


WAYS: dict[str, Callable[[socket.socket], None]] = {
    way.__name__: way
    for way in (
        waits_for_lock, waits_for_file_lock, sleeps, busy, polls_others, out_of_descriptors, one_of_four_stopped,
        accepts, unix, unix_accepts, group,
    )
}  # fmt: skip


def main(way: str, limit: str, *where: str) -> None:
    libc.die_with_parent()
    if not where:
        enter_namespace()
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", PORT))
    server.listen(int(limit))
    print("listens", flush=True)
    WAYS[way](server)


if __name__ == "__main__":
    main(*sys.argv[1:])
