"""``listenwatch sockets`` on real listeners: complete compared with ``ss``, and right about a real redis."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import ROOT
from tests.helpers.listening import (
    all_but_a_process,
    connecting,
    findings,
    inside,
    sockets,
    started,
    until_one,
)
from tests.helpers.watching import PATIENCE, needs, needs_kernel, redis_server

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
            messages = watch.stderr.read().decode()
            assert "Traceback" not in messages
            status = watch.wait(PATIENCE)
            assert status == 0 or all_but_a_process(status, messages)
        assert sockets("-p", str(os.getpid()))[0]["limit"] == 3


REFUSING = """
import ctypes, json, socket, sys, time
ctypes.CDLL(None).unshare(0x40000000)
from listenwatch.linux import netns, netstat
netns.set_up("lo")
listeners = [socket.create_server(("127.0.0.1", port), backlog=1) for port in (8001, 8002)]
print(netns.own_namespace(), flush=True)
sys.stdin.readline()
before, clients = netstat.read(), []
for number in range(12):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", 8001))
    clients.append(client)
time.sleep(0.3)
for client in clients:
    client.close()
print(json.dumps(netstat.moved(before).get("ListenDrops", 0)), flush=True)
sys.stdin.read()
"""


def test_what_a_listener_refused_is_what_the_kernel_counts() -> None:
    """sk_drops of the listener moves with ListenDrops of its namespace, and no other listener's does."""
    with subprocess.Popen(
        [sys.executable, "-c", REFUSING], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin and program.stdout
        namespace = program.stdout.readline().strip()
        command = [sys.executable, "-m", "listenwatch", "top", "--netns", namespace, "--sort", "port", "--json"]
        with subprocess.Popen(
            [*command, "--interval", "0.2"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as top:
            assert top.stdout

            def sample() -> list[dict[str, Any]]:
                assert top.stdout
                return [json.loads(top.stdout.readline()) for _ in range(3)][:2]

            assert [(row["port"], row["drops"]) for row in sample()] == [(8001, 0), (8002, 0)]
            program.stdin.write("go\n")
            program.stdin.flush()
            refused = json.loads(program.stdout.readline())
            assert refused >= 10, "twelve clients, room for two"
            deadline, rates, seen = time.monotonic() + PATIENCE, [], 0
            while seen < refused and time.monotonic() < deadline:
                full, other = sample()
                seen = full["drops"]
                rates.append(full["refused_per_second"])
                assert other["drops"] == 0 and not other["refused_per_second"]
            assert seen == refused and max(rate or 0 for rate in rates) > 0
            top.terminate()
        program.communicate("")
