"""``verify --json``: an object for each call, and a last one for each engine. ``conformance.from_json`` reads them."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from listenwatch.call.keys import (
    Attach,
    Count,
    Engine,
    Incomplete,
    KernelObject,
    On,
    Reason,
    Seconds,
    Totals,
    kernel_object,
)  # fmt: skip
from listenwatch.conformance.histories.campaign import Campaign, Failure
from listenwatch.conformance.histories.check import History
from listenwatch.conformance.histories.operations import to_json as operations_to_json
from listenwatch.conformance.run import Equality, Result, Run, ScenarioRun
from listenwatch.conformance.setting import Setting
from listenwatch.report.judged import judged_line, judged_reason
from listenwatch.report.notices import missing_texts
from listenwatch.report.runs.histories import reasons
from listenwatch.report.runs.sink import RunSink
from listenwatch.verdict.compare import VerdictKind


class JsonLines(RunSink):
    """Calls of scenarios, and of random histories those that do not agree, or with ``verbose`` all."""

    streams = True

    def result(self, results: Sequence[Result]) -> None:
        for setting, result in zip(self.settings, results, strict=True):
            for line in call_lines(setting, result):
                print(json.dumps(line))

    def history(self, history: History) -> None:
        for judged in history.calls:
            if self.verbose or judged.verdict.kind is not VerdictKind.AGREE:
                print(json.dumps({**judged_line(judged), "history": history.number}))

    def end(self, runs: Sequence[Run]) -> None:
        for run in runs:
            print(json.dumps(summary_line(run)))


def call_lines(setting: Setting, result: Result) -> Iterator[dict[str, Any]]:
    """One object for each call of a scenario."""
    own = {"scenario": result.scenario, "engine": setting.engine, "attach": setting.mode}
    return ({**judged_line(judged), **own} for judged in result.calls)


class RunSummary(Totals):
    """What was run on which kernel, and what its calls came to."""

    not_run: Annotated[Count, "scenarios or histories still to come when it was interrupted"]
    errors: Annotated[dict[str, str], "what failed by itself: a scenario or a history, and how"]
    rules: Annotated[dict[str, int], "how many calls that agreed ended by each rule"]
    backlog_rules: Annotated[dict[str, int], "the same of what became of the backlog"]
    kernel: KernelObject
    behaviour: Annotated[str, "the model's Behaviour for it, in words"]
    engine: Engine
    attach: Attach
    why: Annotated[str, "what chose the attach mode, in words"]
    incomplete: Incomplete


class EqualityObject(TypedDict):
    """Records of this run compared with those that the first one made of the same calls."""

    against: Annotated[str, "the first one's engine and attach mode"]
    equal: Count
    different: Count


class ScenariosSummary(RunSummary):
    """What scenarios came to."""

    scenarios: Annotated[Count, "how many were run"]
    scenario_names: list[str]
    skipped: Annotated[dict[str, str], "scenarios that were skipped, and why"]
    repeated: Annotated[dict[str, int], "scenarios that were run again as a probe missed something, and how often"]
    equality: EqualityObject | None


class ScenariosSummaryLine(TypedDict):
    """The last line of each engine and attach mode, of ``verify --json``."""

    schema: Literal["listenwatch/verify-summary/1"]
    reason: Annotated[Reason, "the totals in words"]
    summary: ScenariosSummary
    on: NotRequired[On]


class FailureObject(TypedDict):
    """A history in which a call disagrees."""

    history: Annotated[Count, "its number"]
    program: Annotated[list[list[Any]], "its operations"]
    smallest: Annotated[list[list[Any]] | None, "the smallest that disagrees too"]
    reasons: Annotated[list[str], "of each call that disagrees, in words"]


class HistoriesSummary(RunSummary):
    """What random histories came to."""

    seed: int
    histories: Annotated[Count, "how many were run"]
    seconds: Seconds
    reasons: Annotated[dict[str, int], "how often each reason was given for a call that was not conclusive"]
    disagreeing: Annotated[list[int], "the numbers of the histories that disagree"]
    failures: list[FailureObject]


class HistoriesSummaryLine(TypedDict):
    """The last line of each engine and attach mode, of ``verify --generate N --json``."""

    schema: Literal["listenwatch/histories-summary/1"]
    reason: Annotated[Reason, "the totals in words"]
    summary: HistoriesSummary
    on: NotRequired[On]


def summary_line(run: Run) -> ScenariosSummaryLine | HistoriesSummaryLine:
    """The last object of an engine: calls by verdict, what was run, rules, and what it ran on."""
    match run:
        case ScenarioRun():
            names = [result.scenario for result in run.results]
            return {
                "schema": "listenwatch/verify-summary/1", "reason": str(run.summary), "summary": {
                    **_common(run), "scenarios": len(names), "scenario_names": names, "skipped": run.skipped,
                    "repeated": run.repeated, "equality": _equality(run.equality) if run.equality else None,
                },
            }  # fmt: skip
        case Campaign():
            return {
                "schema": "listenwatch/histories-summary/1", "reason": str(run.summary), "summary": {
                    **_common(run), "seed": run.seed, "histories": run.histories,
                    "seconds": round(run.seconds, 2), "reasons": dict(reasons(run)),
                    "disagreeing": list(run.disagreeing), "failures": list(map(_failure, run.failures)),
                },
            }  # fmt: skip
        case _:
            raise TypeError(type(run))


def _equality(equality: Equality) -> EqualityObject:
    return {"against": equality.against, "equal": equality.equal, "different": equality.different}


def _common(run: Run) -> RunSummary:
    summary, setting = run.summary, run.setting
    failed = [f"{name}: {error}" for name, error in run.errors.items()]
    return {
        **summary.as_object(), "not_run": run.not_run, "errors": dict(run.errors), "rules": dict(run.tally.rules),
        "backlog_rules": dict(run.tally.backlog_rules), "kernel": kernel_object(run.kernel),
        "behaviour": setting.behaviour, "engine": setting.engine, "attach": setting.mode, "why": setting.why,
        "incomplete": [*missing_texts(summary.lost, 0, ()), *failed],
    }  # fmt: skip


def _failure(failure: Failure) -> FailureObject:
    return {
        "history": failure.history, "program": operations_to_json(failure.operations),
        "smallest": operations_to_json(failure.smallest) if failure.smallest else None,
        "reasons": list(map(judged_reason, failure.disagreeing)),
    }
