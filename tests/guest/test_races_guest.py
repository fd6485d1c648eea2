"""The 6.1 guest, with kprobes: the races of tests/kernel/test_races.py, where every stage is seen."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest


def test_nothing_that_moves_is_judged_wrong_where_every_stage_is_seen() -> None:
    needs_guest("6.1")
    line = [sys.executable, "-m", "listenwatch", "guest", "--cpus", "2", "--kernel", "6.1", "--"]
    tests = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "tests/kernel/test_races.py", "-k", "kprobe"]
    done = subprocess.run(
        [*line, *tests], capture_output=True, text=True, timeout=1500, cwd=ROOT,
        env={
            **os.environ, "LISTENWATCH_REQUIRE": "kernel,kprobes", "PYTHONDONTWRITEBYTECODE": "1",
            "LISTENWATCH_RACE_CALLS": os.environ.get("LISTENWATCH_RACE_CALLS", "500"),
        },
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "14 passed" in done.stdout
