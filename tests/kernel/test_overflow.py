"""``listenwatch overflow`` on real refusals: each kind named and counted, and the counts those of the kernel."""

from __future__ import annotations

import json
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

from listenwatch.engines.overflow import MODES
from listenwatch.engines.programs import why_not
from listenwatch.scenarios.queues import counters
from tests.kernel import refusals
from tests.kernel.test_sockets import connecting, findings, inside, started, until_one
from tests.kernel.watching import (
    PATIENCE,
    ROOT,
    Watching,
    needs,
    needs_kernel,
    redis_server,
    watching,
)
from tests.require import require

pytestmark = pytest.mark.kernel

TOLD = {
    "ipv6": "syn_accept_queue_full",
    "dual_stack": "syn_accept_queue_full",
    "flood": "syn_accept_queue_full",
    "reuseport_group": "syn_accept_queue_full",
}
"""The kind each way is named as, where it is not called so."""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Each attach mode this kernel has."""
    attach: str = request.param
    reason = why_not(attach)
    require("kprobes" if attach == "kprobe" else "kernel", reason is None, str(reason))
    return attach


class Refusing:
    """tests/kernel/refusals.py, ready to begin."""

    def __init__(self, way: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.kernel.refusals", way],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self.netns = int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "it failed: see its error above"
        return line

    def go(self) -> dict[str, Any]:
        """Have it refuse; what it then says."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        done: dict[str, Any] = json.loads(self._line())
        return done


@contextmanager
def refusing(way: str) -> Iterator[Refusing]:
    """One that ends with the test."""
    one = Refusing(way)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


def finished(watch: Watching) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """End the watch; its events and its summary. All that the kernel counted was seen."""
    status = watch.end(signal.SIGINT)
    assert status == 0, watch.out + watch.err
    *events, last = map(json.loads, watch.out.splitlines())
    return events, last["summary"]


@pytest.mark.parametrize("way", refusals.WAYS)
def test_every_kind_is_named_and_its_counts_are_the_kernels(way: str, mode: str) -> None:
    with refusing(way) as refuser:
        options = ("--json", "--attach", mode, "--netns", str(refuser.netns))
        with watching(*options, command="overflow") as watch:
            done = refuser.go()
            events, summary = finished(watch)
    kind = TOLD.get(way, way)
    mine = [event for event in events if event["kind"] == kind]
    assert {event["kind"] for event in events} == {kind}
    assert sum(event["count"] for event in mine) == done["times"] > 0
    assert {event["processes"][0]["pid"] for event in mine} == {done["pid"]}
    assert {event["netns"] for event in mine} == {refuser.netns}
    told = {row["counter"]: row["seen"] for row in summary["counters"]}
    assert told == {name: done["moved"][name] for name in told}
    for row in summary["counters"]:
        assert row["kernel_least"] == row["kernel_most"] == row["seen"]
    assert sum(total["count"] for total in summary["listeners"]) == done["times"]
    if way == "flood":
        assert max(event["peers"] for event in events) > 1000
        assert sum(event["peers"] for event in events) <= done["times"]


def test_a_flood_takes_no_more_memory_the_longer_it_lasts() -> None:
    with refusing("flood") as refuser, watching("--json", command="overflow") as watch:
        before = psutil.Process(watch.process.pid).memory_info().rss
        refuser.go()
        after = psutil.Process(watch.process.pid).memory_info().rss
        finished(watch)
    assert after - before < 16 << 20


def test_what_the_probe_does_not_see_is_said(mode: str) -> None:
    """Refusals of before the watch are in neither; those of another namespace are not shown."""
    with refusing("syn_accept_queue_full") as refuser, refusing("ack_ignored") as other:
        done = refuser.go()
        assert done["moved"]["ListenOverflows"] == 11
        options = ("--json", "--attach", mode, "--netns", str(refuser.netns))
        with watching(*options, command="overflow") as watch:
            other.go()
            events, summary = finished(watch)
    assert (events, summary["counters"], summary["listeners"]) == ([], [], [])


