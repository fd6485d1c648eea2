"""The lab in the 6.1 guest, as one without Vagrant has it: every exercise, the one with bcc among them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from listenwatch.labs.catalogue import exercises
from tests import ROOT
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest


def test_every_exercise_holds_in_the_guest() -> None:
    needs_guest("6.1", headers=True)
    line = [sys.executable, "-m", "listenwatch", "guest", "--lab", "--cpus", "1"]
    done = subprocess.run(
        [*line, "--", "listenwatch", "lab", "prove"],
        capture_output=True, text=True, timeout=1200, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "every exercise holds"
    assert not any("skipped" in line for line in lines)
    for exercise in exercises():
        assert f"✓ {exercise.name}/{exercise.starter.name} fails" in lines
        assert f"✓ {exercise.name}/{exercise.solution.name} passes" in lines
        for cheat in exercise.cheats:
            assert f"✓ {exercise.name}/{cheat.name} fails" in lines
