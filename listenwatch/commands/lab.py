"""``listenwatch lab``: exercises about listen(), checked by what the kernel does with your program."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from listenwatch.errors import ObserveError, UsageError
from listenwatch.labs.catalogue import Exercise, choose, exercises
from listenwatch.labs.grading import Grade, Grader, grading
from listenwatch.labs.progress import Progress, give
from listenwatch.terminal import escape, say

EPILOG = """\
examples:
  listenwatch lab list              the exercises, and your points
  listenwatch lab start 2           the task, and a file to begin with in ./02-the-clamp
  sudo listenwatch lab check 2      run your file under the probe; says what is missing
  listenwatch lab hint 2            the next hint
  listenwatch lab solution 2        one that passes
  sudo listenwatch lab check --all --json
                                    every exercise, for marking

An exercise is named by its number or its name. 'check' runs the file that 'start' made in the
current folder, or the one you name, in a network namespace of its own, with numbers drawn anew
each time. What it prints counts only where the task asks for it: the rest is seen in the kernel.

exit status: 0 all passed (or some, and the others cannot be checked here), 1 something is missing,
2 usage, 3 could not observe"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``lab``."""
    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the exercises, and your points")
    for name, text in (
        ("start", "the task, and a file to begin with"),
        ("hint", "the next hint"),
        ("solution", "a solution"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("exercise", metavar="NN")
        if name == "start":
            action.add_argument("folder", nargs="?", metavar="DIR", help="default: ./NN-name")
    check = actions.add_parser("check", help="run your file under the probe and judge it")
    check.add_argument("exercise", nargs="?", metavar="NN")
    check.add_argument("file", nargs="?", metavar="FILE", help="default: the one 'start' made")
    check.add_argument("--all", action="store_true", help="every exercise there is a file for")
    check.add_argument("--json", action="store_true", help="a JSON line for each exercise")
    prove = actions.add_parser(
        "prove", help="for authors: every starter must fail, every solution pass, no cheat pass"
    )
    prove.add_argument("exercise", nargs="*", metavar="NN", help="default: all")


def run(options: argparse.Namespace) -> int:
    """Do what is asked; returns the exit status."""
    if options.action == "list":
        return _list()
    if options.action == "check":
        return _check(options)
    if options.action == "prove":
        return _prove([choose(text) for text in options.exercise] or exercises())
    exercise = choose(options.exercise)
    if options.action == "start":
        return _start(exercise, Path(options.folder or exercise.name))
    return _hint(exercise) if options.action == "hint" else _solution(exercise)


def _list() -> int:
    progress = Progress()
    rows = []
    for exercise in exercises():
        done = progress.of(exercise.name)
        points = f"{done['points']}/{done['most']}" if "points" in done else "-"
        marks = [f"{done['hints']} hints"] if done.get("hints") else []
        marks += ["solution seen"] if done.get("solution") else []
        rows.append((exercise.name, exercise.title, points, ", ".join(marks)))
    print(tabulate(rows, headers=("exercise", "what it is about", "points", "help"), disable_numparse=True))
    print("\nBegin with: listenwatch lab start 1")
    return 0


def _start(exercise: Exercise, folder: Path) -> int:
    file = folder / f"{exercise.name[3:].replace('-', '_')}{exercise.starter.suffix}"
    if file.exists():
        say(f"{file} is there already and is left as it is")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(exercise.starter, file)
        give(folder)
        give(file)
    print(exercise.text)
    print(f"Your file: {file}")
    print(f"Check it:  sudo listenwatch lab check {exercise.number} {file}")
    return 0


def _hint(exercise: Exercise) -> int:
    progress = Progress()
    read = progress.of(exercise.name).get("hints", 0)
    hints = exercise.hints
    if not hints:
        raise UsageError(f"{exercise.name} has no hints")
    number = min(read + 1, len(hints))
    progress.note(exercise.name, hints=number)
    print(f"Hint {number} of {len(hints)}:\n\n{hints[number - 1]}")
    return 0


def _solution(exercise: Exercise) -> int:
    Progress().note(exercise.name, solution=True)
    print(exercise.solution.read_text(), end="")
    return 0


# ---- checking


def _check(options: argparse.Namespace) -> int:
    if options.all == (options.exercise is not None):
        raise UsageError("say which exercise, or --all: listenwatch lab check 2")
    chosen = exercises() if options.all else [choose(options.exercise)]
    files = [(each, _file_of(each, options.file)) for each in chosen]
    grades = []
    progress = Progress()
    with grading() as grader:
        for exercise, file in files:
            grade = _grade(grader, exercise, file, options)
            grades.append(grade)
            if not grade.skip:
                best = max(grade.points, progress.of(exercise.name).get("points", 0))
                passed = grade.passed or progress.of(exercise.name).get("passed", False)
                progress.note(exercise.name, points=best, most=grade.most, passed=passed)
    if not options.json and options.all:
        got, most = sum(each.points for each in grades), sum(each.most for each in grades)
        skipped = sum(bool(each.skip) for each in grades)
        absent = sum(file is None for _, file in files)
        more = f", {skipped} exercises skipped" if skipped else ""
        more += f", {absent} not begun and not counted" if absent else ""
        print(f"\n{got} of {most} points{more}")
    if all(grade.skip for grade in grades):
        return ObserveError.status
    return 0 if all(grade.passed or grade.skip for grade in grades) else 1


def _file_of(exercise: Exercise, named: str | None) -> Path | None:
    """The student's file: the one named, or where ``start`` puts it; None if there is none."""
    name = f"{exercise.name[3:].replace('-', '_')}{exercise.starter.suffix}"
    if named is not None:
        path = Path(named)
        if not path.is_file():
            raise UsageError(f"no file {named!r}")
        return path
    found = [path for path in (Path(exercise.name, name), Path(name)) if path.is_file()]
    return found[0] if found else None


def _grade(
    grader: Grader, exercise: Exercise, file: Path | None, options: argparse.Namespace
) -> Grade:
    if file is None:
        grade = Grade(exercise, error=f"not begun: listenwatch lab start {exercise.number}")
    else:
        grade = grader.check(exercise, file)
    if options.json:
        print(json.dumps(as_json(grade)), flush=True)
    else:
        print("\n".join(as_text(grade)), flush=True)
    return grade


def as_json(grade: Grade) -> dict[str, object]:
    """A grade with stable keys."""
    return {
        "exercise": grade.exercise.name,
        "points": grade.points,
        "most": grade.most,
        "passed": grade.passed,
        "skip": grade.skip or None,
        "goals": [goal._asdict() for goal in grade.goals],
        "error": grade.error or None,
    }


def as_text(grade: Grade) -> list[str]:
    """A grade for people."""
    if grade.skip:
        return [f"{grade.exercise.name}: skipped: {escape(grade.skip)}"]
    if not grade.goals:
        return [f"{grade.exercise.name}: {grade.error}"]
    word = "passed" if grade.passed else "not yet"
    lines = [f"{grade.exercise.name}: {word}, {grade.points} of {grade.most} points"]
    for goal in grade.goals:
        lines.append(f"  {'✓' if goal.met else '✗'} {goal.what} ({goal.points})")
        if not goal.met:
            lines.append(f"      {goal.missing}")
    if grade.error:
        lines.append("  it said:")
        lines += [f"      {line}" for line in grade.error.splitlines()]
    return lines


# ---- proving the exercises themselves


def _prove(chosen: Sequence[Exercise]) -> int:
    failed = 0
    with grading() as grader:
        for exercise in chosen:
            for file in (exercise.starter, *exercise.cheats, exercise.solution):
                grade = grader.check(exercise, file)
                wanted = file == exercise.solution
                right = bool(grade.skip) or (grade.passed == wanted and bool(grade.goals))
                failed += not right
                word = "skipped" if grade.skip else "passes" if grade.passed else "fails"
                print(f"{'✓' if right else '✗'} {exercise.name}/{file.name} {word}", flush=True)
                if not grade.passed or not right:
                    print("\n".join(f"    {line}" for line in as_text(grade)[1:]) or f"    {grade.skip}")
                if grade.skip:
                    break
    print(f"{'every exercise holds' if not failed else f'{failed} files do what they should not'}")
    return 1 if failed else 0
