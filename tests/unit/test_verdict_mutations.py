"""One field of an observation changed is one Difference that names it: the check can fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.inputs import Environment, Knowledge, Request, Socket, TcpState, Ulp
from listenwatch.model.predict import predict
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.record import ListenCall, Stage
from listenwatch.verdict import Kind, judge
from tests.unit.make import (
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
    requests,
    sockets,
)
from tests.unit.test_verdict import record


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
    yield "socket at return", call._replace(post=NOTHING)
    if post.subflow_state:
        wrong = post._replace(subflow_state=wrong_state(post.subflow_state))
        yield "subflow state at return", call._replace(post=wrong)
        grown = post._replace(subflow_max_ack_backlog=post.subflow_max_ack_backlog + 1)
        yield "subflow max_ack_backlog at return", call._replace(post=grown)


def stage_mutations(call: ListenCall) -> Iterator[tuple[str, ListenCall]]:
    """The changes of each stage: each of its fields, and whether it was passed at all."""
    extra = Stage(0, 0, 0, TcpState.CLOSE, 1)
    for index in StageIndex:
        label, seen = STAGE_LABELS[index], call.stages.get(index)
        if seen is None:
            yield label, call._replace(stages={**call.stages, index: extra})
            continue
        rest = {other: stage for other, stage in call.stages.items() if other != index}
        # A function that was entered has returned too: no kernel can be wrong in that (test_equality.py).
        if index != StageIndex.INET_LISTEN_SK and not label.endswith("returns"):
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
    assert verdict.kind is Kind.DISAGREE
    assert [d.field for d in verdict.differences] == [field]
    (difference,) = verdict.differences
    assert difference.predicted != difference.observed
    assert verdict.reason == str(difference)


@given(requests, sockets(), environments, behaviours, st.data())
def test_any_wrong_field_of_any_call_is_found(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, data: st.DataObject
) -> None:
    (found,) = predict(asked, pre, env, behaviour, FREE)
    call = observe(asked, pre, env, found)
    field, mutant = data.draw(st.sampled_from(list(mutations(call))))
    verdict = judge(mutant, behaviour, FREE)
    assert verdict.kind is Kind.DISAGREE
    assert field in [d.field for d in verdict.differences]
