"""What test harnesses learn of a run: a check for each scenario, and one for the whole."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.histories.campaign import Campaign
from listenwatch.conformance.run import Result, Run, ScenarioRun
from listenwatch.report.judged import judged_reason
from listenwatch.verdict.compare import VerdictKind

FOREIGN = "other"
"""The group of scenarios that another version of listenwatch knew."""


class Check(NamedTuple):
    """One result: a verdict, SKIP or ERROR, and what is to be said of it, line by line."""

    name: str
    group: str
    word: str
    lines: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The last line, which for a traceback is the one that counts."""
        return self.lines[-1] if self.lines else ""


def checks(run: Run) -> Iterator[Check]:
    """Every scenario, or the histories as one check."""
    match run:
        case ScenarioRun():
            for result in run.results:
                lines = tuple(_reasons(result))
                yield Check(result.scenario, group_of(result.scenario), result.word, lines)
        case Campaign():
            yield _histories(run)


def group_of(scenario: str) -> str:
    """The file a scenario is in."""
    return _groups().get(scenario, FOREIGN)


@cache
def _groups() -> dict[str, str]:
    return {scenario.name: scenario.file for scenario in all_scenarios()}


def _reasons(result: Result) -> Iterator[str]:
    """Why a scenario did not simply agree."""
    for number, judged in enumerate(result.calls, 1):
        if judged.verdict.kind is not VerdictKind.AGREE:
            yield f"call {number}: {judged.verdict.kind.value}: {judged_reason(judged)}"
    yield from result.note.rstrip().splitlines()


def _histories(run: Campaign) -> Check:
    lines = [f"history {f.history}: {judged_reason(j)}" for f in run.failures for j in f.disagreeing]
    lines += [f"history {name}: {error}" for name, error in run.errors.items()]
    name = f"{run.histories}-histories-of-seed-{run.seed}"
    word = "DISAGREE" if run.summary.disagree else "ERROR" if run.errors else "AGREE"
    return Check(name, "histories", word, tuple("\n".join(lines).splitlines()))


def completeness(run: Run) -> Check:
    """Whether every call has a record, and whether anything was compared at all."""
    lines = []
    if run.lost:
        lines.append(f"{run.lost} calls happened and have no record")
    if not run.summary.agree + run.summary.disagree:
        lines.append("nothing was compared")
    return Check("complete", "run", "ERROR" if lines else "AGREE", tuple(lines))
