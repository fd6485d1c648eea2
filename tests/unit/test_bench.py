"""What the bench writes can be read again, and stands beside another run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import compare
from tests.bench.rows import Row, Run, as_table, beside

BEFORE = Run("here", [Row("start", 150.0, "ms", "python", 25.0), Row("lost", 48_000.0, "calls", "made", 80_000.0), Row("gone", 1.0, "s")])
NOW = Run("here", [Row("start", 50.0, "ms", "python", 20.0), Row("lost", 0.0, "calls", "made", 80_000.0), Row("memory", 45.26, "MB")])


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "build/bench.json"
    NOW.write(file)
    assert Run.read(file) == NOW


def test_each_row_stands_against_its_peer() -> None:
    lines = as_table(NOW).splitlines()
    assert lines[2].split() == ["start", "50.0", "ms", "20.0", "ms", "python", "2.50", "x"]
    assert lines[4].split() == ["memory", "45.3", "MB"]


def test_two_runs_side_by_side() -> None:
    rows = [" ".join(line.split()) for line in beside(BEFORE, NOW).splitlines()[2:]]
    assert rows == [
        "start 150 ms 50.0 ms 0.33 x 6.00 x 2.50 x", "lost 48,000 calls 0.00 calls 0.00 x 0.60 x 0.00 x",
        "gone 1.00 s - -", "memory - 45.3 MB -",
    ]  # fmt: skip


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, run in (("before", BEFORE), ("now", NOW)):
        run.write(tmp_path / name)
    assert compare.main(tmp_path / "before", tmp_path / "now") == 0
    assert capsys.readouterr().out.startswith("before: here\nnow: here\n")
