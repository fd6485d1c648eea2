"""The cause of a full queue: servers that do not accept, each for another reason, are told from one that does."""

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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from listenwatch.linux import netstat
from tests import ROOT
from tests.helpers.consumers import PORT
from tests.helpers.listening import connecting, inside, sockets, started, until_one
from tests.helpers.privileges import as_nobody
from tests.helpers.watching import (
    LISTENWATCH,
    PATIENCE,
    needs,
    needs_kernel,
    python,
    redis_server,
    watching,
)
from tests.require import require

pytestmark = pytest.mark.kernel

LIMIT = 8
FULL = LIMIT + 1
LOWER = f'ip link set lo up; echo {LIMIT} > /proc/sys/net/core/somaxconn; exec "$@"'
BURST = 100

# From above redis on its processor, so that all come before it runs.
BURST_SCRIPT = """if True:
    import os, socket, sys
    os.sched_setaffinity(0, {0})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    clients = [socket.socket() for _ in range(int(sys.argv[2]))]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", int(sys.argv[1])))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    print("sent", flush=True)
    for client in clients:
        client.close()"""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


@contextmanager
def consumer(way: str, *where: str) -> Iterator[tuple[int, str]]:
    """A server of tests/helpers/consumers.py: its pid and its network namespace's path."""
    command = [sys.executable, "-m", "tests.helpers.consumers", way, str(LIMIT), *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True) as process:
        assert process.stdout and process.stdout.readline() == b"listens\n"
        try:
            yield process.pid, f"/proc/{process.pid}/ns/net"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def waiting(path: str, number: int, port: int = PORT) -> Iterator[list[socket.socket]]:
    """Clients of a listener in another namespace, each after the one before was connected or refused."""
    clients: list[socket.socket] = []
    with inside(path):
        for _ in range(number):
            clients.append(connecting(port))
            time.sleep(0.01)
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


@contextmanager
def waiting_here(server: socket.socket) -> Iterator[None]:
    """A listener of ours whose queue is full."""
    server.bind(("127.0.0.1", 0))
    server.listen(LIMIT)
    with waiting("/proc/self/ns/net", FULL, server.getsockname()[1]):
        yield


CAUSES = {
    "waits_for_lock": ("waits_for_lock", r"2 of 2 threads of process {pid} wait for a lock, in futex\w+\(\): nothing was"),
    "waits_for_file_lock": ("waits_for_lock", r"the only thread of process \d+ waits for a lock, in \w+\(\): nothing was"),
    "sleeps": ("sleeps", r"process {pid} sleeps in \w*nanosleep\(\) and does not call accept\(\): nothing was accepted"),
    "busy": ("busy", r"process {pid} is busy: thread {pid} had \d+% of a core(, and .*)?; nothing was accepted"),
    "polls_others": ("sleeps", r"process {pid} waits for other events, in \w+\(\), and not for these connections"),
    "out_of_descriptors": ("no_descriptors", r"process {pid} has all 32 descriptors in use that it may have"),
}


@pytest.mark.parametrize("way", CAUSES)
def test_the_cause_is_named_first_and_a_longer_queue_only_buys_time(way: str) -> None:
    activity, words = CAUSES[way]
    with consumer(way) as (pid, path), waiting(path, 60 if way == "out_of_descriptors" else FULL):
        row = until_one(path, queue=FULL)
    assert row["consumer"]["activity"] == activity
    assert re.match(words.format(pid=pid), row["advice"]["cause"]), row["advice"]
    assert row["consumer"]["is_cause"] and row["advice"]["only_buy_time"]
    aid = row["advice"]["steps"][: -len(row["advice"]["only_buy_time"])]
    assert aid and row["advice"]["steps"] == [*aid, *row["advice"]["only_buy_time"]]
    assert row["advice"]["prediction"] is None and "4096 to" not in str(row["advice"])  # nobody knows what it wants


def test_one_worker_of_four_is_stopped() -> None:
    with consumer("one_of_four_stopped") as (_, path):
        row = until_one(path)
        (stopped,) = (view["pid"] for view in row["consumer"]["processes"])
        assert row["advice"]["cause"] == f"process {stopped} (one of 4 that hold it) is stopped: it accepts nothing"
        assert stopped in [process["pid"] for process in row["processes"]]
        subprocess.run(row["advice"]["steps"][0], shell=True, check=True)
        assert until_one(path)["consumer"] is None


def test_a_server_in_order_is_no_cause_whatever_comes() -> None:
    """It accepts without end while clients come without end, and its queue is seldom empty."""
    script = f"""if True:
        import socket
        print("comes", flush=True)
        while True:
            clients = [socket.socket() for _ in range(8)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", {PORT}))
            for client in clients:
                client.close()"""
    with (
        consumer("accepts") as (pid, path),
        started([needs("nsenter"), f"--net={path}", sys.executable, "-c", script]) as clients,
    ):
        assert clients.stdout and clients.stdout.readline() == "comes\n"
        for _ in range(5):
            seen = until_one(path, "-p", str(pid))["consumer"]
            assert seen is None or not seen["is_cause"] or seen["activity"] in ("busy", "starved"), seen


