"""The outputs of ``verify``: each takes results by begin, result, history and end, and prints what it is for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.histories.check import History
from listenwatch.conformance.run import Result, scenario_runs
from listenwatch.report.runs.json_lines import JsonLines, summary_line
from listenwatch.report.runs.ktap import Ktap, ktap
from listenwatch.report.runs.sink import RunSink
from listenwatch.report.runs.table import Table, report
from listenwatch.verdict.compare import inconclusive
from listenwatch.verdict.excuses import Excuse
from tests.helpers.ktap import results
from tests.helpers.scenarios import (
    AGREED,
    DISAGREED,
    FAILED,
    KERNEL,
    SETTING,
    SKIPPED,
    record,
    scenario_run,
)

SETTINGS = [SETTING, SETTING._replace(mode="fentry")]
RESULTS = [(AGREED, AGREED), (DISAGREED, SKIPPED)]
RUNS = scenario_runs(SETTINGS, KERNEL, RESULTS)
CALLS = (
    AGREED.calls[0]._replace(call=record()._replace(address=bytes(4))),
    DISAGREED.calls[0],
)


def printed(output: Callable[..., RunSink], capsys: pytest.CaptureFixture[str], *, verbose: bool = False) -> str:
    """All that an output prints of a run of two engines."""
    sink = output(verbose=verbose)
    sink.begin(SETTINGS)
    for of_scenario in RESULTS:
        sink.result(
            [r._replace(calls=CALLS[:1]) if r is AGREED else r for r in of_scenario]
        )
    sink.history(History(17, (), CALLS))
    sink.end(RUNS)
    return capsys.readouterr().out


def test_json_lines_come_as_the_results_do(capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(map(json.loads, printed(JsonLines, capsys).splitlines()))
    assert [(line.get("scenario"), line.get("attach")) for line in lines[:3]] == [
        ("good", "kprobe"), ("good", "fentry"), ("bad", "kprobe"),
    ]  # fmt: skip
    assert [(line["history"], line["verdict"]) for line in lines[3:-2]] == [(17, "DISAGREE")]
    first, second = (line["summary"] for line in lines[-2:])
    assert (first["attach"], second["attach"]) == ("kprobe", "fentry")
    assert second["skipped"] == {"skipped": "needs TLS: no such module"}
    every = list(map(json.loads, printed(JsonLines, capsys, verbose=True).splitlines()))
    assert [line["verdict"] for line in every[3:-2]] == ["AGREE", "DISAGREE"]


def test_a_table_and_ktap_come_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(Table, capsys) == f"{report(RUNS)}\n"
    assert printed(Ktap, capsys) == f"{ktap(RUNS)}\n"
    assert results(ktap(RUNS[:1])) == [("ok", "good", None, None), ("not ok", "bad", None, None)]


def test_the_whole_reason_of_each_call_is_there_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "good, call 1: AGREE: asked 5, stored 5" in printed(Table, capsys, verbose=True)
    assert "good, call 1" not in printed(Table, capsys)


# -- verify in brief


def of_group(group: str) -> list[str]:
    return [scenario.name for scenario in all_scenarios() if scenario.file == group]


def brief(*results: Result, not_run: int = 0) -> str:
    return report([replace(scenario_run(*results), not_run=not_run)])


def test_a_line_for_each_group() -> None:
    names = [*of_group("threads")[:1], *of_group("syn_queue")[:12]]
    results = [AGREED._replace(scenario=name) for name in names]
    results[-1] = SKIPPED._replace(scenario=names[-1])
    lines = brief(*results).splitlines()
    assert lines[:3] == [
        "threads     1 scenario   1 agree", "syn queue  12 scenarios  11 agree, 1 skipped", "",
    ]  # fmt: skip
    assert "scenario   " not in brief(*results).partition("\n\n")[2], "no rows"


UNSURE = AGREED._replace(calls=tuple(j._replace(verdict=inconclusive(Excuse.CONTENDED)) for j in AGREED.calls))


@pytest.mark.parametrize(
    ("result", "count", "row", "reason"),
    [
        (DISAGREED, "1 disagree", "DISAGREE", "call 1: DISAGREE: listen(3, 5) returned 0 and has no record"),
        (UNSURE, "1 inconclusive", "INCONCLUSIVE", "call 1: INCONCLUSIVE: "),
        (FAILED, "1 failed by themselves", "ERROR", "ERROR:\n    Traceback\n    ValueError: broken"),
    ],
)
def test_what_does_not_agree_is_shown_in_full(result: Result, count: str, row: str, reason: str) -> None:
    names = of_group("threads")
    text = brief(AGREED._replace(scenario=names[0]), result._replace(scenario=names[1]))
    assert text.splitlines()[0] == f"threads  2 scenarios  1 agree, {count}"
    assert re.search(rf"^{names[1]} .* {row}$", text, re.MULTILINE)
    assert f"{names[1]}, {reason}" in text or f"{names[1]}: {reason}" in text
    assert not re.search(rf"^{names[0]} ", text, re.MULTILINE)


def test_rules_that_were_not_exercised_are_named_only_after_every_scenario() -> None:
    every = [AGREED._replace(scenario=scenario.name) for scenario in all_scenarios()]
    part = scenario_run(*every[:-1])
    assert "exercised" not in report([part])
    assert "Rules exercised: listens" in report([part], verbose=True)
    assert "not exercised" not in report([part], verbose=True)
    assert re.search(r"^Rules exercised: 1 of \d+, not bad-descriptor, ", brief(*every), re.MULTILINE)
    assert "Rules not exercised: bad-descriptor, " in report([scenario_run(*every)], verbose=True)


def test_an_interrupted_run_says_so_in_each_output() -> None:
    run = replace(scenario_run(AGREED, DISAGREED), not_run=7)
    assert "Interrupted: 7 scenarios were not run\nScenarios: 2 (1 agree, 1 disagree)" in report([run])
    assert ktap([run]).splitlines()[1] == "1..9", "the plan has more than there are results"
    assert summary_line(run)["summary"]["not_run"] == 7
    assert summary_line(scenario_run(AGREED))["summary"]["not_run"] == 0


def test_a_run_that_was_interrupted_at_once_is_empty() -> None:
    first, second = scenario_runs(SETTINGS, KERNEL, [], 9)
    assert (first.results, first.not_run, second.not_run) == ((), 9, 9)
    assert "Scenarios: 0 (0 agree, 0 disagree)" in report([first, second])
