"""The lab on this kernel: starters fail and are told why, solutions pass, nothing gets past the probe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from listenwatch.labs.catalogue import Exercise, choose, exercises
from listenwatch.labs.grading import Grader, grading
from tests.helpers.watching import needs_kernel
from tests.require import require

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    needs_kernel()
    with grading() as opened:
        yield opened


@pytest.mark.parametrize("exercise", exercises(), ids=lambda exercise: exercise.name)
def test_starter_and_cheats_fail_and_the_solution_passes(grader: Grader, exercise: Exercise) -> None:
    for file in (exercise.starter, *exercise.cheats):
        grade = grader.check(exercise, file)
        require("kprobes" if "kprobes" in exercise.needs else "kernel", not grade.skip, grade.skip)
        assert not grade.passed
        assert all(goal.missing for goal in grade.goals if not goal.met)
    grade = grader.check(exercise, exercise.solution)
    assert grade.passed, grade


@pytest.mark.parametrize(
    ("exercise", "file", "answers"),
    [
        ("1", "cheat_never_looked.py", ("inet_csk_listen_start", "state to LISTEN")),
        ("2", "starter.py", ("raise", "before", "/proc/sys")),
    ],
)
def test_what_is_missing_is_what_was_seen_and_not_the_answer(
    grader: Grader, exercise: str, file: str, answers: tuple[str, ...]
) -> None:
    chosen = choose(exercise)
    (missed,) = (goal for goal in grader.check(chosen, chosen.folder / file).goals if not goal.met)
    assert missed.missing and not any(answer in missed.missing for answer in answers)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_program_that_fails_is_quoted(grader: Grader, tmp_path: Path) -> None:
    file = write(tmp_path / "x.py", "raise SystemExit('\\x1b[2Jno such thing')")
    grade = grader.check(choose("1"), file)
    assert not grade.passed
    assert 'ended before it printed "ready"' in grade.goals[0].missing
    assert "\\x1b[2Jno such thing" in grade.error


def test_what_it_leaves_running_ends_with_it(grader: Grader, tmp_path: Path) -> None:
    script = """
import os, time
for _ in range(2):
    if not os.fork():
        os.setsid()
        time.sleep(1000)
print("ready", flush=True)
time.sleep(1000)
"""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    grader.check(choose("1"), write(tmp_path / "x.py", script))
    gone = psutil.wait_procs(
        [p for p in psutil.Process().children(recursive=True) if p.pid not in before], timeout=10
    )
    assert not gone[1]
    assert not any(str(tmp_path) in " ".join(_command(p)) for p in psutil.process_iter())


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_its_sysctls_are_not_ours(grader: Grader, tmp_path: Path) -> None:
    path = Path("/proc/sys/net/core/somaxconn")
    before = path.read_text(), Path("/proc/self/ns/net").readlink()
    assert grader.check(choose("2"), choose("2").solution).passed
    assert (path.read_text(), Path("/proc/self/ns/net").readlink()) == before


def test_one_that_prints_without_end_is_cut_off(grader: Grader, tmp_path: Path) -> None:
    file = write(tmp_path / "x.py", "import sys\nwhile True: sys.stdout.write('x' * 65536)")
    grade = grader.check(choose("1"), file)
    assert not grade.passed
    assert grade.goals[0].missing == "it printed more than 1 MiB"
