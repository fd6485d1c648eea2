"""One field of an observation changed is one Difference that names it: the check can fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.call.record import ListenCall, StageRecord
from listenwatch.call.text import state_name
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    Environment,
    Knowledge,
    Request,
    Socket,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.stages import Moment, StageIndex
from listenwatch.report.text import difference_name, difference_text, reason, value_text
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.difference import Difference, Field, Where
from tests.helpers.eras import LINUX_7_3
from tests.helpers.make import (
    CHOSEN,
    FREE,
    MPTCP,
    NOTHING,
    TAKEN,
    TCP,
    TCP6,
    UDP,
    UNBOUND,
    UNIX,
    behaviours,
    environments,
    observe,
    record,
    requests,
    sockets,
)


def wrong_state(state: int) -> int:
    """A state no peer can have brought about meanwhile: that of a connection becomes LISTEN."""
    return state ^ 1 if state in (TcpState.CLOSE, TcpState.LISTEN) else TcpState.LISTEN


def mutations(call: ListenCall) -> Iterator[tuple[str, ListenCall]]:
    """Every single change a wrong kernel could show, with the field the Difference must name."""
    yield "result", call._replace(result=call.result - 7)
    yield from stage_mutations(call)
    post = call.post
    if not post.seen:
        return
    yield "state at return", call._replace(post=post._replace(state=wrong_state(post.state)))
    grown = post._replace(max_ack_backlog=post.max_ack_backlog + 1)
    yield "max_ack_backlog at return", call._replace(post=grown)
    yield "local address", call._replace(post=post._replace(bound=1 - post.bound))
    if post.local_port not in (0, CHOSEN):
        yield "local port at return", call._replace(post=post._replace(local_port=post.local_port + 1))
    yield "socket at return", call._replace(post=NOTHING)
    if post.subflow_state:
        if post.subflow_local_port not in (0, CHOSEN, None):
            wrong = post._replace(subflow_local_port=post.subflow_local_port + 1)
            yield "subflow local port at return", call._replace(post=wrong)
        wrong = post._replace(subflow_state=wrong_state(post.subflow_state))
        yield "subflow state at return", call._replace(post=wrong)
        grown = post._replace(subflow_max_ack_backlog=post.subflow_max_ack_backlog + 1)
        yield "subflow max_ack_backlog at return", call._replace(post=grown)


def stage_mutations(call: ListenCall) -> Iterator[tuple[str, ListenCall]]:
    """The changes of each stage: each of its fields, and whether it was passed at all."""
    extra = StageRecord(0, 0, 0, TcpState.CLOSE, 1)
    for index in StageIndex:
        label, seen = index.label, call.stages.get(index)
        if seen is None:
            yield label, call._replace(stages={**call.stages, index: extra})
            continue
        rest = {other: stage for other, stage in call.stages.items() if other != index}
        # A function that was entered has returned too: no kernel can be wrong in that (test_equality.py).
        if not index.part_of and index.moment is not Moment.RETURN:
            yield label, call._replace(stages=rest)
        changes = {"max_ack_backlog": seen.max_ack_backlog + 1, "state": wrong_state(seen.state)}
        if index not in (StageIndex.LISTEN_START, StageIndex.SECURITY_RETURN):
            changes["value"] = seen.value - 9
        if index in (StageIndex.STATE_LISTEN, StageIndex.HASH, StageIndex.STATE_CLOSE):
            changes["ack_backlog"] = seen.ack_backlog + 1
        for field, value in changes.items():
            wrong = seen._replace(**{field: value})
            yield f"{label} {field}", call._replace(stages={**rest, index: wrong})


CALLS = {
    "listens": (TCP, FREE),
    "ipv6": (TCP6, FREE),
    "autobinds": (UNBOUND, FREE),
    "port taken": (TCP, TAKEN),
    "relistens": (TCP._replace(state=TcpState.LISTEN, max_ack_backlog=3), FREE),
    "mptcp": (MPTCP, FREE),
    "mptcp without a subflow": (MPTCP._replace(subflow_state=0, subflow_local_port=0), FREE),
    "unix": (UNIX, FREE),
    "not supported": (UDP, FREE),
    "wrong state": (TCP._replace(state=TcpState.ESTABLISHED), FREE),
    "ulp": (TCP._replace(ulp=Ulp.NO_CLONE), FREE),
    "refused": (TCP, Knowledge(refusal=-13)),
}
MUTANTS = [
    (f"{name}: {field}", field, knowledge, mutant)
    for name, (pre, knowledge) in CALLS.items()
    for field, mutant in mutations(record(pre, knowledge))
]


@pytest.mark.parametrize(
    ("field", "knowledge", "mutant"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS]
)
def test_one_wrong_field_is_one_difference(
    field: str, knowledge: Knowledge, mutant: ListenCall
) -> None:
    verdict = judge(mutant, LINUX_7_3, knowledge)
    assert verdict.kind is VerdictKind.DISAGREE
    assert [difference_name(d) for d in verdict.differences] == [field]
    (difference,) = verdict.differences
    assert difference.predicted != difference.observed
    assert reason(mutant, verdict) == difference_text(difference)


@given(requests, sockets(), environments, behaviours, st.data())
def test_any_wrong_field_of_any_call_is_found(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, data: st.DataObject
) -> None:
    predicted = data.draw(st.sampled_from(list(predict(asked, pre, env, behaviour, FREE))))
    call = observe(asked, pre, env, predicted)
    field, mutant = data.draw(st.sampled_from(list(mutations(call))))
    verdict = judge(mutant, behaviour, FREE)
    assert verdict.kind is VerdictKind.DISAGREE
    assert field in [difference_name(d) for d in verdict.differences]


def test_differences_in_words() -> None:
    difference = Difference(Where.RETURN, Field.RESULT, 0, -22)
    assert difference_text(difference) == "result: predicted 0, observed EINVAL"
    assert state_name(TcpState.LISTEN) == "LISTEN"
    assert state_name(77) == "77"


def differences(call: ListenCall, knowledge: Knowledge | None = FREE) -> list[str]:
    """Each difference in words."""
    return [difference_text(d) for d in judge(call, LINUX_7_3, knowledge).differences]


def without(call: ListenCall, *indices: StageIndex) -> ListenCall:
    """The same call, not seen at these stages."""
    return call._replace(stages={i: s for i, s in call.stages.items() if i not in indices})


def test_each_difference_in_words() -> None:
    call = record()
    post = call.post
    assert differences(call._replace(result=-22)) == ["result: predicted 0, observed EINVAL"]
    assert differences(call._replace(post=NOTHING)) == [
        "socket at return: predicted readable, observed not seen"
    ]
    assert differences(call._replace(post=post._replace(state=TcpState.CLOSE))) == [
        "state at return: predicted LISTEN, observed CLOSE"
    ]
    assert differences(call._replace(post=post._replace(max_ack_backlog=3))) == [
        "max_ack_backlog at return: predicted 511, observed 3"
    ]
    assert differences(call._replace(post=post._replace(bound=0))) == [
        "local address: predicted bound, observed none"
    ]
    taken = record(UNBOUND, TAKEN)
    assert differences(taken._replace(post=taken.post._replace(bound=1)), TAKEN) == [
        "local address: predicted none, observed bound"
    ]


def test_the_subflow_in_words() -> None:
    call = record(MPTCP)
    post = call.post._replace(subflow_state=TcpState.CLOSE, subflow_max_ack_backlog=3)
    assert differences(call._replace(post=post)) == [
        "subflow state at return: predicted LISTEN, observed CLOSE",
        "subflow max_ack_backlog at return: predicted 511, observed 3",
    ]


def test_a_stage_in_words() -> None:
    call = record()
    hashed = call.stages[StageIndex.HASH]
    assert hashed.value == 1
    wrong = hashed._replace(value=2, max_ack_backlog=3, state=TcpState.CLOSE, ack_backlog=4)
    assert differences(call._replace(stages={**call.stages, StageIndex.HASH: wrong})) == [
        "inet_hash value: predicted inet_hash, observed inet6_hash",
        "inet_hash max_ack_backlog: predicted 511, observed 3",
        "inet_hash state: predicted LISTEN, observed CLOSE",
        "inet_hash ack_backlog: predicted 0, observed 4",
    ]
    assert differences(without(call, StageIndex.HASH)) == [
        "inet_hash: predicted reached, observed not reached"
    ]
    extra = {**call.stages, StageIndex.STATE_CLOSE: wrong}
    assert differences(call._replace(stages=extra)) == [
        "state back to CLOSE: predicted not reached, observed reached"
    ]


@pytest.mark.parametrize(
    ("index", "value", "text"),
    [
        (StageIndex.SECURITY, 5, "5"),
        (StageIndex.SECURITY_RETURN, -13, "EACCES"),
        (StageIndex.INET_LISTEN, -13, "-13"),
        (StageIndex.INET_LISTEN_RETURN, -98, "EADDRINUSE"),
        (StageIndex.INET_LISTEN_SK, 511, "511"),
        (StageIndex.LISTEN_START, 7, "7"),
        (StageIndex.STATE_LISTEN, 7, "CLOSE"),
        (StageIndex.HASH, 1, "inet_hash"),
        (StageIndex.HASH, 2, "inet6_hash"),
        (StageIndex.HASH, 7, "7"),
        (StageIndex.STATE_CLOSE, 10, "LISTEN"),
        (StageIndex.STATE_CLOSE, 99, "99"),
        (StageIndex.LISTEN_START_RETURN, -98, "EADDRINUSE"),
        (StageIndex.INET_LISTEN_RETURN, -22, "EINVAL"),
    ],
)
def test_a_value_in_words(index: StageIndex, value: int, text: str) -> None:
    assert value_text(index, value) == text
