"""The lab without a probe: its exercises are whole, progress is kept, grades are told in words."""

from __future__ import annotations

import json
import os
import pwd
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from listenwatch.cli import main
from listenwatch.errors import UsageError
from listenwatch.guests.lab import lab_command
from listenwatch.labs import grading
from listenwatch.labs.attempt import Goal
from listenwatch.labs.catalogue import Exercise, choose, exercises
from listenwatch.labs.grading import Grade, unmet
from listenwatch.labs.progress import Progress
from listenwatch.labs.text import grade_as_text, grade_line

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


def test_start_gives_a_file_and_never_takes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "start", "2"]) == 0
    file = Path("02-the-clamp/the_clamp.py")
    assert file.read_text() == choose("2").starter.read_text()
    file.write_text("mine")
    assert main(["lab", "start", "2"]) == 0
    assert file.read_text() == "mine"
    out, err = capsys.readouterr()
    assert "\nTask " in out and "lab check 2" in out
    assert "is there already" in err


@pytest.mark.parametrize("exercise", EVERY, ids=lambda exercise: exercise.name)
def test_the_task_and_the_hints_are_laid_out_for_reading(
    exercise: Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "start", str(exercise.number)]) == 0
    for _ in exercise.hints:
        assert main(["lab", "hint", str(exercise.number)]) == 0
    out = capsys.readouterr().out
    assert not re.search(r"`|\*\*|^#|^\| |---|</?details>", out, re.MULTILINE)
    assert exercise.title in out
    code = re.findall(r"^    (\S.*)$", exercise.text, re.MULTILINE)
    assert [line for line in code if f" {line}" not in out] == []
    assert max(map(len, out.splitlines())) <= 100


def test_the_task_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("listenwatch.labs.text.width_of", lambda stream: 60)
    assert main(["lab", "start", "2"]) == 0
    assert max(map(len, capsys.readouterr().out.partition("Your file")[0].splitlines())) == 60


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
    assert Progress().of("01-first-look") == {"points": 1, "most": 1, "passed": True}
    assert Progress().of("02-the-clamp") == {}  # not begun is no result


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


PERSON = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home, and current folder, of somebody who calls sudo."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.chown(home, PERSON, PERSON)
        entry = pwd.struct_passwd(("person", "x", PERSON, PERSON, "", name, "/bin/sh"))
        monkeypatch.setenv("SUDO_UID", str(PERSON))
        monkeypatch.setattr("pwd.getpwuid", lambda number: entry)
        monkeypatch.chdir(home)
        yield home


@needs_root
def test_under_sudo_it_belongs_to_the_person(person: Path) -> None:
    Progress().note("x", points=1)
    assert main(["lab", "start", "2"]) == 0
    for path in (".local", ".local/state/listenwatch/lab.json", "02-the-clamp", "02-the-clamp/the_clamp.py"):
        assert (person / path).stat().st_uid == (person / path).stat().st_gid == PERSON
    assert stat.S_ISREG((person / ".local/state/listenwatch/lab.json").stat().st_mode)
    assert (os.geteuid(), os.getegid()) == (0, 0)


@needs_root
@pytest.mark.parametrize("target", ["folder", "folder/file", "nothing"])
@pytest.mark.parametrize("link", ["02-the-clamp", "02-the-clamp/the_clamp.py", "given"])
def test_under_sudo_a_planted_link_gives_nothing(
    link: str, target: str, person: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the exercise's folder, as its file, and above the folder that is named."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("of root")
    before = {path: path.lstat()[:6] for path in tmp_path.rglob("*")}
    (person / link).parent.mkdir(exist_ok=True)
    os.chown((person / link).parent, PERSON, PERSON)
    (person / link).symlink_to(tmp_path / target)
    os.lchown(person / link, PERSON, PERSON)
    named = ["given/deeper"] if link == "given" else []
    main(["lab", "start", "2", *named])
    assert {path: path.lstat()[:6] for path in tmp_path.rglob("*")} == before
    assert (person / link).is_symlink() and (tmp_path / "folder/file").read_text() == "of root"
    assert "Traceback" not in capsys.readouterr().err


@needs_root
def test_under_sudo_planted_progress_gives_nothing(person: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (person / ".local").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="Permission denied"):
        Progress()
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_no_link_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "02-the-clamp").symlink_to("elsewhere")
    assert main(["lab", "start", "2"]) == 2
    assert "02-the-clamp is a symbolic link, which is not followed" in capsys.readouterr().err
    (tmp_path / "elsewhere/the_clamp.py").symlink_to(tmp_path / "made")
    assert main(["lab", "start", "2", "elsewhere"]) == 0
    assert "is left as it is" in capsys.readouterr().err and not (tmp_path / "made").exists()


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_said(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["lab", "start", "2", folder]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_grade_in_words_and_as_json() -> None:
    exercise = choose("2")
    goals = (Goal(2, "it listens", True, ""), Goal(3, "with 5", False, "it was 4: try 5"))
    grade = Grade(exercise, goals, error="Traceback")
    assert not grade.passed and (grade.points, grade.most) == (2, 5)
    text = "\n".join(grade_as_text(grade))
    assert "not yet, 2 of 5 points" in text and "it was 4: try 5" in text and "Traceback" in text
    document = grade_line(grade)
    assert (document["points"], document["passed"], document["skipped"]) == (2, False, None)
    assert not Grade(exercise).passed  # no goal is no success
    assert grade_as_text(Grade(exercise, error="not begun")) == ["02-the-clamp: not begun"]
    assert "skipped: no kprobes" in grade_as_text(Grade(exercise, skip="no kprobes"))[0]


def test_a_need_that_is_not_met_says_what_to_install() -> None:
    assert unmet(["no-such-server"]) == "no-such-server is not installed: apt install no-such-server"
    assert unmet(["sh"]) == ""


def test_no_machine_but_the_labs_own_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(grading, "LAB_MACHINES", (tmp_path / "marker",))
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
