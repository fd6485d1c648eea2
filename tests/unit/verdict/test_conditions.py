"""What may be asked of judged calls: each holds of what it says, and of nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given

from listenwatch.call.record import ListenCall
from listenwatch.model.inputs import EntryPath
from listenwatch.model.rules import BacklogRule
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.condition import Condition
from listenwatch.verdict.conditions import conditions_of, is_clamped
from tests.helpers.calls import BEHAVIOUR, call, calls, disagreeing, refused, unreturned
from tests.helpers.make import UNIX


def conditions(each: ListenCall) -> set[Condition]:
    return set(conditions_of(each, judge(each, BEHAVIOUR)))


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (call(), set()),
        (call(backlog=4096), set()),
        (call(backlog=4097), {Condition.CLAMPED}),
        (call(backlog=-1), {Condition.CLAMPED}),
        (call(backlog=0, somaxconn=0), set()),
        (call(backlog=1, somaxconn=0), {Condition.CLAMPED}),
        (call(UNIX, 5000), {Condition.CLAMPED}),
        (refused(), {Condition.FAILED}),
        (disagreeing(), {Condition.DISAGREE}),
        (unreturned(), {Condition.INCONCLUSIVE}),
    ],
)
def test_each(each: ListenCall, expected: set[Condition]) -> None:
    assert conditions(each) == expected


def test_a_kernel_that_does_not_clamp_disagrees_and_is_not_said_to_clamp() -> None:
    good = call(backlog=511, somaxconn=128)
    whole = good._replace(post=good.post._replace(max_ack_backlog=511))
    assert conditions(whole) == {Condition.DISAGREE}
    less = good._replace(post=good.post._replace(max_ack_backlog=64))
    assert conditions(less) == {Condition.DISAGREE, Condition.CLAMPED}


@given(calls())
def test_of_whatever_the_wire_holds(each: ListenCall) -> None:
    verdict = judge(each, BEHAVIOUR)
    held = set(conditions_of(each, verdict))
    assert (Condition.FAILED in held) == (each.result != 0)
    assert (Condition.CLAMPED in held) == is_clamped(each, verdict)
    assert not {Condition.FAILED, Condition.CLAMPED} <= held
    assert Condition.LOST not in held
    of_kind = {Condition.DISAGREE, Condition.INCONCLUSIVE, Condition.UNMODELLED} & held
    expected = set() if verdict.kind is VerdictKind.AGREE else {Condition(verdict.kind.value.lower())}
    assert of_kind == expected
    if Condition.CLAMPED in held:
        assert verdict.backlog_rule in (BacklogRule.CLAMPED.value, BacklogRule.NEGATIVE.value)
        assert each.entry_path is not EntryPath.KERNEL
