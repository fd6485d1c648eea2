"""Exercises and grades as text for a terminal, and as JSON."""

import sys
from collections.abc import Iterable, Sequence
from time import time_ns
from typing import Annotated, Literal, TypedDict

from listenwatch.call.forms import time_text
from listenwatch.call.keys import Count, Time
from listenwatch.labs.catalogue import Exercise
from listenwatch.labs.grading import Grade
from listenwatch.labs.marking import Proof
from listenwatch.labs.progress import Progress
from listenwatch.linux.terminal import ColourChoice, escape, use_colour, width_of
from listenwatch.linux.text_width import wrap_lines
from listenwatch.report.columns import text_width
from listenwatch.report.tables import table


def show(markdown: str, colour: ColourChoice = "auto") -> None:
    """Print a task or a hint, laid out for reading."""
    from rich.console import Console  # only here: it takes longer to import than listenwatch itself
    from rich.markdown import Markdown

    on = use_colour(sys.stdout, colour)
    console = Console(width=text_width(width_of(sys.stdout)), force_terminal=on, color_system="standard" if on else None)
    console.print(Markdown(markdown, code_theme="ansi_light"))


def lines(texts: Iterable[str]) -> str:
    """Lines as the terminal has room for them, each with its own indent; as they are where there is none."""
    width = width_of(sys.stdout)
    return "\n".join(texts if width is None else wrap_lines(texts, width, 2))


def list_of(exercises: Iterable[Exercise], progress: Progress) -> str:
    """The exercises with the points so far, and what help was taken."""
    rows = []
    for exercise in exercises:
        done = progress.of(exercise.name)
        points = f"{done['points']}/{done['most']}" if "points" in done else "-"
        help_taken = [f"{done['hints']} hints"] if done.get("hints") else []
        help_taken += ["solution seen"] if done.get("solution") else []
        rows.append((exercise.name, exercise.title, points, ", ".join(help_taken)))
    return table(("exercise", "what it is about", "points", "help"), rows, text_width(width_of(sys.stdout)))


class GoalObject(TypedDict):
    """What was to be shown."""

    points: Annotated[Count, "for it"]
    what: str
    met: bool
    missing: Annotated[str, "what is missing, in words"]


class GradeLine(TypedDict):
    """What came of an exercise, of ``lab check --json``."""

    schema: Literal["listenwatch/grade/1"]
    time: Time
    exercise: Annotated[str, "its name"]
    points: Count
    most: Annotated[Count, "the points to be had"]
    passed: bool
    skipped: Annotated[str | None, "why this machine cannot check it, in words; null if it was checked"]
    goals: list[GoalObject]
    error: Annotated[str | None, "what the program itself wrote to standard error"]


def grade_line(grade: Grade) -> GradeLine:
    """A grade as one object."""
    return {
        "schema": "listenwatch/grade/1",
        "time": time_text(time_ns()),
        "exercise": grade.exercise.name,
        "points": grade.points,
        "most": grade.most,
        "passed": grade.passed,
        "skipped": grade.skip or None,
        "goals": [{"points": g.points, "what": g.what, "met": g.met, "missing": g.missing} for g in grade.goals],
        "error": grade.error or None,
    }


def grade_as_text(grade: Grade) -> list[str]:
    """The lines of a grade."""
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


def total(grades: Sequence[Grade], absent: int) -> str:
    """The points of all exercises together; ``absent``: how many have no file yet."""
    skipped = sum(bool(grade.skip) for grade in grades)
    points, most = sum(grade.points for grade in grades), sum(grade.most for grade in grades)
    text = f"{points} of {most} points"
    text += f", {skipped} exercises skipped" if skipped else ""
    return text + (f", {absent} not begun and not counted" if absent else "")


def proof_as_text(proof: Proof) -> list[str]:
    """The lines for one file of an exercise's own."""
    grade = proof.grade
    word = "skipped" if grade.skip else "passes" if grade.passed else "fails"
    lines = [f"{'✓' if proof.right else '✗'} {grade.exercise.name}/{proof.file.name} {word}"]
    if not grade.passed or not proof.right:
        lines += [f"    {line}" for line in grade_as_text(grade)[1:] or [grade.skip]]
    return lines
