"""Listeners of real programs in network namespaces of their own, and what ``sockets --json`` shows of them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from listenwatch.linux import libc, netstat
from tests import ROOT
from tests.helpers.contract import fit
from tests.helpers.watching import PATIENCE


def all_but_a_process(status: int, messages: str) -> bool:
    """Whether only processes could not be looked at: in a container not even root may look at every one."""
    lines = messages.splitlines()
    return status == 4 and bool(lines) and all(" process" in line for line in lines if ": not seen: " in line)


def sockets(*arguments: str) -> list[dict[str, Any]]:
    """The rows of ``listenwatch sockets --json``."""
    done = subprocess.run(
        [sys.executable, "-m", "listenwatch", "sockets", "--json", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode in (0, 1) or all_but_a_process(done.returncode, done.stderr), done.stderr
    lines = fit(done.stdout)
    assert [line["schema"] for line in lines[-1:]] == ["listenwatch/listeners-summary/1"]
    return lines[:-1]


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the test."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def findings(row: dict[str, Any]) -> list[str]:
    return [found["finding"] for found in row["diagnosis"]]


def until_one(netns: str, *arguments: str, queue: int = 0) -> dict[str, Any]:
    """The IPv4 listener there, once it is there and so many connections wait."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        rows = [r for r in sockets("--netns", netns, *arguments) if r["protocol"] == "tcp"]
        if rows and rows[0]["queue"] >= queue:
            return rows[0]
        time.sleep(0.1)
    raise AssertionError(f"no such listener: {rows}")


@contextmanager
def inside(path: str) -> Iterator[None]:
    with Path("/proc/self/ns/net").open() as here, Path(path).open() as there:
        libc.setns(there.fileno())
        try:
            yield
        finally:
            libc.setns(here.fileno())


def connecting(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    with suppress(BlockingIOError):
        sock.connect(("127.0.0.1", port))
    return sock


def fill(port: int, count: int, *, refused: int) -> tuple[list[socket.socket], dict[str, int]]:
    """Clients that are not accepted, until so many were refused; those in the queue, and the counters."""
    start = netstat.read()
    clients = [connecting(port) for _ in range(count)]
    deadline = time.monotonic() + PATIENCE
    while netstat.moved(start).get("ListenOverflows", 0) < refused:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for client in clients[-refused:]:  # they would send their SYNs again
        client.close()
    return clients[:-refused], netstat.moved(start)
