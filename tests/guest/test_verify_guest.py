"""The 6.1 guest, every attach mode at once: every scenario agrees, the records are the same, the check can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from listenwatch.bpf.programs import ATTACH_MODES
from tests import ROOT
from tests.helpers.contract import fit
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest

HOOKS = ("inet_listen", "listen_start", "hash")
KPROBE_ONLY = r"wrong_fact and (INSIDE or ipv6_hash or mptcp_enters)"


def in_guest(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the guest through the command line, as a user would."""
    line = [sys.executable, "-m", "listenwatch", "guest", "--cpus", "1", "--kernel", "6.1", "--", *command]
    return subprocess.run(
        line,
        capture_output=True,
        text=True,
        timeout=1500,
        cwd=ROOT,
        env={**os.environ, "LISTENWATCH_REQUIRE": "kernel,kprobes,sabotage"},
    )


@pytest.fixture(scope="module", autouse=True)
def _able() -> None:
    needs_guest("6.1")


Verified = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Every call as every attach mode saw it, and the summary of each mode."""


@pytest.fixture(scope="module")
def verified() -> Verified:
    done = in_guest(sys.executable, "-m", "listenwatch", "verify", "--json", "--attach", "all")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = fit(done.stdout)
    calls = [line for line in lines if "summary" not in line]
    return calls, [line["summary"] for line in lines if "summary" in line]


def test_every_scenario_agrees_in_every_mode(verified: Verified) -> None:
    calls, summaries = verified
    assert [summary["attach"] for summary in summaries] == list(ATTACH_MODES)
    assert {call["verdict"] for call in calls} == {"AGREE"}
    for summary in summaries:
        assert summary["scenarios"] - len(summary["skipped"]) >= 300
        assert summary["agree"] == sum(call["attach"] == summary["attach"] for call in calls) > 900
        assert (summary["disagree"], summary["lost"], summary["errors"]) == (0, 0, {})


def test_every_mode_has_the_same_records_of_the_same_calls(verified: Verified) -> None:
    _, (first, *others) = verified
    assert first["equality"] is None
    for summary in others:
        assert summary["equality"]["against"] == "core kprobe"
        assert summary["equality"]["different"] == 0
        assert summary["equality"]["equal"] > 900


@pytest.mark.parametrize("mode", ["kprobe", "fentry"])
def test_the_three_hooks_are_seen_with_state_and_limit(verified: Verified, mode: str) -> None:
    calls, _ = verified
    (call,) = (
        c for c in calls if c["scenario"] == "backlog-clamped-ipv4" and c["attach"] == mode
    )
    assert set(HOOKS) <= set(call["watched"])
    seen = {name: (s["state"], s["max_ack_backlog"]) for name, s in call["stages"].items()}
    assert seen["inet_listen"] == ("CLOSE", 0)
    assert seen["listen_start"] == ("CLOSE", 128)
    assert seen["hash"] == ("LISTEN", 128)
    assert seen["inet_listen_return"] == ("LISTEN", 128)


def test_every_door_is_seen(verified: Verified) -> None:
    calls, _ = verified
    assert {"syscall", "compat", "kernel"} <= {call["door"] for call in calls}


def test_a_wrong_fact_only_kprobes_show_is_found() -> None:
    """The sabotage tests of this kernel's suite, run there for what tracepoints do not show."""
    done = in_guest(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "tests/kernel/test_verify.py", "-k", KPROBE_ONLY,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "3 passed" in done.stdout