def test_af_unix_is_told_the_same_way() -> None:
    with consumer("unix") as (pid, path):
        (row,) = [row for row in sockets("--netns", path, "-p", str(pid)) if row["protocol"] == "unix"]
        assert (row["queue"], row["consumer"]["progress"]) == (9, "nothing_accepted")
        assert row["advice"]["cause"].startswith(f"process {pid} sleeps")
    with consumer("unix_accepts") as (pid, path):
        (row,) = [row for row in sockets("--netns", path, "-p", str(pid)) if row["protocol"] == "unix"]
        assert row["consumer"]["progress"] == "accepts" and not row["consumer"]["is_cause"]
        assert row["consumer"]["accepted"] > 0


def test_of_a_group_the_one_that_sleeps_is_named() -> None:
    """The other accepts its share meanwhile: connections cannot be told apart, who makes no system call can."""
    with consumer("group") as (pid, path), waiting(path, 60):
        row = until_one(path, "-p", str(pid), queue=FULL)
        (other,) = [row for row in sockets("--netns", path) if row["processes"][0]["pid"] != pid]
    assert row["reuseport_group"] == 2
    assert row["advice"]["cause"].startswith(f"process {pid} sleeps in hrtimer_nanosleep()")
    assert other["consumer"] is None


def test_a_frozen_one_and_one_in_a_debugger() -> None:
    """cgroup v2, and v1 as far as this machine has them."""
    freezers = {
        Path("/sys/fs/cgroup/freezer"): ("freezer.state", "FROZEN", "THAWED"),
        Path("/sys/fs/cgroup/unified"): ("cgroup.freeze", "1", "0"),
        Path("/sys/fs/cgroup"): ("cgroup.freeze", "1", "0"),
    }
    able = [base for base in freezers if (base / "cgroup.procs").exists()]
    require("kernel", bool(able), "no cgroup freezer is mounted")
    for base in able:
        file, freeze, thaw = freezers[base]
        group = base / f"listenwatch-{os.getpid()}"
        group.mkdir()
        try:
            with consumer("accepts") as (pid, path):
                (group / "cgroup.procs").write_text(str(pid))
                (group / file).write_text(freeze)
                with waiting(path, FULL):
                    row = until_one(path, queue=FULL - 1)  # one may be accepted by the accept() it slept in
                (group / file).write_text(thaw)
                assert row["advice"]["cause"].startswith(f"process {pid} is frozen by its cgroup")
        finally:
            _remove(group)