def test_a_quiet_machine_and_a_duration() -> None:
    with watching("--duration", "0.2", "-P", "1", command="overflow") as watch:
        assert watch.end() == 0
    assert "No connection lacked room" in watch.out


def test_its_table_fits_and_a_hostile_address_is_escaped(mode: str) -> None:
    with refusing("unix_eagain") as refuser:
        options = ("--attach", mode, "--netns", str(refuser.netns))
        with watching(*options, command="overflow") as watch:
            refuser.go()
            assert watch.end(signal.SIGTERM) == 0
    assert "@listenwatch-\\n-eagain" in watch.out
    assert "connect EAGAIN" in watch.out
    assert max(map(len, watch.out.splitlines())) <= 100
    assert "Advice for python" in watch.out


def test_a_reader_that_leaves_ends_it() -> None:
    with watching("--json", command="overflow") as watch:
        assert watch.process.stdout
        watch.process.stdout.close()
        assert watch.process.wait(PATIENCE) == 141


def test_a_group_is_told_apart_by_kprobes_and_said_to_be_one_otherwise(mode: str) -> None:
    """Two listeners of a SO_REUSEPORT group; SYNs to both, more than both have room for."""
    with refusing("reuseport_group") as refuser:
        options = ("--json", "--attach", mode, "--netns", str(refuser.netns))
        with watching(*options, command="overflow") as watch:
            done = refuser.go()
            events, _ = finished(watch)
    assert sum(event["count"] for event in events) == done["times"]
    cookies = {event["socket_cookie"] for event in events}
    if mode == "kprobe":
        assert len(cookies) == 2 and {event["one_of"] for event in events} == {1}
    else:
        assert {event["one_of"] for event in events} == {2}


def fill(port: int, count: int, *, refused: int) -> tuple[list[socket.socket], dict[str, int]]:
    """Clients that are not accepted, until so many were refused; those in the queue, and the counters."""
    start = counters.read()
    clients = [connecting(port) for _ in range(count)]
    deadline = time.monotonic() + PATIENCE
    while counters.moved(start).get("ListenOverflows", 0) < refused:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for client in clients[-refused:]:  # they would send their SYNs again
        client.close()
    return clients[:-refused], counters.moved(start)


def test_a_real_redis_that_does_not_accept(tmp_path: Path, mode: str) -> None:
    """Clamped to 128 and stopped: what comes after 129 connections is refused, and it is named for it."""
    server = [redis_server(tmp_path), "--port", "6397", "--save", "", "--dir", str(tmp_path)]
    lower = 'ip link set lo up; echo 128 > /proc/sys/net/core/somaxconn; exec "$@"'
    with started([needs("unshare"), "-n", "sh", "-c", lower, "sh", *server]) as redis:
        path = f"/proc/{redis.pid}/ns/net"
        until_one(path)
        redis.send_signal(signal.SIGSTOP)
        options = ("--json", "--attach", mode, "--netns", path)
        with watching(*options, command="overflow") as watch:
            with inside(path):
                clients, moved = fill(6397, 150, refused=21)
            events, summary = finished(watch)
        row = until_one(path, queue=129)
    assert findings(row) == ["full", "likely_clamped"]
    assert {event["processes"][0]["pid"] for event in events} == {redis.pid}
    assert {(e["kind"], e["queue"], e["limit"]) for e in events} == {("syn_accept_queue_full", 129, 128)}
    assert sum(event["count"] for event in events) == moved["ListenOverflows"]
    told = {row["counter"]: row["seen"] for row in summary["counters"]}
    assert told == {name: moved[name] for name in told} and "ListenDrops" in told
    for client in clients:
        client.close()
    (advice,) = summary["advice"]
    assert "net.core.somaxconn=511" in advice["steps"][0] and "redis-server" in advice["listener"]
    assert "512 connections wait, now 129" in advice["prediction"]
