"""The check agrees with a kernel that obeys the model, and with no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.call.record import ListenCall
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    EntryPath,
    Environment,
    Knowledge,
    Request,
    Socket,
    SocketState,
    TcpState,
)
from listenwatch.model.predict import predict
from listenwatch.model.stages import StageIndex
from listenwatch.report.text import difference_text, reason
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from listenwatch.verdict.difference import Difference, Field, Where
from listenwatch.verdict.excuses import Excuse
from tests.helpers.eras import LINUX_7_3
from tests.helpers.make import (
    ALL_HOOKS,
    FREE,
    MPTCP,
    NOTHING,
    TAKEN,
    TCP,
    UNBOUND,
    UNIX,
    behaviours,
    environment,
    environments,
    frozen,
    observe,
    outcome,
    outcomes,
    record,
    request,
    requests,
    sockets,
)

TRACEPOINT_HOOKS = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


@given(requests, sockets(), environments, behaviours, st.data())
def test_it_agrees_with_every_allowed_outcome(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, data: st.DataObject
) -> None:
    allowed = list(predict(asked, pre, env, behaviour, Knowledge()))
    chosen = data.draw(st.sampled_from(allowed))
    hooks = data.draw(st.sampled_from([ALL_HOOKS, TRACEPOINT_HOOKS, 0]))
    verdict = judge(observe(asked, pre, env, chosen, hooks), behaviour)
    assert verdict.kind is VerdictKind.AGREE
    assert verdict.differences == ()
    if hooks == ALL_HOOKS:
        assert verdict.rule == chosen.rule.value
        assert verdict.backlog_rule == chosen.backlog_rule.value


def test_the_answers_are_named_as_reports_show_them() -> None:
    assert [kind.value for kind in VerdictKind] == ["AGREE", "DISAGREE", "INCONCLUSIVE", "UNMODELLED"]


def test_it_agrees_without_a_socket() -> None:
    for asked in (Request(1, False, False, 5), Request(1, True, False, 5)):
        (found,) = predict(asked, NOTHING, environment(), LINUX_7_3, Knowledge())
        assert judge(observe(asked, NOTHING, environment(), found), LINUX_7_3).kind is VerdictKind.AGREE


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
    assert verdict.kind is VerdictKind.DISAGREE
    assert Field.RESULT in [d.field for d in verdict.differences]


@pytest.mark.parametrize(("known", "answer"), [(0, -13), (-1, 0)])
def test_a_scenario_knows_better_than_the_record_what_a_security_module_answers(
    known: int, answer: int
) -> None:
    """A refusal out of nowhere, and a module that is not asked: each explains itself by its record."""
    call = record(knowledge=FREE._replace(refusal=answer))
    assert judge(call, LINUX_7_3).kind is VerdictKind.AGREE
    verdict = judge(call, LINUX_7_3, FREE._replace(refusal=known))
    assert verdict.kind is VerdictKind.DISAGREE
    assert verdict.differences[0][:2] == (StageIndex.SECURITY_RETURN, Field.VALUE)
    unseen = record(knowledge=FREE._replace(refusal=answer), hooks=TRACEPOINT_HOOKS)
    assert judge(unseen, LINUX_7_3, FREE._replace(refusal=known)).kind is VerdictKind.DISAGREE


def test_the_nearest_outcome_explains_a_disagreement() -> None:
    """An EADDRINUSE that kept the state is held against EADDRINUSE, not against success."""
    taken = record(knowledge=TAKEN)
    verdict = judge(taken._replace(post=taken.post._replace(state=TcpState.LISTEN)), LINUX_7_3)
    assert verdict.rule == "port-taken"
    assert verdict.differences == (
        Difference(Where.POST, Field.STATE, TcpState.CLOSE, TcpState.LISTEN),
    )


@pytest.mark.parametrize("index", list(StageIndex))
def test_a_hook_that_was_not_attached_is_never_a_difference(index: StageIndex) -> None:
    call = record()
    stages = {other: stage for other, stage in call.stages.items() if other != index}
    blind = call._replace(hooks=ALL_HOOKS & ~(1 << index), stages=stages)
    assert judge(blind, LINUX_7_3, FREE).kind is VerdictKind.AGREE


def test_a_folded_inner_function_says_nothing() -> None:
    call = record()
    stages = {i: s for i, s in call.stages.items() if i != StageIndex.INET_LISTEN_SK}
    assert judge(call._replace(stages=stages), LINUX_7_3).kind is VerdictKind.AGREE


def test_a_family_without_a_model_is_unmodelled() -> None:
    call = record()._replace(pre=TCP._replace(family=30))
    verdict = judge(call, LINUX_7_3)
    assert (verdict.kind, verdict.rule) == (VerdictKind.UNMODELLED, "unmodelled")
    assert "family 30" in reason(call, verdict)


def test_the_peer_may_move_a_connection_on_during_the_call() -> None:
    """Seen on 7.3: a FIN acknowledged between entry and return of a refused listen()."""
    pre = TCP._replace(state=TcpState.FIN_WAIT1, socket_state=SocketState.CONNECTED)
    call = record(pre)
    assert judge(call, LINUX_7_3).kind is VerdictKind.AGREE
    moved = call._replace(post=call.post._replace(state=TcpState.FIN_WAIT2))
    assert judge(moved, LINUX_7_3).kind is VerdictKind.AGREE
    listening = call._replace(post=call.post._replace(state=TcpState.LISTEN))
    assert judge(listening, LINUX_7_3).kind is VerdictKind.DISAGREE


def differences(call: ListenCall, knowledge: Knowledge | None = FREE) -> list[str]:
    """Each difference in words."""
    return [difference_text(d) for d in judge(call, LINUX_7_3, knowledge).differences]


def without(call: ListenCall, *indices: StageIndex) -> ListenCall:
    """The same call, not seen at these stages."""
    return call._replace(stages={i: s for i, s in call.stages.items() if i not in indices})


def fixed(verdict: Verdict) -> tuple[object, ...]:
    """All but the reason and the outcome."""
    return (*verdict[:3], verdict.differences)


def test_inconclusive_and_unmodelled_name_no_rule() -> None:
    entry_path = judge(record()._replace(entry_path=EntryPath.UNKNOWN), LINUX_7_3)
    assert fixed(entry_path) == (VerdictKind.INCONCLUSIVE, "none", "not-reached", ())
    assert entry_path.excuse is Excuse.CALL_NOT_SEEN and entry_path.outcome is None
    pre = TCP._replace(family=99)
    asked = record()._replace(pre=pre, post=pre)
    strange = judge(asked, LINUX_7_3)
    assert fixed(strange) == (VerdictKind.UNMODELLED, "unmodelled", "not-reached", ())
    assert strange.outcome is None


def test_agreement_and_disagreement_carry_their_outcome() -> None:
    good = judge(record(), LINUX_7_3)
    assert fixed(good) == (VerdictKind.AGREE, "listens", "kept", ())
    assert good.outcome is not None and good.outcome.result == 0
    bad = judge(record()._replace(result=-1), LINUX_7_3, FREE)
    assert bad[:3] == (VerdictKind.DISAGREE, "listens", "kept")
    assert bad.outcome is not None and bad.outcome.result == 0


def test_every_stage_is_compared_also_after_one_nobody_passes() -> None:
    refused = record(TCP, Knowledge(refusal=-13))
    last = StageIndex.INET_LISTEN_RETURN
    stage = record().stages[last]
    call = refused._replace(stages={**refused.stages, last: stage})
    label = last.label
    assert differences(call, Knowledge(port_free=True)) == [f"{label}: predicted not reached, observed reached"]


@pytest.mark.parametrize("index", StageIndex)
def test_one_hook_alone_is_compared_alone(index: StageIndex) -> None:
    empty = record()._replace(stages={}, hooks=1 << index)
    passed = index in outcome().stages and index is not StageIndex.INET_LISTEN_SK
    lost = [f"{index.label}: predicted reached, observed not reached"] if passed else []
    assert differences(empty) == lost


def test_the_first_of_two_outcomes_as_near() -> None:
    shared = TCP._replace(reuseport=1)
    found = outcomes(shared)
    assert len(found) == 3
    seen = observe(request(), shared, environment(), found[1])
    wrong = seen._replace(result=-1)
    verdict = judge(wrong, LINUX_7_3, FREE)
    assert verdict.outcome is not None and verdict.outcome.result == found[1].result


def test_what_a_scenario_knows_counts_and_only_if_it_says_so() -> None:
    call = record(UNIX)
    assert judge(call, LINUX_7_3).kind is judge(call, LINUX_7_3, FREE).kind is VerdictKind.AGREE
    taken = record(TCP, TAKEN)
    assert judge(taken, LINUX_7_3).rule == "port-taken"
    assert judge(taken, LINUX_7_3, FREE).kind is VerdictKind.DISAGREE
    assert judge(taken, LINUX_7_3, TAKEN).kind is VerdictKind.AGREE


def test_what_a_scenario_does_not_know_of_the_security_module_the_record_says() -> None:
    """A call that went on after a refusal is held against the refusal, also where a scenario knows of the port."""
    call = record()
    answer = call.stages[StageIndex.SECURITY_RETURN]._replace(value=-13)
    wrong = call._replace(stages={**call.stages, StageIndex.SECURITY_RETURN: answer})
    assert judge(wrong, LINUX_7_3, Knowledge(port_free=True)).rule == "security-refused"
    assert judge(wrong, LINUX_7_3).rule == "security-refused"


def test_a_refusal_only_a_scenario_knows_of() -> None:
    silent = record(TCP, Knowledge(refusal=-13))
    blind = without(silent, StageIndex.SECURITY_RETURN)._replace(hooks=0)
    assert judge(blind, LINUX_7_3, Knowledge(refusal=-13)).kind is VerdictKind.AGREE
    assert judge(blind, LINUX_7_3, Knowledge(refusal=0, port_free=True)).kind is VerdictKind.DISAGREE


def test_a_port_that_changes_where_it_is_kept_is_a_difference() -> None:
    call = record()
    moved = call._replace(post=call.post._replace(local_port=53237))
    assert differences(moved) == ["local port at return: predicted 8080, observed 53237"]
    chosen = record(UNBOUND)
    assert differences(chosen._replace(post=chosen.post._replace(local_port=53237))) == []


def test_a_connection_reset_by_its_peer_loses_its_port_during_the_call() -> None:
    call = record(TCP._replace(state=TcpState.ESTABLISHED, socket_state=SocketState.CONNECTED))
    reset = call.post._replace(state=TcpState.CLOSE, bound=0, local_port=0)
    assert differences(call._replace(post=reset)) == []
    assert differences(call._replace(post=reset._replace(bound=1, local_port=9))) == [
        "local port at return: predicted 8080, observed 9"
    ]


@pytest.mark.parametrize(
    ("before", "after", "agrees"),
    [
        (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, True),
        (TcpState.FIN_WAIT1, TcpState.FIN_WAIT2, True),
        (TcpState.SYN_SENT, TcpState.CLOSE, True),
        (TcpState.ESTABLISHED, TcpState.LISTEN, False),
        (TcpState.CLOSE, TcpState.CLOSE_WAIT, False),
    ],
)
def test_a_state_may_be_seen_as_another(before: TcpState, after: TcpState, agrees: bool) -> None:
    pre = TCP._replace(state=before, socket_state=SocketState.CONNECTED)
    call = record(pre)
    moved = call._replace(post=call.post._replace(state=after))
    told = f"state at return: predicted {before.name}, observed {after.name}"
    assert differences(moved) == ([] if agrees else [told])


@pytest.mark.parametrize(
    ("before", "after", "agrees"),
    [
        (TcpState.ESTABLISHED, TcpState.CLOSE, True),
        (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, False),
        (TcpState.CLOSE, TcpState.CLOSE, False),
    ],
)
def test_a_reset_connection_loses_a_port_that_bind_did_not_set(before: TcpState, after: TcpState, agrees: bool) -> None:
    """tcp_set_state() puts it; a call that is refused with a port otherwise keeps it."""
    pre = TCP._replace(state=before, socket_state=SocketState.CONNECTED)
    call = record(pre)
    reset = call._replace(post=call.post._replace(state=after, bound=0, local_port=0))
    assert differences(reset) == ([] if agrees else ["local address: predicted bound, observed none"])
    unbound = record(pre._replace(bound=0, local_port=0))
    gained = unbound._replace(post=unbound.post._replace(state=after, bound=1))
    assert differences(gained) == ["local address: predicted none, observed bound"]


def test_a_closed_descriptor_has_no_socket_to_compare() -> None:
    asked, nothing = Request(EntryPath.SYSCALL, False, False, 5), Environment(0, 0, 0, 0, 0)
    (found,) = predict(asked, NOTHING, nothing, LINUX_7_3, Knowledge())
    call = observe(asked, NOTHING, nothing, found)
    assert judge(call, LINUX_7_3).kind is VerdictKind.AGREE
    seen = call._replace(post=TCP)
    assert judge(seen, LINUX_7_3).kind is VerdictKind.AGREE


def test_the_result_weighs_more_than_a_state_and_the_first_wins_a_tie() -> None:
    seen = record(hooks=0)._replace(result=-98)
    assert judge(seen, LINUX_7_3, Knowledge(refusal=0)).rule == "port-taken"
    strange = seen._replace(result=-1, post=seen.post._replace(state=99))
    assert judge(strange, LINUX_7_3, Knowledge(refusal=0)).rule == "listens"


def test_a_subflow_is_compared_also_without_its_socket() -> None:
    pre = MPTCP._replace(seen=0, subflow_state=TcpState.LISTEN, state=TcpState.LISTEN)
    found = outcome(pre)
    assert found.socket is None and found.subflow is not None
    post = MPTCP._replace(subflow_state=TcpState.CLOSE, subflow_max_ack_backlog=511)
    call = observe(request(), pre, environment(), found)._replace(post=post)
    assert differences(call) == ["subflow state at return: predicted LISTEN, observed CLOSE"]
