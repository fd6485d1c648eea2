"""The check agrees with a kernel that obeys the model, and with no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.inputs import (
    Door,
    Environment,
    Knowledge,
    Request,
    Socket,
    SocketState,
    TcpState,
)
from listenwatch.model.predict import predict
from listenwatch.model.stages import StageIndex
from listenwatch.record import Flag, ListenCall
from listenwatch.verdict import Difference, Kind, Verdict, judge, state_name, value_text
from tests.unit.make import (
    ALL_HOOKS,
    FREE,
    MPTCP,
    NOTHING,
    TAKEN,
    TCP,
    behaviours,
    environment,
    environments,
    observe,
    outcome,
    outcomes,
    request,
    requests,
    sockets,
)
from tests.unit.test_predict import frozen

TRACEPOINT_HOOKS = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


def record(pre: Socket = TCP, knowledge: Knowledge = FREE, hooks: int = ALL_HOOKS) -> ListenCall:
    """The record of one call that went as predicted, asked 511."""
    found = outcome(pre, knowledge=knowledge)
    return observe(request(), pre, environment(), found, hooks)


# -- agreement


@given(requests, sockets(), environments, behaviours, st.data())
def test_it_agrees_with_every_allowed_outcome(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, data: st.DataObject
) -> None:
    allowed = list(predict(asked, pre, env, behaviour, Knowledge()))
    chosen = data.draw(st.sampled_from(allowed))
    hooks = data.draw(st.sampled_from([ALL_HOOKS, TRACEPOINT_HOOKS, 0]))
    verdict = judge(observe(asked, pre, env, chosen, hooks), behaviour)
    assert verdict.kind is Kind.AGREE
    assert verdict.differences == ()
    if hooks == ALL_HOOKS:
        assert verdict.rule == chosen.rule.value
        assert verdict.backlog_rule == chosen.backlog_rule.value


def test_it_agrees_without_a_socket() -> None:
    for asked in (Request(1, False, False, 5), Request(1, True, False, 5)):
        (found,) = predict(asked, NOTHING, environment(), LINUX_7_3, Knowledge())
        assert judge(observe(asked, NOTHING, environment(), found), LINUX_7_3).kind is Kind.AGREE


def test_judging_changes_no_prediction() -> None:
    """Predictions are cached, so a verdict that touched one would poison the next."""
    before = [frozen(o) for o in outcomes(MPTCP)]
    for call in (record(MPTCP), record(MPTCP)._replace(result=-22)):
        judge(call, LINUX_7_3)
    assert [frozen(o) for o in outcomes(MPTCP)] == before


def test_a_refusal_the_call_did_not_obey_is_a_disagreement() -> None:
    """What the security module answered is an input; going on after a refusal is the kernel's fault."""
    call = record()
    answer = call.stages[StageIndex.SECURITY_RETURN]._replace(value=-13)
    wrong = call._replace(stages={**call.stages, StageIndex.SECURITY_RETURN: answer})
    verdict = judge(wrong, LINUX_7_3)
    assert verdict.kind is Kind.DISAGREE
    assert "result" in [d.field for d in verdict.differences]


@pytest.mark.parametrize(("known", "answer"), [(0, -13), (-1, 0)])
def test_a_scenario_knows_better_than_the_record_what_a_security_module_answers(
    known: int, answer: int
) -> None:
    """A refusal out of nowhere, and a module that is not asked: each explains itself by its record."""
    call = record(knowledge=FREE._replace(refusal=answer))
    assert judge(call, LINUX_7_3).kind is Kind.AGREE
    verdict = judge(call, LINUX_7_3, FREE._replace(refusal=known))
    assert verdict.kind is Kind.DISAGREE
    assert verdict.differences[0].field == "security_socket_listen returns value"
    unseen = record(knowledge=FREE._replace(refusal=answer), hooks=TRACEPOINT_HOOKS)
    assert judge(unseen, LINUX_7_3, FREE._replace(refusal=known)).kind is Kind.DISAGREE


def test_the_nearest_outcome_explains_a_disagreement() -> None:
    """An EADDRINUSE that kept the state is held against EADDRINUSE, not against success."""
    taken = record(knowledge=TAKEN)
    verdict = judge(taken._replace(post=taken.post._replace(state=TcpState.LISTEN)), LINUX_7_3)
    assert verdict.rule == "port-taken"
    assert [str(d) for d in verdict.differences] == [
        "state at return: predicted CLOSE, observed LISTEN"
    ]


@pytest.mark.parametrize("index", list(StageIndex))
def test_a_hook_that_was_not_attached_is_never_a_difference(index: StageIndex) -> None:
    call = record()
    stages = {other: stage for other, stage in call.stages.items() if other != index}
    blind = call._replace(hooks=ALL_HOOKS & ~(1 << index), stages=stages)
    assert judge(blind, LINUX_7_3, FREE).kind is Kind.AGREE


def test_a_folded_inner_function_says_nothing() -> None:
    call = record()
    stages = {i: s for i, s in call.stages.items() if i != StageIndex.INET_LISTEN_SK}
    assert judge(call._replace(stages=stages), LINUX_7_3).kind is Kind.AGREE