def _remove(group: Path) -> None:
    """As soon as its last process has ended."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            group.rmdir()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_one_that_a_debugger_holds() -> None:
    """A child of ours that has itself traced stops with the signal it gets, and goes on when its tracer ends."""
    script = f"""if True:
        import ctypes, os, signal, socket
        server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen({LIMIT})
        print(server.getsockname()[1], flush=True)
        ctypes.CDLL(None).ptrace(0, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGUSR1)"""
    with started(python(script)) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        deadline = time.monotonic() + PATIENCE
        while psutil.Process(process.pid).status() != psutil.STATUS_TRACING_STOP:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            (row,) = sockets("-P", port)
        finally:
            os.kill(process.pid, signal.SIGKILL)  # Popen takes the stop for its end, and would not
    assert row["advice"]["cause"].startswith(f"process {process.pid} is held by process {os.getpid()}, which traces it")


def test_whose_process_may_not_be_seen_cannot_be_told() -> None:
    """As nobody: neither who holds the socket nor what it does."""
    with socket.socket() as server, waiting_here(server):
        line = ["sockets", "--json", "-P", str(server.getsockname()[1])]
        done = subprocess.run(as_nobody([], [*LISTENWATCH, *line]), cwd=ROOT, capture_output=True, text=True, check=False)
    row = json.loads(done.stdout.splitlines()[0])
    assert row["advice"]["cause"] == "who accepts cannot be told: no process that can be seen holds it"
    assert not row["consumer"]["is_cause"] and row["advice"]["only_buy_time"] == []


# -- a real redis# -- a real redis, and what becomes of its overflow when the advice is followed


@contextmanager
def redis(folder: Path, *options: str, path: str = "") -> Iterator[subprocess.Popen[str]]:
    """One on port 6396 whose somaxconn is LIMIT, pinned to a processor; or in the namespace of another."""
    server = [redis_server(folder), "--port", "6396", "--save", "", "--dir", str(folder), *options]
    if path:
        command = [needs("nsenter"), f"--net={path}", *server]
    else:
        command = [needs("unshare"), "-n", "sh", "-c", LOWER, "sh", *server]
    with started([needs("taskset"), "-c", "0", *command]) as process:
        yield process


@contextmanager
def restarted(process: subprocess.Popen[str], path: str, folder: Path) -> Iterator[str]:
    """What "restart it" says: another redis in the namespace at ``path``, which stays the same; its path from then on."""
    with Path(path).open() as namespace:
        process.kill()
        process.wait(PATIENCE)
        path = f"/proc/{os.getpid()}/fd/{namespace.fileno()}"
        with redis(folder, path=path):
            ready(path)
            yield path


def ready(path: str) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + PATIENCE
    while not served(path, 1):
        assert time.monotonic() < deadline


def served(path: str, number: int) -> bool:
    """Whether each of so many clients, one after the other, is connected and answered."""
    with inside(path):
        for _ in range(number):
            try:
                with socket.create_connection(("127.0.0.1", 6396), timeout=5) as client:
                    client.sendall(b"PING\r\n")
                    if client.recv(7) != b"+PONG\r\n":
                        return False
            except OSError:
                return False
    return True


def overflows(path: str) -> int:
    """ListenOverflows of that namespace."""
    with inside(path):
        return netstat.parse(netstat.read())["ListenOverflows"]


def burst(path: str) -> None:
    """BURST clients, faster than redis can run."""
    command = [needs("nsenter"), f"--net={path}", sys.executable, "-c", BURST_SCRIPT, "6396", str(BURST)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def advice_of(path: str) -> dict[str, Any]:
    """What ``overflow`` says while 20 clients find no room in a full queue; the same as ``sockets`` then."""
    with watching("--json", "--netns", path, "--interval", "0.3", command="overflow") as watch, waiting(path, FULL + 20, 6396):
        watch.line()
        at_rest = until_one(path, queue=FULL)["advice"]
        assert watch.end(signal.SIGINT) == 0, watch.err
    advices = json.loads(watch.out.splitlines()[-1])["summary"]["advice"]
    assert len(advices) == 1, watch.out
    (advice,) = advices
    assert advice["steps"] == at_rest["steps"]
    assert advice["cause"].split(":")[0] == at_rest["cause"].split(":")[0]
    return dict(advice)


def test_a_stopped_redis_is_told_to_go_on(tmp_path: Path) -> None:
    with redis(tmp_path) as process:
        path = f"/proc/{process.pid}/ns/net"
        ready(path)
        process.send_signal(signal.SIGSTOP)
        advice = advice_of(path)
        assert advice["cause"] == f"process {process.pid} is stopped: it accepts nothing"
        assert advice["steps"][0] == f"kill -CONT {process.pid}"
        assert "somaxconn=511" in advice["only_buy_time"][0]
        subprocess.run(advice["steps"][0], shell=True, check=True)
        ready(path)
        before = overflows(path)
        assert served(path, 3 * FULL) and overflows(path) == before


def test_a_busy_redis_is_said_to_be_busy(tmp_path: Path) -> None:
    with redis(tmp_path, "--lua-time-limit", "0") as process:
        path = f"/proc/{process.pid}/ns/net"
        ready(path)
        os.setpriority(os.PRIO_PROCESS, process.pid, -5)
        with waiting(path, 1, 6396) as (client,):
            client.setblocking(True)
            client.sendall(b'EVAL "while true do end" 0\r\n')
            advice = advice_of(path)
            assert advice["cause"].startswith(f"process {process.pid} is busy: thread {process.pid} had ")
            assert "nothing was accepted" in advice["cause"]
            assert f"perf top -t {process.pid}" in advice["steps"][0]
            assert advice["steps"][1].startswith("if it does not go on by itself, restart it")
        with restarted(process, path, tmp_path) as path:
            before = overflows(path)
            assert served(path, 3 * FULL) and overflows(path) == before


def test_one_that_waits_for_a_lock_is_restarted() -> None:
    with consumer("waits_for_lock") as (pid, path), Path(path).open() as namespace:
        path = f"/proc/{os.getpid()}/fd/{namespace.fileno()}"
        with waiting(path, FULL):
            advice = until_one(path, queue=FULL)["advice"]
        assert advice["steps"][:2] == [
            f"see which: gdb -p {pid} --batch -ex 'thread apply all bt'", "if nobody releases it, restart it"
        ]
        os.kill(pid, signal.SIGKILL)
        before = overflows(path)
        with inside(path), consumer("accepts", "here"):
            for _ in range(3 * FULL):
                with socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE) as client:
                    assert client.recv(1) == b""  # accepted, and closed
        assert overflows(path) == before


def test_a_redis_in_order_but_clamped_needs_a_longer_queue(tmp_path: Path) -> None:
    with redis(tmp_path) as process:
        path = f"/proc/{process.pid}/ns/net"
        ready(path)
        with watching("--json", "--netns", path, command="overflow") as watch:
            burst(path)
            watch.line()
            assert watch.end(signal.SIGINT) == 0, watch.err
        (advice,) = json.loads(watch.out.splitlines()[-1])["summary"]["advice"]
        assert re.match(rf"process {process.pid} accepts", advice["cause"]), advice
        assert advice["only_buy_time"] == [] and len(advice["steps"]) == 2
        command = advice["steps"][0].partition(": ")[2]
        assert command == f"nsenter -t {process.pid} -n sysctl -w net.core.somaxconn=511"
        subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
        assert advice["steps"][1] == "restart it"
        with restarted(process, path, tmp_path) as path:
            before = overflows(path)
            burst(path)
            assert overflows(path) == before
