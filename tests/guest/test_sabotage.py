"""Kernels that are wrong in one thing: verify says so, and says where."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers.guest import needs_guest
from tests.sabotage.sabotages import SABOTAGES

pytestmark = pytest.mark.guest


def test_every_sabotaged_kernel_is_caught_and_no_other() -> None:
    needs_guest("6.1")
    done = subprocess.run(
        [sys.executable, "-m", "tests.sabotage"],
        capture_output=True,
        text=True,
        timeout=900,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    total = f"{len(SABOTAGES)} of {len(SABOTAGES)} caught, 0 false alarms"
    assert done.stdout.splitlines()[-1] == total
