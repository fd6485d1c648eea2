"""Runs read back from the lines that ``verify --json`` printed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from listenwatch.call.codec import call_from_json
from listenwatch.call.forms import SCHEMA
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.histories.campaign import Campaign, Failure
from listenwatch.conformance.histories.operations import from_json as operations_from_json
from listenwatch.conformance.run import Equality, Result, Run, ScenarioRun, Tally
from listenwatch.conformance.setting import Setting
from listenwatch.linux.kernel import Kernel
from listenwatch.verdict.codec import verdict_from_json
from listenwatch.verdict.compare import Verdict, VerdictKind

Line = dict[str, Any]
"""One line of ``verify --json``: a call and its verdict, or the summary of a run."""


def runs_from_json(printed: Sequence[Line]) -> tuple[Run, ...]:
    """A run for each summary, with the calls that are its own; KeyError, TypeError or ValueError for other lines."""
    summaries = [line["summary"] for line in printed if "summary" in line]
    return tuple(_campaign(s) if "histories" in s else _scenario_run(s, printed) for s in summaries)


def judged_from_json(line: Line) -> Judged:
    """A call and its verdict, with the reason as it was printed."""
    call = call_from_json(line) if line["schema"] == SCHEMA else None
    return Judged(None, call, verdict_from_json(line), reason=line["reason"])


def _scenario_run(summary: Line, printed: Sequence[Line]) -> ScenarioRun:
    skipped, repeated, errors = (summary.get(key, {}) for key in ("skipped", "repeated", "errors"))
    names = dict.fromkeys((*summary["scenario_names"], *skipped, *errors))
    calls: dict[str, list[Judged]] = {name: [] for name in names}
    own = (summary["engine"], summary["attach"])
    for line in printed:
        if "summary" not in line and (line["engine"], line["attach"]) == own:
            calls[line["scenario"]].append(judged_from_json(line))
    results = tuple(
        Result(
            name, tuple(calls[name]), skipped.get(name, ""), errors.get(name, ""),
            repeated=repeated.get(name, 0),
        )
        for name in names
    )  # fmt: skip
    equality = Equality(**summary["equality"]) if summary["equality"] else None
    return ScenarioRun(
        _setting(summary), _kernel(summary), summary["lost"], results, equality, not_run=summary["not_run"]
    )


def _campaign(summary: Line) -> Campaign:
    tally = Tally()
    tally.kinds.update({kind: summary[kind.value.lower()] for kind in VerdictKind})
    tally.rules.update(summary["rules"])
    tally.backlog_rules.update(summary["backlog_rules"])
    return Campaign(
        _setting(summary), _kernel(summary), summary["lost"], summary["seed"], summary["histories"],
        summary["seconds"], tally, Counter(summary["reasons"]), tuple(summary["disagreeing"]),
        tuple(map(_failure, summary["failures"])), summary["errors"], not_run=summary["not_run"],
    )  # fmt: skip


def _failure(fields: Line) -> Failure:
    disagreement = Verdict(VerdictKind.DISAGREE, "none", "not-reached")
    calls = (Judged(None, None, disagreement, reason=reason) for reason in fields["reasons"])
    smallest = operations_from_json(fields["smallest"]) if fields["smallest"] else None
    return Failure(fields["history"], operations_from_json(fields["program"]), smallest, tuple(calls))


def _setting(summary: Line) -> Setting:
    return Setting(
        _kernel(summary).text, summary["behaviour"], summary["engine"], summary["attach"], summary["why"]
    )


def _kernel(summary: Line) -> Kernel:
    fields = summary["kernel"]
    major, minor, patch = fields["version"]
    return Kernel(fields["release"], (major, minor, patch), fields["machine"], fields["has"])
