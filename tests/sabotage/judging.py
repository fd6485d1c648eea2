"""Whether verify noticed a sabotage: where it had to, at the stage it had to, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.identify.findings import How
from listenwatch.conformance.identify.identified import Identified
from listenwatch.conformance.run import Result, ScenarioRun
from listenwatch.model.stages import StageIndex
from listenwatch.report.behaviour import value_text
from listenwatch.report.judged import judged_reason
from listenwatch.report.text import difference_name, difference_text
from listenwatch.verdict.compare import VerdictKind
from tests.sabotage.sabotages import Sabotage


class Outcome(NamedTuple):
    """What came of verify under a sabotage. ``missed`` says what it should have noticed and did not,
    or noticed and should not have; it is empty for one that was caught. ``example`` is the first
    difference it reported at the right stage. ``identified`` is what ``identify`` makes of the kernel.
    """

    sabotage: Sabotage
    calls: int
    disagree: int
    missed: tuple[str, ...]
    example: str
    identified: str = ""


def judge(sabotage: Sabotage, run: ScenarioRun) -> Outcome:
    """Hold a run of verify with the module loaded against what the sabotage has to show."""
    examples = [
        difference_text(judged.verdict.differences[0])
        for judged in _disagreeing(run)
        if first_stage(judged) == sabotage.stage
    ]
    missed = [text for result in run.results for text in _missed(sabotage, result)]
    if run.exit_status() != 1:
        missed.insert(0, f"exit status {run.exit_status()}")
    elif not examples:
        missed.insert(0, f"nothing points at {sabotage.stage}")
    summary = run.summary
    return Outcome(
        sabotage, len(run.calls), summary.disagree, tuple(missed), examples[0] if examples else ""
    )


def with_identified(outcome: Outcome, broken: Identified, whole: Identified) -> Outcome:
    """The outcome with what ``identify`` says: no behaviour explains the kernel, or in what it is unlike the whole one."""
    if not broken.matches:
        fields = ", ".join(finding.field for finding in broken.contradicted)
        return outcome._replace(identified=f"none ({fields})" if fields else "none")
    before = {finding.field: finding.value for finding in whole.findings}
    changed = [
        f"{finding.field}={value_text(finding.value)}"
        for finding in broken.findings
        if finding.how is How.EXPERIMENT and finding.value != before[finding.field]
    ]
    if not changed:
        return outcome._replace(missed=(*outcome.missed, "identify notices nothing"))
    return outcome._replace(identified=", ".join(changed))


def identify_alarms(whole: Identified) -> list[str]:
    """What ``identify`` holds against the kernel as it is."""
    if whole.matches and not whole.wrong_by_release:
        return []
    return [f"identify: {len(whole.disagreeing)} disagree, unlike its release: {[f.field for f in whole.wrong_by_release]}"]


def false_alarms(run: ScenarioRun) -> list[str]:
    """What is wrong with a run on the kernel as it is: whatever is not AGREE, or a call lost."""
    alarms = [f"{r.scenario}: {r.word} {_why(r)}" for r in run.results if not _fine(r)]
    if not alarms and run.exit_status():
        alarms.append(f"exit status {run.exit_status()} ({run.summary})")
    return alarms


def first_stage(judged: Judged) -> str:
    """The stage of a disagreeing call's first difference, in the order the kernel passes them."""
    difference = judged.verdict.differences[0]
    if isinstance(difference.place, StageIndex) and not difference.witness:
        return difference.place.label
    return difference_name(difference)


def _missed(sabotage: Sabotage, result: Result) -> Iterator[str]:
    name = result.scenario
    if name not in sabotage.hits:
        if not _fine(result):
            yield f"{name}: {result.word} {_why(result)}"
        return
    disagreeing = [j for j in result.calls if j.verdict.kind is VerdictKind.DISAGREE]
    if not disagreeing:
        yield f"{name}: {result.word} {_why(result)}"
    for judged in disagreeing:
        stage = first_stage(judged)
        if stage != sabotage.stage and stage not in sabotage.later:
            yield f"{name} points at {stage}"


def _fine(result: Result) -> bool:
    """Every call of the scenario agrees, and it came to its end."""
    return not result.error and {j.verdict.kind for j in result.calls} == {VerdictKind.AGREE}


def _why(result: Result) -> str:
    reasons = (judged_reason(j) for j in result.calls if j.verdict.kind is not VerdictKind.AGREE)
    return result.skip or next(reasons, "") or result.error.strip().rpartition("\n")[2]


def _disagreeing(run: ScenarioRun) -> list[Judged]:
    return [judged for judged in run.calls if judged.verdict.kind is VerdictKind.DISAGREE]
