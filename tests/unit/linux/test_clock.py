"""The time of day of what the kernel stamps: right after a suspend, and in a time namespace."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from listenwatch.linux import clock
from tests.require import require


def test_the_offset_follows_a_clock_that_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.wall_offset_ns()
    monotonic = time.monotonic_ns
    assert abs(time.time_ns() - (monotonic() + before)) < 10**9
    hour = 3600 * 10**9
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic() - hour)  # as after a suspend
    assert abs(clock.wall_offset_ns() - before - hour) < 10**9


def test_a_clock_that_is_slewed_keeps_calls_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    before, wall = clock.wall_offset_ns(), time.time_ns()
    monotonic = wall - before
    monkeypatch.setattr(time, "time_ns", lambda: wall + 900)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic)
    assert clock.wall_offset_ns() == before


@pytest.mark.parametrize(
    ("table", "offset"),
    [
        ("monotonic           0         0\nboottime            7         0\n", 0),
        ("monotonic       86400         5\nboottime            7         0\n", 86400 * 10**9 + 5),
        ("monotonic          -2 500000000\n", -(15 * 10**8)),
        ("1 3 0\n7 4 0\n", 3 * 10**9),
    ],
)
def test_the_offset_of_a_time_namespace(tmp_path: Path, table: str, offset: int) -> None:
    (tmp_path / "timens_offsets").write_text(table)
    assert clock.timens_offset_ns(tmp_path / "timens_offsets") == offset
    assert clock.timens_offset_ns(tmp_path / "none") == 0


def test_in_a_time_namespace_the_same_moment_has_the_same_offset() -> None:
    line = [sys.executable, "-c", "from listenwatch.linux import clock; print(clock.wall_offset_ns())"]
    done = subprocess.run(
        ["unshare", "--time", "--monotonic", "86400", "--fork", *line],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    require("time namespaces", done.returncode == 0, f"unshare --time: {done.stderr.strip()}")
    assert abs(int(done.stdout) - clock.wall_offset_ns()) < 10**9