# -- no answer, with the reason


def flagged(flag: Flag, *, matching: bool) -> Verdict:
    """The verdict of a call with a flag set, whose result matches or not."""
    call = record()
    return judge(
        call._replace(flags=call.flags | flag, result=0 if matching else -99), LINUX_7_3, FREE
    )


def test_a_call_through_no_door_is_inconclusive() -> None:
    verdict = judge(record()._replace(door=Door.UNKNOWN), LINUX_7_3)
    assert verdict.kind is Kind.INCONCLUSIVE
    assert "outside any call" in verdict.reason


@pytest.mark.parametrize(
    ("flag", "words"),
    [(Flag.CONTENDED, "another thread"), (Flag.FD_CHANGED, "descriptor 3 named another file")],
)
def test_a_race_excuses_a_mismatch_and_nothing_else(flag: Flag, words: str) -> None:
    missed = flagged(flag, matching=False)
    assert missed.kind is Kind.INCONCLUSIVE
    assert words in missed.reason
    assert "result: predicted 0, observed" in missed.reason
    assert flagged(flag, matching=True).kind is Kind.AGREE


def test_without_a_return_there_is_no_verdict() -> None:
    call = record()
    verdict = judge(call._replace(flags=call.flags & ~Flag.RETURNED), LINUX_7_3)
    assert verdict.kind is Kind.INCONCLUSIVE
    assert verdict.reason == "the call's return was not seen"


def test_a_family_without_a_model_is_unmodelled() -> None:
    verdict = judge(record()._replace(pre=TCP._replace(family=30)), LINUX_7_3)
    assert (verdict.kind, verdict.rule) == (Kind.UNMODELLED, "unmodelled")
    assert "family 30" in verdict.reason


# -- words


def test_differences_in_words() -> None:
    assert str(Difference("result", "0", "EINVAL")) == "result: predicted 0, observed EINVAL"
    assert state_name(TcpState.LISTEN) == "LISTEN"
    assert state_name(77) == "77"


@pytest.mark.parametrize(
    ("index", "value", "text"),
    [
        (StageIndex.STATE_LISTEN, 7, "CLOSE"),
        (StageIndex.HASH, 2, "inet6_hash"),
        (StageIndex.HASH, 9, "9"),
        (StageIndex.INET_LISTEN_RETURN, -98, "EADDRINUSE"),
        (StageIndex.INET_LISTEN, -98, "-98"),
    ],
)
def test_a_value_is_told_as_its_stage_means_it(index: StageIndex, value: int, text: str) -> None:
    assert value_text(index, value) == text


def test_the_peer_may_move_a_connection_on_during_the_call() -> None:
    """Seen on 7.3: a FIN acknowledged between entry and return of a refused listen()."""
    pre = TCP._replace(state=TcpState.FIN_WAIT1, socket_state=SocketState.CONNECTED)
    call = record(pre)
    assert judge(call, LINUX_7_3).kind is Kind.AGREE
    moved = call._replace(post=call.post._replace(state=TcpState.FIN_WAIT2))
    assert judge(moved, LINUX_7_3).kind is Kind.AGREE
    listening = call._replace(post=call.post._replace(state=TcpState.LISTEN))
    assert judge(listening, LINUX_7_3).kind is Kind.DISAGREE


def untouched(hooks: int = TRACEPOINT_HOOKS, flags: int = Flag.SHARED_TABLE) -> ListenCall:
    """A call that returned 0 and left the socket as it was, its table shared by threads."""
    call = record(hooks=hooks)
    return call._replace(post=call.pre, stages={}, flags=call.flags | flags)


def test_a_shared_descriptor_may_have_been_another_socket_for_a_moment() -> None:
    verdict = judge(untouched(), LINUX_7_3)
    assert verdict.kind is Kind.INCONCLUSIVE
    assert verdict.reason.startswith("descriptor 3 is shared by threads and its socket was not")
    assert "state at return: predicted LISTEN, observed CLOSE" in verdict.reason


@pytest.mark.parametrize(
    "call",
    [
        untouched(flags=0),
        untouched(hooks=TRACEPOINT_HOOKS | 1 << StageIndex.SECURITY),
        untouched()._replace(post=TCP._replace(max_ack_backlog=7)),
        untouched()._replace(post=NOTHING),
        untouched()._replace(pre=TCP._replace(seen=0), post=TCP._replace(seen=0)),
    ],
    ids=["not shared", "security hook watched", "touched", "not read", "never seen"],
)
def test_a_shared_descriptor_excuses_nothing_else(call: ListenCall) -> None:
    assert judge(call, LINUX_7_3).kind is Kind.DISAGREE


def test_a_hook_beside_the_security_hook_does_not_count_for_it() -> None:
    """Only its own bit says that the security hook, which sees the true socket, was watched."""
    every_other = sum(1 << index for index in StageIndex if index != StageIndex.SECURITY)
    assert judge(untouched(hooks=every_other), LINUX_7_3).kind is Kind.INCONCLUSIVE
