"""A verdict that is looked up is the one that would have been made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from listenwatch.call.record import JUDGED, Flag, ListenCall, decode, decode_all
from listenwatch.features.behaviour import behaviour_of
from listenwatch.model.behaviour import Behaviour
from listenwatch.verdict import judge as judging
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from listenwatch.verdict.inputs import LONG_NS
from listenwatch.verdict.judge import Judge
from tests.helpers.calls import BEHAVIOUR, call
from tests.helpers.make import frozen
from tests.helpers.records import encoded
from tests.helpers.vectors import VECTORS, load, name_of


def same(verdict: Verdict, other: Verdict) -> bool:
    """Whether they say the same, and of the same outcome."""
    values, others = (
        (*each._replace(predicted=None), frozen(each.outcome) if each.outcome else None) for each in (verdict, other)
    )
    return values == others


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_a_verdict_rests_on_the_judged_part_of_the_record_alone(path: Path) -> None:
    """Whatever stands before it, but for a duration that is long, the verdict is the same."""
    recording, calls = load(path)
    behaviour, random = behaviour_of(recording.header.kernel), Random(1)
    for each in calls:
        record = encoded(each._replace(duration_ns=0))
        other = decode(record[:8] + random.randbytes(8) + bytes(8) + random.randbytes(JUDGED - 24) + record[JUDGED:])
        assert same(judge(other, behaviour), judge(decode(record), behaviour))


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_verdicts_are_those_without_a_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST", 50)
    recording, calls = load(path)
    behaviour = behaviour_of(recording.header.kernel)
    records = [encoded(each) for each in calls] * 2
    judge_of = Judge(behaviour)
    for each, record in zip(decode_all(records), records, strict=True):
        assert same(judge_of.judge(each, record), judge(each, behaviour))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[ListenCall]:
    """The calls that were judged anew."""
    came: list[ListenCall] = []

    def judged(each: ListenCall, behaviour: Behaviour) -> object:
        came.append(each)
        return judge(each, behaviour)

    monkeypatch.setattr(judging, "judge", judged)
    return came


def test_a_call_like_an_earlier_one_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    came = counted(monkeypatch)
    judge_of = Judge(BEHAVIOUR)
    for pid in range(10):
        record = encoded(call(pid=pid))
        assert judge_of.judge(decode(record), record).kind is VerdictKind.AGREE
    assert len(came) == 1


def disagreeing(backlog: int) -> ListenCall:
    """Calls that disagree have their verdicts made one by one."""
    each = call(backlog=backlog)
    return each._replace(post=each.post._replace(max_ack_backlog=backlog + 1))


def of_another_pattern(number: int) -> ListenCall:
    """Agreeing; nothing of it is met twice but the pattern."""
    each = call(backlog=number)
    return each._replace(pre=each.pre._replace(reuse=number), post=each.post._replace(reuse=number))


@pytest.mark.parametrize("make", [disagreeing, of_another_pattern])
def test_so_many_verdicts_are_kept_and_no_more(
    make: Callable[[int], ListenCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST", 2)
    came = counted(monkeypatch)
    judge_of = Judge(BEHAVIOUR)
    anew = []
    for number in (1, 2, 1, 2, 3, 3, 1):
        record = encoded(make(number))
        judge_of.judge(decode(record), record)
        anew.append(len(came))
    assert anew == [1, 2, 2, 2, 3, 3, 4]


def test_what_the_model_says_of_a_call_like_others_is_made_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    came = counted(monkeypatch)
    judge_of = Judge(BEHAVIOUR)
    first, other = encoded(call(backlog=100)), encoded(call(backlog=200))
    judge_of.judge(decode(first), first)
    verdict = judge_of.judge(decode(other), other)
    assert len(came) == 1
    assert same(verdict, judge(decode(other), BEHAVIOUR))
    assert verdict.outcome is not None and verdict.outcome.socket is not None
    assert verdict.outcome.socket.max_ack_backlog == 200
    assert len(came) == 2


def test_the_kernels_way_is_not_kept() -> None:
    verdict = judge(call(), BEHAVIOUR)
    assert verdict.outcome is not None
    assert verdict.outcome.steps == ()


@pytest.mark.parametrize(
    "change", [{"duration_ns": LONG_NS}, {"flags": call().flags | Flag.SOMAXCONN_MOVES}], ids=["long", "moving"]
)
def test_what_the_judged_part_does_not_say_is_not_overlooked(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag is put on a call by its batch: its record may not have it."""
    came = counted(monkeypatch)
    judge_of = Judge(BEHAVIOUR)
    record = encoded(call())
    judge_of.judge(decode(record), record)
    judge_of.judge(decode(record)._replace(**change), record)
    assert len(came) == 2
    assert judge_of.judge(call()).kind is VerdictKind.AGREE
    assert len(came) == 3, "without a record nothing is looked up"
