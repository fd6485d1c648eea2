"""One model of a run: what ``verify --json`` prints is read back as the same objects, and prints the same again."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from listenwatch.conformance.from_json import runs_from_json
from listenwatch.conformance.harness.equality import OtherRecord
from listenwatch.conformance.harness.judging import Judged, judge_pair
from listenwatch.conformance.histories.campaign import Campaign, Failure
from listenwatch.conformance.histories.operations import Op
from listenwatch.conformance.matrix.results import GUEST, kernel_run
from listenwatch.conformance.run import Result, Run, ScenarioRun, Tally, scenario_runs
from listenwatch.report.runs.checks import checks
from listenwatch.report.runs.json_lines import call_lines, summary_line
from listenwatch.report.runs.table import observed, predicted
from listenwatch.verdict.compare import Verdict, VerdictKind, inconclusive
from listenwatch.verdict.excuses import Excuse
from tests.helpers.eras import LINUX_7_3
from tests.helpers.scenarios import (
    AGREED,
    DISAGREED,
    FAILED,
    KERNEL,
    SETTING,
    SKIPPED,
    issued,
    record,
    scenario_run,
)

ADDRESSED = record()._replace(address=bytes(4))
GOOD = Result("good", (judge_pair((issued(), ADDRESSED), LINUX_7_3),), repeated=2)
LIMIT = ADDRESSED._replace(post=ADDRESSED.post._replace(max_ack_backlog=7))
WRONG = Result("wrong", (judge_pair((issued(), LIMIT), LINUX_7_3), GOOD.calls[0]))
UNSURE = Result("unsure", (GOOD.calls[0]._replace(verdict=inconclusive(Excuse.CONTENDED)),))
FAILED_TOO = Result("failed", GOOD.calls, error=FAILED.error)
RUN = scenario_run(GOOD, WRONG, UNSURE, DISAGREED, SKIPPED, FAILED_TOO, lost=1)


def through_json(*runs: Run) -> tuple[list[dict[str, Any]], tuple[Run, ...]]:
    """What these runs print, and what is read back from it."""
    lines: list[dict[str, Any]] = []
    for run in runs:
        if isinstance(run, ScenarioRun):
            lines += (line for result in run.results for line in call_lines(run.setting, result))
        lines.append(dict(summary_line(run)))
    printed = json.loads(json.dumps(lines))
    return printed, runs_from_json(printed)


def test_a_run_read_back_is_the_same_run() -> None:
    printed, (again,) = through_json(RUN)
    assert isinstance(again, ScenarioRun)
    assert (again.setting, again.kernel, again.lost) == (RUN.setting, RUN.kernel, 1)
    assert again.summary == RUN.summary
    assert again.words == RUN.words
    assert again.tally.rules == RUN.tally.rules
    assert (again.errors, again.skipped, again.repeated) == (RUN.errors, RUN.skipped, {"good": 2})
    assert list(checks(again)) == list(checks(RUN))
    for ours, theirs in zip(RUN.calls, again.calls, strict=True):
        assert theirs.call == ours.call
        assert theirs.verdict.kind is ours.verdict.kind
        assert theirs.verdict.differences == ours.verdict.differences
        assert (predicted(theirs), observed(theirs)) == (predicted(ours), observed(ours))
    assert through_json(again)[0] == printed, "and prints the same again"


def test_several_engines_are_told_apart_and_keep_how_equal_they_are() -> None:
    same = judge_pair((issued(), ADDRESSED), LINUX_7_3, 0, OtherRecord(ADDRESSED))
    settings = [SETTING._replace(mode=mode) for mode in ("kprobe", "fentry")]
    runs = scenario_runs(settings, KERNEL, [(GOOD, Result("good", (same,))), (WRONG, SKIPPED)])
    _, (first, second) = through_json(*runs)
    assert isinstance(first, ScenarioRun) and isinstance(second, ScenarioRun)
    assert (first.name, len(first.calls), first.equality) == ("kprobe", 3, None)
    assert (second.name, len(second.calls), second.equality) == ("fentry", 1, ("core kprobe", 1, 0))


def test_random_histories_read_back_are_the_same() -> None:
    disagreement = Judged(*(DISAGREED.calls[0][:3]))
    operations = (Op(0, "open_socket", 0, (2, 1, 0)), Op(1, "listen", 0, (5,)))
    agreed = Verdict(VerdictKind.AGREE, "listens", "kept")
    tally = Tally([agreed, agreed, disagreement.verdict, inconclusive(Excuse.CONTENDED)])
    campaign = Campaign(
        SETTING, KERNEL, 0, 3, 50, 1.25, tally, Counter({Excuse.CONTENDED: 1}), (7, 9),
        (Failure(7, operations, operations[1:], (disagreement,)), Failure(9, operations, None, ())),
        {"12": "Traceback\nValueError"},
    )  # fmt: skip
    printed, (again,) = through_json(campaign)
    assert isinstance(again, Campaign)
    assert [failure.shown for failure in again.failures] == [operations[1:], operations]
    assert list(checks(again)) == list(checks(campaign))
    assert (again.summary, again.exit_status()) == (campaign.summary, 1)
    assert through_json(again)[0] == printed


@pytest.mark.parametrize(
    "damage", [{"verdict": "MAYBE"}, {"rule": "nonsense"}, {"post": {}}, {"scenario": "other"}]
)
def test_a_line_that_is_damaged_is_a_problem_of_its_kernel(damage: dict[str, Any]) -> None:
    printed, _ = through_json(scenario_run(GOOD))
    assert not kernel_run("6.1", GUEST, 1.0, printed).problem
    printed[0] |= damage
    run = kernel_run("6.1", GUEST, 1.0, printed)
    assert run.problem.startswith("printed a line that is damaged: ")
    assert run.runs == ()


def test_the_totals_are_those_of_the_calls_not_of_the_summary() -> None:
    printed, _ = through_json(scenario_run(AGREED._replace(calls=GOOD.calls)))
    printed[-1]["summary"]["disagree"] = 5
    (run,) = runs_from_json(printed)
    assert run.summary.disagree == 0
