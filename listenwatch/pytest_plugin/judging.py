"""A test's calls, and its report where they are not as asked."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pytest

from listenwatch.errors import UsageError
from listenwatch.pytest_plugin.expectations import Expectation, Problem, problems_of
from listenwatch.pytest_plugin.seen import SeenCall
from listenwatch.report.tested import clamped_advice, problem_text

_MOST_PROPERTIES = 20
"""Calls of a test that its JUnit properties name."""


@dataclass
class Watched:
    """The calls of one test so far, and how many of them were judged; the watches of its fixture, and how many of those go on.

    ``is_open``: the test itself has passed, and whether it made the calls it should is to be asked still.
    """

    calls: list[SeenCall] = field(default_factory=list)
    judged: int = 0
    watches: int = 0
    going_on: int = 0
    is_unwatched: bool = False
    is_refused: bool = False
    is_open: bool = False

    def properties(self) -> list[tuple[str, object]]:
        """For JUnit: a line for each call."""
        return [("listenwatch", call.text) for call in self.calls[:_MOST_PROPERTIES]]

    def as_plain(self) -> dict[str, Any]:
        """What a report carries."""
        return {"calls": [call._asdict() for call in self.calls], "unwatched": self.is_unwatched}


def judge_report(
    report: pytest.TestReport, watched: Watched, marker: pytest.Mark | None, fail_on: Collection[str], *, is_watched: bool
) -> None:
    """Make the report of a call or of a teardown a failure where a call since the last one is not as asked.

    Whether there is a call at all is asked once no watch goes on. A report of a failure gets a section instead.
    """
    if report.when == "call":
        watched.is_open = report.passed
    if report.skipped or (report.when == "teardown" and watched.is_refused):
        return
    try:
        expectation = None if marker is None else Expectation.of(marker.args, marker.kwargs)
    except UsageError as error:
        watched.is_refused = True
        _fail(report, [str(error)])
        return
    if expectation and not (is_watched or watched.watches):
        watched.is_unwatched = True
        return
    new, watched.judged = watched.calls[watched.judged :], len(watched.calls)
    problems = list(problems_of(new, fail_on, expectation))
    if expectation and watched.is_open and not watched.going_on:
        watched.is_open = False
        problems += expectation.missing(watched.calls)
    if problems:
        _fail(report, [_text(problem, expectation) for problem in problems])


def _text(problem: Problem, expectation: Expectation | None) -> str:
    call = problem.call
    if call is None:
        return problem_text(problem.kind)
    advice = clamped_advice(call.asked, call.somaxconn) if "clamped" in call.conditions else ""
    return problem_text(problem.kind, call.text, expectation and expectation.min_limit, advice)


def _fail(report: pytest.TestReport, lines: list[str]) -> None:
    text = "\n".join(f"listenwatch: {line}" for line in lines)
    if report.failed:
        report.sections.append(("listenwatch", text))
    else:
        report.outcome, report.longrepr = "failed", text
