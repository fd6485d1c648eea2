"""What ``identify --json`` prints."""

from typing import Annotated, Any, Literal, TypedDict

from listenwatch.call.keys import (
    Attach,
    Count,
    Engine,
    KernelObject,
    Only,
    Reason,
    Release,
    kernel_object,
)
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.identify.eras import Backport
from listenwatch.conformance.identify.findings import Finding, How, Why
from listenwatch.conformance.identify.identified import Identified
from listenwatch.conformance.run import ScenarioRun
from listenwatch.model.kernels import name
from listenwatch.report.behaviour_json import BehaviourObject, behaviour_object, plain_value
from listenwatch.report.identify import headline
from listenwatch.report.judged import judged_reason

Value = Annotated[Any, "true or false, a number, or a name; null: undecided"]


class FindingObject(TypedDict):
    """A field of Behaviour."""

    field: str
    value: Value
    how: Annotated[str, Only(of=tuple(how.value for how in How)), "what decided it"]
    left: Annotated[list[Any], "the values that no call speaks against"]
    why: Annotated[str | None, Only(of=(*(why.value for why in Why), None)), "why no call decides it; null: one does"]
    shown_by: Annotated[list[str], "scenarios whose calls excluded other values"]
    asked: Annotated[int, Only(0), "different experiments whose verdict depends on it"]
    name: Annotated[str | None, "what the kernel names or does not that shows it; null: nothing"]
    named: Annotated[Any, "the value that shows"]
    by_release: Annotated[Any, "the value that the release number alone says; null: none"]
    since: Annotated[Release | None, "the first mainline release with this value"]


class BackportObject(TypedDict):
    """A field that is not as in mainline's release of the same number."""

    field: str
    value: Value
    mainline: Annotated[Any, "the value there"]
    since: Annotated[Release | None, "the first mainline release with this value"]
    known: Annotated[bool, "the model expects it of this release"]


class UnexplainedObject(TypedDict):
    """An experiment that disagrees with the nearest behaviour too."""

    scenario: str
    reason: Reason


class IdentifiedObject(TypedDict):
    """Which behaviour it is."""

    matches: Annotated[bool, "whether a documented behaviour explains every call, and the names do not contradict"]
    behaviour: BehaviourObject
    nearest: Annotated[list[str], "the eras that differ in the fewest fields, by the release each begins with"]
    differs: Annotated[list[str], "the fields in which the latest of them does"]
    findings: list[FindingObject]
    backports: list[BackportObject]
    wrong_by_release: Annotated[list[str], "the fields that the release number alone would have told wrong"]
    contradicted: Annotated[list[str], "the fields of which names show what calls exclude"]
    unexplained: list[UnexplainedObject]
    experiments: Annotated[int, Only(0), "calls that were seen, and each thing that traffic then did to a listener"]
    different: Annotated[int, Only(0), "those that are not the same as another"]
    lost: Count
    skipped: Annotated[dict[str, str], "scenarios that did not run here, and why"]
    errors: Annotated[dict[str, str], "scenarios that failed by themselves, and how"]
    kernel: KernelObject
    engine: Engine
    attach: Attach


class IdentifiedLine(TypedDict):
    """Which documented behaviour a kernel has, of ``identify --json``."""

    schema: Literal["listenwatch/identified/1"]
    reason: Reason
    identified: IdentifiedObject


def identified_line(identified: Identified, run: ScenarioRun) -> IdentifiedLine:
    """All of it as one object."""
    eras = identified.nearest
    return {
        "schema": "listenwatch/identified/1", "reason": headline(identified), "identified": {
            "matches": identified.matches, "behaviour": behaviour_object(identified.behaviour),
            "nearest": [name(era) for era in eras.eras], "differs": list(eras.fields),
            "findings": list(map(_finding, identified.findings)),
            "backports": list(map(_backport, identified.backports)),
            "wrong_by_release": [finding.field for finding in identified.wrong_by_release],
            "contradicted": [finding.field for finding in identified.contradicted],
            "unexplained": [_unexplained(*named) for named in identified.disagreeing],
            "experiments": identified.cases, "different": identified.different, "lost": run.lost,
            "skipped": run.skipped, "errors": run.errors, "kernel": kernel_object(identified.kernel),
            "engine": run.setting.engine, "attach": run.setting.mode,
        },
    }  # fmt: skip


def _finding(finding: Finding) -> FindingObject:
    return {
        "field": finding.field, "value": plain_value(finding.value), "how": finding.how.value,
        "left": list(map(plain_value, finding.left)), "why": finding.why.value if finding.why else None,
        "shown_by": list(finding.scenarios), "asked": finding.asked, "name": finding.name or None,
        "named": plain_value(finding.named), "by_release": plain_value(finding.release),
        "since": name(finding.since) if finding.since else None,
    }  # fmt: skip


def _backport(backport: Backport) -> BackportObject:
    since = backport.finding.since
    return {
        "field": backport.finding.field, "value": plain_value(backport.finding.value),
        "mainline": plain_value(backport.mainline), "since": name(since) if since else None, "known": backport.known,
    }  # fmt: skip


def _unexplained(scenario: str, judged: Judged) -> UnexplainedObject:
    return {"scenario": scenario, "reason": judged_reason(judged)}
