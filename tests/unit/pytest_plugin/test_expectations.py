"""What a marker and a setting ask of calls."""

from __future__ import annotations

from typing import Any

import pytest

from listenwatch.errors import UsageError
from listenwatch.pytest_plugin.expectations import (
    CONDITIONS,
    Expectation,
    conditions_of,
    problems_of,
)
from listenwatch.pytest_plugin.seen import SeenCall
from listenwatch.verdict.condition import Condition

KEPT = SeenCall("kept", "AGREE", (), 64, 64, 4096)
CLAMPED = SeenCall("clamped", "AGREE", ("clamped",), 9000, 4096, 4096)
FAILED = SeenCall("failed", "AGREE", ("failed",), 64, None, 4096)
WRONG = SeenCall("wrong", "DISAGREE", ("disagree", "failed"), 64, None, 4096)


def kinds(*calls: SeenCall, fail_on: str = "", **asked: Any) -> list[str]:
    expectation = Expectation.of((), asked) if asked else None
    return [problem.kind for problem in problems_of(calls, conditions_of(fail_on), expectation)]


def test_the_words_are_those_of_the_command_line() -> None:
    assert {condition.value for condition in Condition} == set(CONDITIONS)
    assert conditions_of("clamped, disagree\nfailed") == ("clamped", "disagree", "failed")
    with pytest.raises(UsageError, match="nothing to fail on: 'clampd': did you mean 'clamped'"):
        conditions_of("clampd")
    with pytest.raises(UsageError, match="choose from disagree, clamped"):
        conditions_of("xyz")


def test_what_the_session_fails_on() -> None:
    assert kinds(KEPT, CLAMPED, FAILED, WRONG) == []
    assert kinds(KEPT, CLAMPED, FAILED, WRONG, fail_on="clamped,failed") == ["clamped", "failed", "failed"]
    assert kinds(WRONG, fail_on="disagree") == ["disagree"]


def test_what_a_marker_asks_for() -> None:
    assert kinds(KEPT, CLAMPED, min_limit=1024) == ["limit"]
    assert kinds(FAILED, min_limit=1024) == []
    assert kinds(KEPT, CLAMPED, clamped=False) == ["clamped"]
    assert kinds(KEPT, FAILED, failed=False) == ["failed"]


def test_what_a_marker_wants_does_not_fail_the_session() -> None:
    assert kinds(CLAMPED, FAILED, fail_on="clamped,failed", clamped=True) == ["failed"]
    assert kinds(CLAMPED, FAILED, fail_on="clamped,failed", clamped=True, failed=True) == []


@pytest.mark.parametrize(
    ("asked", "calls", "expected"),
    [
        ({}, [], ["none"]),
        ({}, [FAILED], ["none"]),
        ({}, [KEPT], []),
        ({"failed": True}, [FAILED], []),
        ({"failed": True}, [KEPT], ["no-failed"]),
        ({"clamped": True}, [KEPT], ["no-clamped"]),
        ({"clamped": True}, [], ["no-clamped", "none"]),
    ],
)
def test_what_is_missing(asked: dict[str, Any], calls: list[SeenCall], expected: list[str]) -> None:
    assert [problem.kind for problem in Expectation.of((), asked).missing(calls)] == expected


@pytest.mark.parametrize(("arguments", "named"), [((1024,), {}), ((), {"limit": 5})])
def test_what_a_marker_does_not_take(arguments: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="takes min_limit=, clamped=, failed= and nothing else"):
        Expectation.of(arguments, named)
