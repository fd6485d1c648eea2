"""``listenwatch overflow`` on kernels with kprobes: both modes count the same, and what the kernel counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests import ROOT
from tests.helpers import refusals
from tests.helpers.guest import needs_guest
from tests.helpers.refusals import KIND_OF, connections_of

pytestmark = pytest.mark.guest


Found = dict[str, Any]


@pytest.fixture(scope="module", params=("5.10", "6.1", "7.3"))
def found(request: pytest.FixtureRequest) -> Found:
    """What tests/guest/overflow_kinds.py prints in a guest: one boot for each kernel."""
    needs_guest(request.param)
    line = [sys.executable, "-m", "listenwatch", "guest", "--cpus", "1", "--kernel", request.param, "--"]
    done = subprocess.run(
        [*line, sys.executable, "-m", "tests.guest.overflow_kinds"],
        capture_output=True, text=True, timeout=900, cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    printed: Found = json.loads(done.stdout)
    assert set(printed["ways"]) == set(refusals.WAYS)
    return printed


@pytest.mark.parametrize("mode", ["kprobe", "tracepoint"])
def test_every_kind_is_counted_as_the_kernel_counts_it(found: Found, mode: str) -> None:
    for way, one in found["ways"].items():
        done, seen = one["done"], one[mode]
        assert seen["kinds"] == {KIND_OF.get(way, way): done["times"]}, way
        assert {k: v for k, v in seen["moved"].items() if v} == {
            name: number for name, number in done["moved"].items() if name in seen["moved"]
        }, way
        assert seen["connections"] == (connections_of(way, done["times"]) or 0), way


def test_kprobes_tell_the_sockets_of_a_group_apart(found: Found) -> None:
    group = found["ways"]["reuseport_group"]
    assert (group["kprobe"]["sockets"], group["tracepoint"]["sockets"]) == (2, 1)


def test_where_nobody_is_refused_nobody_pays(found: Found) -> None:
    """With kprobes there is nothing on the way of packets, of other system calls or of the scheduler."""
    everybody = {"netif_receive_skb", "consume_skb", "kfree_skb", "sched_switch"}
    targets = set(found["targets"]["kprobe"])
    assert targets > {"tcp_conn_request", "tcp_check_req", "unix_stream_connect", "unix_wait_for_peer"}
    assert not targets & everybody
    assert not {target for target in targets if target.startswith("syscalls/")}
    assert everybody < set(found["targets"]["tracepoint"])


def test_a_connect_by_io_uring_is_seen_at_its_function(found: Found) -> None:
    ways = found["by_io_uring"]
    assert ways["unix_blocked"]["kprobe"]["kinds"] == {"unix_blocked": 1}
    if eagain := ways.get("unix_eagain"):  # 6.1's io_uring makes the call 129 times before it answers (APOLL_MAX_RETRY)
        assert set(eagain["kprobe"]["kinds"]) == {"unix_eagain"}
    assert [seen["tracepoint"]["kinds"] for seen in ways.values()] == [{}] * len(ways)


def test_the_command_names_the_process_and_what_became_of_its_connections(found: Found) -> None:
    *events, last = found["command"]["lines"]
    done = found["command"]["done"]
    assert found["command"]["status"] == 0
    mine = [e for e in events if e["processes"] and e["processes"][0]["pid"] == done["pid"]]
    assert {(e["kind"], e["limit"], e["queue"]) for e in mine} == {("ack_reset", 8, 9)}
    assert sum(event["count"] for event in mine) == done["times"]
    assert last["summary"]["attach"] == "kprobe"
    assert {row["difference"] for row in last["summary"]["counters"]} == {0}
