"""What test harnesses are told of one mode on one kernel: a case for each scenario, and one for the whole."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from listenwatch.matrix.results import Mode
from listenwatch.scenarios.catalogue import all_scenarios
from listenwatch.verdict import Kind

FOREIGN = "other"
"""The group of scenarios that another version of listenwatch knew."""


class Case(NamedTuple):
    """One result: a verdict, SKIP or ERROR, and what is to be said of it, line by line."""

    name: str
    group: str
    word: str
    said: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The last line, which for a traceback is the one that counts."""
        return self.said[-1] if self.said else ""


def cases(mode: Mode) -> Iterator[Case]:
    """Every scenario, or the histories as one case; then whether the run is complete."""
    for name in mode.calls:
        yield Case(name, group_of(name), mode.word(name), tuple(reasons(mode, name)))
    if "histories" in mode.summary:
        yield _histories(mode)
    yield _complete(mode)


def group_of(scenario: str) -> str:
    """The file a scenario is in."""
    return _groups().get(scenario, FOREIGN)


@cache
def _groups() -> dict[str, str]:
    return {scenario.name: scenario.file for scenario in all_scenarios()}


def reasons(mode: Mode, scenario: str) -> Iterator[str]:
    """Why a scenario did not simply agree."""
    for number, line in enumerate(mode.calls[scenario], 1):
        if line["verdict"] != Kind.AGREE.value:
            yield f"call {number}: {line['verdict']}: {line['reason']}"
    yield from mode.note(scenario).rstrip().splitlines()


def _histories(mode: Mode) -> Case:
    summary = mode.summary
    said = [f"history {failure['history']}: {reason}" for failure in summary["failures"] for reason in failure["reasons"]]
    said += [f"history {number}: {error}" for number, error in summary["errors"].items()]
    name = f"{summary['histories']}-histories-of-seed-{summary['seed']}"
    word = Kind.DISAGREE.value if mode.totals.disagree else "ERROR" if summary["errors"] else Kind.AGREE.value
    return Case(name, "histories", word, tuple(line for one in said for line in one.splitlines()))


def _complete(mode: Mode) -> Case:
    """Whether every call has a record, and whether anything was compared at all."""
    said = []
    if mode.totals.lost:
        said.append(f"{mode.totals.lost} calls happened and have no record")
    if not mode.totals.agree + mode.totals.disagree:
        said.append("nothing was compared")
    return Case("complete", "run", "ERROR" if said else Kind.AGREE.value, tuple(said))
