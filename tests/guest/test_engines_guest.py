"""On kernels with everything: each engine and attach mode sees the same calls, and records them alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from listenwatch.call.record import Flag
from listenwatch.conformance.harness.equality import OTHERS_SET
from tests import ROOT
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest

KERNELS = {"5.10": 2, "6.1": 1, "7.3": 1}
"""Series by series, how many parameters its inet_csk_listen_start takes (one since 5.17)."""

HOOKS = {"inet_listen", "listen_start", "hash"}
RETURNS = {"listen_start_return", "inet_listen_return"}
INSIDE = ("core kprobe", "core fentry", "bcc kprobe")

# A clock's, and each engine's own.
NOT_COMPARED = ("time", "duration_ns")

Seen = dict[str, Any]


@pytest.fixture(scope="module", params=KERNELS)
def seen(request: pytest.FixtureRequest) -> Seen:
    """What tests/guest/side_by_side.py prints in a guest: one boot for each kernel."""
    series = request.param
    needs_guest(series, headers=True)
    line = [sys.executable, "-m", "listenwatch", "guest", "--headers", "--cpus", "1", "--kernel", series, "--"]
    done = subprocess.run(
        [*line, sys.executable, "-m", "tests.guest.side_by_side"],
        capture_output=True, text=True, timeout=900, cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "\nlistenwatch: booted in" in done.stderr
    lines = done.stderr.splitlines()  # bcc's compiler has nothing to say here
    assert all(line.startswith("listenwatch: ") for line in lines), done.stderr
    found: Seen = json.loads(done.stdout)
    assert found["left_open"] == 0
    assert set(found["engines"]) == {*INSIDE, "core tracepoint"}
    return {"series": series, **found["engines"]}


def test_a_full_ring_loses_no_repeat(seen: Seen) -> None:
    for name in (*INSIDE, "core tracepoint"):
        full = seen[name]["full"]
        assert (full["calls"], full["lost"]) == (full["made"], 0), name
        assert full["repeats"] > 0, name


def test_engines_and_modes_record_the_same(seen: Seen) -> None:
    first = [compared(call) for call in seen["core kprobe"]["calls"]]
    assert [call["asked"] for call in first] == [511, 7] * 5 + [5]
    for name in INSIDE[1:]:
        assert [compared(call) for call in seen[name]["calls"]] == first, name
    # tracepoints see fewer stages, and those they see alike
    outside = seen["core tracepoint"]["calls"]
    watched = set(outside[0]["watched"])
    assert {"state_listen", "state_close"} == watched
    for call in first:
        call["stages"] = {name: stage for name, stage in call["stages"].items() if name in watched}
        call["watched"] = [name for name in call["watched"] if name in watched]
    assert [compared(call) for call in outside] == first


def compared(call: dict[str, Any]) -> dict[str, Any]:
    """A call without what no two engines share: each looks at its own moment, and may be interrupted before or after."""
    flags = [flag for flag in call["flags"] if not Flag[flag.upper()] & OTHERS_SET]
    return {**{key: value for key, value in call.items() if key not in NOT_COMPARED}, "flags": flags}


def test_the_three_named_hooks_fire(seen: Seen) -> None:
    for name in INSIDE:
        call, again, *_ = seen[name]["calls"]
        assert set(call["stages"]) >= HOOKS | RETURNS, name
        assert HOOKS & set(again["stages"]) == {"inet_listen"}  # a listener is not hashed again
        assert [call["stages"][stage]["value"] for stage in sorted(RETURNS)] == [0, 0]


def test_every_call_agrees_and_has_its_record(seen: Seen) -> None:
    for name in (*INSIDE, "core tracepoint"):
        assert {call["verdict"] for call in seen[name]["calls"]} == {"AGREE"}, name
        assert seen[name]["without_record"] == 0, name


def test_the_return_value_is_found_by_the_kernels_own_count_of_parameters(seen: Seen) -> None:
    count = KERNELS[seen["series"]]
    assert f"inet_csk_listen_start_fexit{count}" in seen["core fentry"]["programs"]
