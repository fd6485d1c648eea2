"""The 6.1 guest, with kprobes: every scenario agrees, the three named hooks are seen, and the check can fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from listenwatch.errors import GuestError
from listenwatch.guests import boot, fetch
from tests.require import require

pytestmark = pytest.mark.guest

ROOT = Path(__file__).parents[2]
HOOKS = ("inet_listen", "listen_start", "hash")
KPROBE_ONLY = r"wrong_fact and (INSIDE or ipv6_hash or mptcp_enters)"


def in_guest(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the guest through the command line, as a user would."""
    line = [sys.executable, "-m", "listenwatch", "guest", "--kernel", "6.1", "--", *command]
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
    try:
        boot.check_tools()
        fetch("6.1", progress=print)
    except GuestError as error:
        require("guest", False, str(error))


@pytest.fixture(scope="module")
def verified() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    done = in_guest(sys.executable, "-m", "listenwatch", "verify", "--json", "--attach", "kprobe")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    *calls, last = map(json.loads, done.stdout.splitlines())
    return calls, last["summary"]


def test_every_scenario_agrees(verified: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    calls, summary = verified
    assert summary["scenarios"] - len(summary["skipped"]) >= 120
    assert {call["verdict"] for call in calls} == {"AGREE"}
    assert len(calls) == summary["agree"] > 400
    assert (summary["disagree"], summary["lost"], summary["errors"]) == (0, 0, {})


def test_the_three_hooks_are_seen_with_state_and_limit(
    verified: tuple[list[dict[str, Any]], dict[str, Any]],
) -> None:
    calls, _ = verified
    (call,) = (c for c in calls if c["scenario"] == "backlog-clamped-ipv4")
    assert set(HOOKS) <= set(call["watched"])
    seen = {name: (s["state"], s["max_ack_backlog"]) for name, s in call["stages"].items()}
    assert seen["inet_listen"] == ("CLOSE", 0)
    assert seen["listen_start"] == ("CLOSE", 128)
    assert seen["hash"] == ("LISTEN", 128)
    assert seen["inet_listen_return"] == ("LISTEN", 128)


def test_every_door_is_seen(verified: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
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
