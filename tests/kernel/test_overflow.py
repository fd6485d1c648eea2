"""``listenwatch overflow`` on real refusals: each kind named and counted, and the counts those of the kernel."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psutil
import pytest

from listenwatch.features.attach import OVERFLOW_MODES, refusal
from listenwatch.features.evidence import Evidence
from tests import ROOT
from tests.helpers import refusals
from tests.helpers.contract import fit
from tests.helpers.listening import fill, findings, inside, started, until_one
from tests.helpers.prompted import Prompted, prompted
from tests.helpers.refusals import KIND_OF, connections_of
from tests.helpers.watching import (
    LISTENWATCH,
    PATIENCE,
    Watching,
    needs,
    needs_kernel,
    redis_server,
    watching,
)
from tests.require import require

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


@pytest.fixture(params=OVERFLOW_MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Each attach mode this kernel has."""
    attach: str = request.param
    reason = refusal(attach, Evidence(), functions=())
    require("kprobes" if attach == "kprobe" else "kernel", not reason, reason)
    return attach


def refusing(way: str) -> AbstractContextManager[Prompted]:
    """tests/helpers/refusals.py, ready to begin."""
    return prompted("tests.helpers.refusals", way)


def finished(watch: Watching) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """End the watch; its events and its summary. All that the kernel counted was seen."""
    status = watch.end(signal.SIGINT)
    assert status == 0, watch.out + watch.err
    *events, last = fit(watch.out)
    return events, last["summary"]


@pytest.mark.parametrize("way", refusals.WAYS)
def test_every_kind_is_named_and_its_counts_are_the_kernels(way: str, mode: str) -> None:
    with refusing(way) as refuser:
        options = ("--json", "--attach", mode, "--netns", str(refuser.netns))
        with watching(*options, command="overflow") as watch:
            done = refuser.go()
            events, summary = finished(watch)
    kind = KIND_OF.get(way, way)
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
    connections = connections_of(way, done["times"])
    if connections is None:
        assert {total["connections"] for total in summary["listeners"]} == {None}
    else:
        assert sum(total["connections"] for total in summary["listeners"]) == connections
        assert not any(total["more_connections"] for total in summary["listeners"])
    if way == "flood":
        assert max(event["peers"] for event in events) > 1000
        assert sum(event["peers"] for event in events) <= done["times"]


def test_more_connections_than_can_be_told_apart_are_at_the_least_so_many(mode: str) -> None:
    """65,536 have room in the table: those of other listeners meanwhile may have some of it."""
    with refusing("flood_of_70000") as refuser:
        options = ("--json", "--attach", mode, "--netns", str(refuser.netns))
        with watching(*options, command="overflow") as watch:
            done = refuser.go()
            _, summary = finished(watch)
    (total,) = summary["listeners"]
    assert (total["count"], total["more_connections"]) == (done["times"], True)
    assert 60_000 < total["connections"] <= 65_536


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


@pytest.mark.parametrize("form", [["--json", "--interval", "0.1"], []])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_ends_it_though_nobody_reads(form: list[str], number: int, status: int) -> None:
    """At once, and what was refused meanwhile is counted."""
    reading, writing = os.pipe()
    os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
    line = [*LISTENWATCH, "overflow", *form]
    with refusing("syn_accept_queue_full") as refuser:
        watch = subprocess.Popen(
            [*line, "--netns", str(refuser.netns)], stdout=writing, stderr=subprocess.PIPE, bufsize=0, cwd=ROOT
        )
        try:
            assert watch.stderr and b"watching " in watch.stderr.readline()
            times = refuser.go()["times"]
            time.sleep(0.5)  # with --json it has met the full pipe by then
            watch.send_signal(number)
            with pytest.raises(subprocess.TimeoutExpired):
                watch.wait(1)
            watch.send_signal(number)
            begun = time.monotonic()
            words = watch.communicate(timeout=PATIENCE)[1].decode()
            taken = time.monotonic() - begun
        finally:
            watch.kill()
            watch.communicate()
    os.close(reading)
    os.close(writing)
    assert watch.returncode == status
    assert words.endswith(f"listenwatch: the output was not read: {times} times there was no room\n")
    assert "Traceback" not in words
    assert taken < 5  # some 0.1 s where nothing else runs


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
    assert advice["cause"] == f"process {redis.pid} is stopped: it accepts nothing"
    assert advice["steps"][0] == f"kill -CONT {redis.pid}" and "redis-server" in advice["listener"]
    assert "net.core.somaxconn=511" in advice["only_buy_time"][0]
    assert "512 connections wait, now 129" in advice["prediction"]
