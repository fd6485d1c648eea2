"""KTAP as its readers in the kernel tree take it: version, plan, numbered results, directives."""

from __future__ import annotations

import re

from listenwatch.report.ktap import ktap
from listenwatch.scenarios.runner import Result
from listenwatch.verdict import Kind
from tests.unit.test_scenarios import AGREED, DISAGREED, FAILED, SKIPPED, scenario, verification

RESULT = re.compile(r"(ok|not ok) (\d+) (\S+)(?: # ([A-Z]+)(?: (.*))?)?")

HUNG = Result(scenario("hung"), error="timeout: no end after 20 s")
UNSURE = AGREED._replace(
    scenario=scenario("unsure"),
    calls=tuple(
        j._replace(verdict=j.verdict._replace(kind=Kind.INCONCLUSIVE)) for j in AGREED.calls
    ),
)


Line = tuple[str, str, str | None, str | None]
"""ok or not ok, the name, the directive and its text."""


def results(text: str) -> list[Line]:
    """Every result line; asserts that the rest is the version, the plan and diagnostics."""
    version, plan, *rest = text.splitlines()
    assert version == "KTAP version 1"
    found: list[Line] = []
    for line in rest:
        if line.startswith("# "):
            continue
        match = RESULT.fullmatch(line)
        assert match, f"not KTAP: {line!r}"
        word, number, name, directive, reason = match.groups()
        assert int(number) == len(found) + 1
        found.append((word, name, directive, reason))
    assert plan == f"1..{len(found)}"
    return found


def test_each_kind_of_result() -> None:
    text = ktap([verification(AGREED, DISAGREED, SKIPPED, FAILED, HUNG, UNSURE)])
    assert results(text) == [
        ("ok", "good", None, None),
        ("not ok", "bad", None, None),
        ("ok", "skipped", "SKIP", "needs TLS: no such module"),
        ("not ok", "failed", "ERROR", "ValueError: broken"),
        ("not ok", "hung", "TIMEOUT", "timeout: no end after 20 s"),
        ("ok", "unsure", "SKIP", "inconclusive"),
    ]


def test_why_it_disagreed_stands_before_the_result() -> None:
    lines = ktap([verification(DISAGREED)]).splitlines()
    assert lines[2].startswith("# call 1: DISAGREE: listen(3, 5) returned 0 and has no record")
    assert lines[3] == "not ok 1 bad"


def test_no_result_at_all_is_a_plan_of_none() -> None:
    assert results(ktap([verification()])) == []
