"""Guests, with kprobes: calls that do not come through the 64-bit system call are seen, and --strict is content."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers.guest import needs_guest
from tests.helpers.watching import BY_OTHER_PATHS, python

pytestmark = pytest.mark.guest


@pytest.mark.parametrize(("series", "path"), [("6.1", "compat"), ("7.3", "compat"), ("7.3", "io_uring")])
def test_a_call_by_another_path_is_seen(series: str, path: str) -> None:
    """``compat`` is int $0x80 from a 64-bit program: a listener again, AF_UNIX and a failing one."""
    needs_guest(series)
    watch = [sys.executable, "-m", "listenwatch", "watch", "--attach", "kprobe", "--json", "--strict", "--"]
    done = subprocess.run(
        [sys.executable, "-m", "listenwatch", "guest", "--kernel", series, "--", *watch, *python(BY_OTHER_PATHS.format(path=path))],
        capture_output=True, text=True, timeout=900, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *calls, last = map(json.loads, done.stdout.splitlines())
    asked = (2, 3) if path == "io_uring" else (2, 3, 4)  # io_uring refuses a bad descriptor before it comes to listen()
    seen = [(call["asked"], call["door"], call["verdict"]) for call in calls]
    assert seen == [(1, "syscall", "AGREE"), *((number, path, "AGREE") for number in asked)]
    assert not last["summary"]["not_seen"] and not last["summary"]["lost"]
