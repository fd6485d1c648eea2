"""KTAP as its readers in the kernel tree take it: version, plan, numbered results, directives."""

from __future__ import annotations

from listenwatch.conformance.run import Result
from listenwatch.report.runs.ktap import ktap
from listenwatch.verdict.compare import inconclusive
from listenwatch.verdict.excuses import Excuse
from tests.helpers.ktap import results
from tests.helpers.scenarios import (
    AGREED,
    DISAGREED,
    FAILED,
    SKIPPED,
    scenario_run,
)

HUNG = Result("hung", error="timeout: no end after 20 s")
UNSURE = AGREED._replace(
    scenario="unsure",
    calls=tuple(
        j._replace(verdict=inconclusive(Excuse.CONTENDED)) for j in AGREED.calls
    ),
)


def test_each_kind_of_result() -> None:
    text = ktap([scenario_run(AGREED, DISAGREED, SKIPPED, FAILED, HUNG, UNSURE)])
    assert results(text) == [
        ("ok", "good", None, None),
        ("not ok", "bad", None, None),
        ("ok", "skipped", "SKIP", "needs TLS: no such module"),
        ("not ok", "failed", "ERROR", "ValueError: broken"),
        ("not ok", "hung", "TIMEOUT", "timeout: no end after 20 s"),
        ("ok", "unsure", "SKIP", "inconclusive"),
    ]


def test_why_it_disagreed_stands_before_the_result() -> None:
    lines = ktap([scenario_run(DISAGREED)]).splitlines()
    assert lines[2].startswith("# call 1: DISAGREE: listen(3, 5) returned 0 and has no record")
    assert lines[3] == "not ok 1 bad"


def test_no_result_at_all_is_a_plan_of_none() -> None:
    assert results(ktap([scenario_run()])) == []
