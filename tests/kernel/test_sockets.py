"""``listenwatch sockets`` on real listeners: complete beside ``ss``, and right about a real redis."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from listenwatch.scenarios import libc
from tests.kernel.watching import PATIENCE, ROOT, needs, needs_kernel, redis_server

pytestmark = pytest.mark.kernel

NAMESPACES, EACH = 50, 200

# A process with a network namespace of its own, 200 listeners in it, and a parent that may die.
HOLDER = """
import ctypes, os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
ctypes.CDLL(None).unshare(0x40000000)
kept = []
for number in range(int(sys.argv[1])):
    family = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)[number % 3]
    sock = socket.socket(family)
    sock.bind("\\0" + str(number) if family == socket.AF_UNIX else ("", 0))
    sock.listen(number)
    kept.append(sock)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def sockets(*arguments: str) -> list[dict[str, Any]]:
    """The rows of ``listenwatch sockets --json``."""
    done = subprocess.run(
        [sys.executable, "-m", "listenwatch", "sockets", "--json", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


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


def test_ten_thousand_sockets_are_the_ones_ss_lists() -> None:
    ss, nsenter = needs("ss"), needs("nsenter")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(EACH)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(NAMESPACES)
    ]  # fmt: skip
    try:
        inodes = {}
        for child in children:
            assert child.stdout and int(child.stdout.readline()) == child.pid
            inodes[child.pid] = Path(f"/proc/{child.pid}/ns/net").stat().st_ino
        rows = sockets()
        assert len([row for row in rows if row["netns"] in inodes.values()]) == NAMESPACES * EACH
        for pid, inode in inodes.items():
            listed = subprocess.run(
                [nsenter, "-t", str(pid), "-n", ss, "-Hlntxe"], capture_output=True, text=True, check=True
            ).stdout.splitlines()
            theirs = sorted(map(_of_ss, listed))
            here = [row for row in rows if row["netns"] == inode]
            assert sorted(map(_of_row, here)) == theirs
            assert {row["processes"][0]["pid"] for row in here} == {pid}
    finally:
        for child in children:
            child.communicate("")


def _of_ss(line: str) -> tuple[int, int, int, str]:
    """Inode, queue, limit and port; of AF_UNIX the name, and the inode stands where the port does."""
    fields = line.split()
    queue, limit, local, *more = fields[fields.index("LISTEN") + 1 :]
    if found := re.search(r"\bino:(\d+)", line):
        return int(found[1]), int(queue), int(limit), local.rpartition(":")[2]
    return int(more[0]), int(queue), int(limit), local


def _of_row(row: dict[str, Any]) -> tuple[int, int, int, str]:
    return row["inode"], row["queue"], row["limit"], str(row["port"] or row["local"])


def test_a_real_redis_clamped_then_full_then_stale_then_right(tmp_path: Path) -> None:
    server = [redis_server(tmp_path), "--port", "6399", "--save", "", "--dir", str(tmp_path)]
    lower = 'ip link set lo up; echo 128 > /proc/sys/net/core/somaxconn; exec "$@"'
    with started([needs("unshare"), "-n", "sh", "-c", lower, "sh", *server]) as redis:
        path = f"/proc/{redis.pid}/ns/net"
        row = until_one(path)
        assert (row["limit"], row["capacity"], row["somaxconn"]) == (128, 129, 128)
        assert findings(row) == ["likely_clamped"]
        assert row["processes"][0]["pid"] == redis.pid

        redis.send_signal(signal.SIGSTOP)
        with inside(path):
            clients = [connecting(6399) for _ in range(129)]
            row = until_one(path, queue=129)
        assert findings(row) == ["full", "likely_clamped"]
        for client in clients:
            client.close()

        with inside(path):
            Path("/proc/sys/net/core/somaxconn").write_text("4096")
        row = until_one(path)
        assert "likely_stale" in findings(row)
        assert sockets("--stale", "--netns", path)
        assert "listen(511) with somaxconn 4096 stores 511" in row["advice"]["prediction"]
        redis.send_signal(signal.SIGCONT)
        with inside(path), started([*server[:1], "--port", "6398", *server[3:]]):
            row = until_one(path, "-P", "6398")  # as after a restart: a new listen()
        assert (row["limit"], findings(row)) == (511, ["own"])


CONFIG = """
daemon off; master_process on; worker_processes 1; error_log stderr; pid {folder}/pid;
events {{}}
http {{ access_log off; server {{ listen 127.0.0.1:8099{backlog}; }} }}
"""


def test_a_real_nginx_and_what_a_reload_does_for_it(tmp_path: Path) -> None:
    """Advice is held against the server: a reload with the same backlog= leaves the limit as it was."""
    config = tmp_path / "nginx.conf"
    config.write_text(CONFIG.format(folder=tmp_path, backlog=""))
    server = [needs("nginx"), "-p", str(tmp_path), "-c", str(config), "-e", "stderr"]
    lower = 'ip link set lo up; echo 128 > /proc/sys/net/core/somaxconn; exec "$@"'
    with started([needs("unshare"), "-n", "sh", "-c", lower, "sh", *server]) as nginx:
        try:
            path = f"/proc/{nginx.pid}/ns/net"
            row = until_one(path)
            assert (row["limit"], findings(row)) == (128, ["likely_clamped"])
            assert len(row["processes"]) == 2  # the master and its worker

            with inside(path):
                Path("/proc/sys/net/core/somaxconn").write_text("4096")
            row = until_one(path)
            assert findings(row) == ["likely_stale"]
            assert "reload with the same one does not listen() again" in row["advice"]["steps"][0]

            _reload(nginx.pid, row)
            row = until_one(path)
            assert (row["limit"], findings(row)) == (128, ["likely_stale"])

            config.write_text(CONFIG.format(folder=tmp_path, backlog=" backlog=512"))
            _reload(nginx.pid, row)
            row = until_one(path)
            assert (row["limit"], findings(row)) == (512, ["own"])
        finally:
            nginx.terminate()  # the master ends its workers
            nginx.wait(PATIENCE)


def _reload(master: int, before: dict[str, Any]) -> None:
    """Have it reload, and wait until the workers are others."""
    old = {process["pid"] for process in before["processes"]} - {master}
    os.kill(master, signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while old & {child.pid for child in psutil.Process(master).children()}:
        assert time.monotonic() < deadline, "nginx did not reload"
        time.sleep(0.05)


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


def test_head_has_what_it_wanted_and_ctrl_c_ends_watch() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(3)
        command = [sys.executable, "-m", "listenwatch", "sockets", "--watch", "0.1", "--json"]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as watch:
            assert watch.stdout and watch.stderr
            assert json.loads(watch.stdout.readline())
            watch.send_signal(signal.SIGINT)
            watch.stdout.read()
            assert b"Traceback" not in watch.stderr.read()
            assert watch.wait(PATIENCE) == 0
        assert sockets("-p", str(os.getpid()))[0]["limit"] == 3
