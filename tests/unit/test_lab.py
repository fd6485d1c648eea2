"""The lab without a probe: its exercises are whole, progress is kept, grades are told in words."""

from __future__ import annotations

import json
import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from listenwatch.cli import main
from listenwatch.commands.guest import lab_command
from listenwatch.commands.lab import as_json, as_text
from listenwatch.errors import UsageError
from listenwatch.labs import catalogue, needs
from listenwatch.labs.attempt import Goal
from listenwatch.labs.catalogue import Exercise, choose, exercises
from listenwatch.labs.grading import Grade
from listenwatch.labs.needs import unmet
from listenwatch.labs.progress import Progress

EVERY = exercises()
GOALS = (Goal(1, "it listens", True, ""),)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("exercise", EVERY, ids=lambda exercise: exercise.name)
def test_an_exercise_is_whole(exercise: Exercise) -> None:
    assert exercise.starter.suffix == exercise.solution.suffix
    assert exercise.starter.read_text() != exercise.solution.read_text()
    assert exercise.hints and all(exercise.hints)
    text = exercise.text
    for part in ("You learn", "## Background", "## Task"):
        assert part in text
    assert "<details>" not in text and "Hints" not in text
    assert max(map(len, text.splitlines())) <= 110
    assert "no such" not in exercise.title


def test_there_are_ten_and_three_have_a_cheat() -> None:
    assert len(EVERY) >= 10
    assert sum(bool(exercise.cheats) for exercise in EVERY) >= 3
    assert [exercise.number for exercise in EVERY] == sorted({e.number for e in EVERY})


def test_they_are_chosen_by_number_or_name() -> None:
    names = {choose(text).name for text in ("2", "02", "02-the-clamp", "the-clamp")}
    assert names == {"02-the-clamp"}
    with pytest.raises(UsageError, match="no exercise '99': there are 01-first-look"):
        choose("99")


def test_without_a_folder_of_exercises_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(catalogue.VARIABLE, "/nowhere")
    with pytest.raises(UsageError, match="run it from a checkout, or set LISTENWATCH_EXERCISES"):
        exercises()
    monkeypatch.setenv(catalogue.VARIABLE, ".")
    with pytest.raises(UsageError, match="no exercise in"):
        exercises()


def test_start_gives_a_file_and_never_takes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "start", "2"]) == 0
    file = Path("02-the-clamp/the_clamp.py")
    assert file.read_text() == choose("2").starter.read_text()
    file.write_text("mine")
    assert main(["lab", "start", "2"]) == 0
    assert file.read_text() == "mine"
    out, err = capsys.readouterr()
    assert "## Task" in out and "lab check 2" in out
    assert "is there already" in err


def test_hints_come_one_by_one_and_the_list_remembers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "hint", "2"]) == main(["lab", "hint", "2"]) == main(["lab", "hint", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("Hint 1 of 2") == 1 and out.count("Hint 2 of 2") == 2
    main(["lab", "solution", "2"])
    Progress().note("02-the-clamp", points=3, most=5)
    capsys.readouterr()
    assert main(["lab", "list"]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "02-the" in line)
    assert "3/5" in row and "2 hints, solution seen" in row


def test_check_wants_one_exercise_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "check"]) == main(["lab", "check", "1", "--all"]) == 2
    assert main(["lab", "check", "1", "nothing.py"]) == 2
    assert "no file 'nothing.py'" in capsys.readouterr().err


def test_a_check_that_this_machine_cannot_make_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Grading:
        def check(self, exercise: Exercise, file: Path) -> Grade:
            return Grade(exercise, skip="" if exercise.number == 1 else "no kprobes here", goals=GOALS)

    monkeypatch.setattr("listenwatch.commands.lab.grading", lambda: nullcontext(Grading()))
    main(["lab", "start", "1"])
    main(["lab", "start", "11"])
    assert main(["lab", "check", "11"]) == 3
    assert "11-your-own-kprobe: skipped: no kprobes here" in capsys.readouterr().out
    assert main(["lab", "check", "1"]) == 0
    assert main(["lab", "check", "--all"]) == 1  # the others are not begun


def test_damaged_progress_is_kept_aside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for damage in ("{", "[]", '{"02-the-clamp": 5}'):
        path = tmp_path / "state/listenwatch/lab.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(damage)
        progress = Progress()
        assert progress.of("02-the-clamp") == {}
        assert path.with_suffix(".damaged").read_text() == damage
        progress.note("02-the-clamp", points=1)
        assert json.loads(path.read_text()) == {"02-the-clamp": {"points": 1}}
    assert "begun anew" in capsys.readouterr().err


def test_progress_that_may_not_be_read_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "state/listenwatch/lab.json").mkdir(parents=True)  # not even root reads a folder
    assert main(["lab", "list"]) == 2
    assert "set XDG_STATE_HOME to a folder of yours" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_under_sudo_it_belongs_to_the_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Person:
        pw_dir = str(tmp_path)

    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "12345")
    monkeypatch.setattr("pwd.getpwuid", lambda number: Person)
    Progress().note("x", points=1)
    for path in (".local", ".local/state/listenwatch/lab.json"):
        assert (tmp_path / path).stat().st_uid == 12345
    assert stat.S_ISREG((tmp_path / ".local/state/listenwatch/lab.json").stat().st_mode)


def test_a_grade_in_words_and_as_json() -> None:
    exercise = choose("2")
    goals = (Goal(2, "it listens", True, ""), Goal(3, "with 5", False, "it was 4: try 5"))
    grade = Grade(exercise, goals, error="Traceback")
    assert not grade.passed and (grade.points, grade.most) == (2, 5)
    text = "\n".join(as_text(grade))
    assert "not yet, 2 of 5 points" in text and "it was 4: try 5" in text and "Traceback" in text
    told = as_json(grade)
    assert (told["points"], told["passed"], told["skip"]) == (2, False, None)
    assert not Grade(exercise).passed  # no goal is no success
    assert as_text(Grade(exercise, error="not begun")) == ["02-the-clamp: not begun"]
    assert "skipped: no kprobes" in as_text(Grade(exercise, skip="no kprobes"))[0]


def test_a_need_that_is_not_met_says_what_to_install() -> None:
    assert unmet(["no-such-server"]) == "no-such-server is not installed: apt install no-such-server"
    assert unmet(["sh"]) == ""


def test_no_machine_but_the_labs_own_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needs, "LAB_MACHINES", (tmp_path / "marker",))
    assert "only in the Vagrant machine or 'listenwatch guest --lab'" in unmet(["lab machine"])
    (tmp_path / "marker").touch()
    assert unmet(["lab machine"]) == ""
    (exercise,) = (each for each in EVERY if each.name == "13-sabotaged-kernel")
    assert "lab machine" in exercise.needs


def test_the_lab_in_a_guest_finds_listenwatch_and_keeps_progress_here(tmp_path: Path) -> None:
    line = lab_command(["listenwatch", "lab", "list"])
    assert line[0] == "env" and line[-3:] == ["listenwatch", "lab", "list"]
    assert f"XDG_STATE_HOME={tmp_path / '.lab'}" in line
    assert lab_command([])[-1].endswith("exec bash --norc --noprofile -i")
