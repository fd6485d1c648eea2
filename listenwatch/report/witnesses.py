"""A run that several engines or attach modes watched at once: what each of them saw, beside the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from listenwatch.jsonlines import call_to_json, outcome_to_json
from listenwatch.report.table import call_details, totals, verify_report
from listenwatch.report.verification import Verification
from listenwatch.scenarios.runner import Result
from listenwatch.summary import worst


def exit_status(runs: Sequence[Verification], *, strict: bool) -> int:
    """The worst of the engines': 1 a disagreement, 4 incomplete, 0."""
    return worst(run.exit_status(strict=strict) for run in runs)


def report(runs: Sequence[Verification], *, colour: bool, verbose: bool) -> str:
    """The first engine's report, and of the others what they saw otherwise and their totals."""
    parts = [verify_report(runs[0], colour=colour, verbose=verbose)]
    for run in runs[1:]:
        details = [line for result in run.results for line in call_details(result, verbose=False)]
        parts += ["\n".join(details), f"{totals(run, colour=colour)}\n{_beside(runs[0], run)}"]
    return "\n\n".join(part for part in parts if part)


def _beside(first: Verification, run: Verification) -> str:
    equal, different = run.beside()
    told = f"{different} records differ" if different else "in every field both see"
    return f"Equal to what {name_of(first)} saw of the same calls: {equal} records, {told}"


def name_of(run: Verification) -> str:
    """Engine and attach mode, such as ``core kprobe``."""
    return f"{run.setting['engine']} {run.setting['mode']}"


def summaries(runs: Sequence[Verification]) -> Iterator[dict[str, Any]]:
    """The last objects of ``--json``, one for each engine."""
    for run in runs:
        fields = run.as_json()
        if run is not runs[0]:
            fields["beside"] = {"against": name_of(runs[0]), **run.beside()._asdict()}
        yield fields


def call_lines(result: Result, engine: str, mode: str) -> Iterator[dict[str, Any]]:
    """One object for each call of a scenario; a call without a record has only what is known of it."""
    for judged in result.calls:
        fields: dict[str, Any] = {
            "scenario": result.scenario.name,
            "engine": engine,
            "attach": mode,
        }
        if judged.call is None:
            fields |= {"verdict": judged.verdict.kind.value, "reason": judged.verdict.reason}
        else:
            fields |= call_to_json(judged.call, judged.verdict)
            fields["predicted"] = outcome_to_json(judged.verdict.outcome)
        yield fields
