"""Calls of one pattern get one verdict: the model and the comparison carry these numbers, and never count with them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from listenwatch.call.record import JUDGED, PLACES, WIRE, Flag, ListenCall, decode
from listenwatch.features.behaviour import behaviour_of
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment, Request, Socket
from listenwatch.model.predict import predict
from listenwatch.model.stages import Holds, StageIndex
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.judge import Judge
from listenwatch.verdict.pattern import Pattern, pattern_of
from tests.helpers.calls import BEHAVIOUR, call
from tests.helpers.make import FREE, behaviours, environments, observe, requests, sockets
from tests.helpers.records import encoded
from tests.helpers.vectors import VECTORS, load, name_of

U16 = 1 << 16
_LIMITS = ("max_ack_backlog", "ack_backlog")
_OF_SOCKET = (*_LIMITS, "subflow_max_ack_backlog", "subflow_ack_backlog", "local_port", "subflow_local_port", "source_port")
NUMBERS = (
    "backlog", "somaxconn", "somaxconn_after",
    *(f"{moment}.{field}" for moment in ("pre", "post") for field in _OF_SOCKET),
    *(f"stages.{int(stage)}.{field}" for stage in StageIndex for field in _LIMITS),
    *(f"stages.{int(stage)}.value" for stage in StageIndex if stage.holds is Holds.BACKLOG),
)  # fmt: skip
"""What the kernel carries: limits, lengths of queues, ports and backlogs."""


def values_of(record: bytes) -> list[int]:
    return list(WIRE.unpack(record))


def renumbered(record: bytes, random: Random) -> bytes:
    """The record with another number for each of those from 1 to 65535: the same for the same one."""
    values = values_of(record)
    numbers = sorted({values[PLACES[name]] for name in NUMBERS} & set(range(1, U16)))
    others = dict(zip(numbers, random.sample(range(1, U16), len(numbers)), strict=True))
    for name in NUMBERS:
        values[PLACES[name]] = others.get(values[PLACES[name]], values[PLACES[name]])
    return WIRE.pack(*values)


def pattern(record: bytes) -> Pattern | None:
    return pattern_of(record[JUDGED:], decode(record).hooks)


def is_clamped(record: bytes) -> bool:
    values = values_of(record)
    return values[PLACES["backlog"]] > values[PLACES["somaxconn"]]


def records_of(path: Path) -> tuple[Behaviour, list[bytes]]:
    recording, calls = load(path)
    return behaviour_of(recording.header.kernel), [encoded(each._replace(duration_ns=0)) for each in calls]


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_other_numbers_go_the_same_way(path: Path) -> None:
    random = Random(1)
    behaviour, records = records_of(path)
    agreeing = 0
    for record in random.sample(records, 300):
        other = renumbered(record, random)
        if pattern(record) is None or is_clamped(other) != is_clamped(record):
            continue
        assert pattern(other) == pattern(record)
        verdict = judge(decode(other), behaviour)
        assert verdict[:3] == judge(decode(record), behaviour)[:3]
        agreeing += verdict.kind is VerdictKind.AGREE
    assert agreeing > 100


@given(requests, sockets(), environments, behaviours, st.integers(0))
def test_so_do_those_of_any_call_of_any_kernel(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, seed: int
) -> None:
    record = encoded(observe(asked, pre, env, next(predict(asked, pre, env, behaviour, FREE))))
    other = renumbered(record, Random(seed))
    assume(is_clamped(other) == is_clamped(record))
    assert pattern(other) == pattern(record)
    assume(pattern(record) is not None and behaviour.max_ack_backlog_bits == 32)
    assert judge(decode(other), behaviour)[:3] == judge(decode(record), behaviour)[:3]


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_a_wrong_number_is_not_overlooked(path: Path) -> None:
    """Judged after calls of every pattern there is: one number each is wrong, some by being another one of the same call."""
    random = Random(2)
    behaviour, records = records_of(path)
    judge_of = Judge(behaviour)
    for record in records:
        judge_of.judge(decode(record), record)
    kinds = set()
    for record in random.sample(records, 150):
        values = values_of(record)
        place = PLACES[random.choice(NUMBERS)]
        values[place] = random.choice([0, 1, values[PLACES[random.choice(NUMBERS)]], random.randrange(U16)]) % U16
        wrong = WIRE.pack(*values)
        verdict = judge_of.judge(decode(wrong), wrong)
        assert verdict[:4] == judge(decode(wrong), behaviour)[:4]
        kinds.add(verdict.kind)
    assert {VerdictKind.AGREE, VerdictKind.DISAGREE} <= kinds


def of(each: ListenCall) -> Pattern | None:
    return pattern(encoded(each))


def test_what_is_of_one_pattern() -> None:
    kept, clamped = of(call(backlog=100)), of(call(backlog=5000))
    assert kept is not None and clamped is not None
    assert kept == of(call(backlog=101)) == of(call(backlog=101, somaxconn=70000, address=b"\x7f\0\0\2"))
    assert clamped == of(call(backlog=6000, somaxconn=128))
    assert of(call(backlog=-1)) == of(call(backlog=-7))
    assert len({kept, clamped, of(call(backlog=0)), of(call(backlog=4096)), of(call(backlog=-1))}) == 5


def test_what_has_none() -> None:
    plain = call()
    assert of(plain._replace(flags=plain.flags | Flag.SYSCTLS_UNSEEN)) is None
    assert of(plain._replace(environment=plain.environment._replace(somaxconn=-1))) is None
    assert of(plain._replace(post=plain.post._replace(max_ack_backlog=1 << 31))) is None


def test_a_limit_that_wraps_is_judged_by_its_size() -> None:
    """sk_max_ack_backlog had 16 bits: the first of these stores 1, the second would store 2."""
    behaviour = BEHAVIOUR.replace(max_ack_backlog_bits=16)
    judge_of = Judge(behaviour)
    for backlog in (U16 + 1, U16 + 2):
        seen = call(backlog=backlog, somaxconn=100_000)
        stored = seen._replace(post=seen.post._replace(max_ack_backlog=1), stages={}, hooks=0)
        kind = judge_of.judge(stored, encoded(stored)).kind
        assert kind is (VerdictKind.AGREE if backlog == U16 + 1 else VerdictKind.DISAGREE)
