"""``listenwatch sockets`` in the 6.1 guest: every kind of listener, and every way to hold one, as on this kernel."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest


def test_the_same_as_on_this_kernel() -> None:
    needs_guest("6.1")
    line = [sys.executable, "-m", "listenwatch", "guest", "--cpus", "1", "--kernel", "6.1", "--"]
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*line, *tests, "tests/kernel/test_sockets_identity.py"],
        capture_output=True, text=True, timeout=900, cwd=ROOT,
        env={**os.environ, "LISTENWATCH_REQUIRE": "kernel", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout
