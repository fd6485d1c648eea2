"""What a verdict says besides AGREE and DISAGREE: names of values, excuses, the nearest outcome."""

from __future__ import annotations

import pytest

from listenwatch.model.behaviour import LINUX_7_3
from listenwatch.model.inputs import Door, Environment, Knowledge, Request, SocketState, TcpState
from listenwatch.model.predict import predict
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.record import Flag, ListenCall
from listenwatch.verdict import Difference, Kind, Verdict, excuse_skipped, judge, value_text
from tests.unit.make import (
    FREE,
    MPTCP,
    NOTHING,
    TAKEN,
    TCP,
    UNBOUND,
    UNIX,
    environment,
    observe,
    outcome,
    outcomes,
    request,
)
from tests.unit.test_verdict import record


def differences(call: ListenCall, knowledge: Knowledge | None = FREE) -> list[str]:
    """Each difference in words."""
    return [str(d) for d in judge(call, LINUX_7_3, knowledge).differences]


def without(call: ListenCall, *indices: StageIndex) -> ListenCall:
    """The same call, not seen at these stages."""
    return call._replace(stages={i: s for i, s in call.stages.items() if i not in indices})


# -- kinds that are no comparison


def fixed(verdict: Verdict) -> tuple[object, ...]:
    """All but the reason and the outcome."""
    return (*verdict[:3], verdict.differences)


def test_inconclusive_and_unmodelled_name_no_rule() -> None:
    door = judge(record()._replace(door=Door.UNKNOWN), LINUX_7_3)
    assert fixed(door) == (Kind.INCONCLUSIVE, "none", "not-reached", ())
    assert "backlog asked for unknown" in door.reason and door.outcome is None
    pre = TCP._replace(family=99)
    asked = record()._replace(pre=pre, post=pre)
    strange = judge(asked, LINUX_7_3)
    assert fixed(strange) == (Kind.UNMODELLED, "unmodelled", "not-reached", ())
    assert strange.outcome is None


def test_agreement_and_disagreement_carry_their_outcome() -> None:
    good = judge(record(), LINUX_7_3)
    assert fixed(good) == (Kind.AGREE, "listens", "kept", ())
    assert good.outcome is not None and good.outcome.result == 0
    bad = judge(record()._replace(result=-1), LINUX_7_3, FREE)
    assert bad[:3] == (Kind.DISAGREE, "listens", "kept")
    assert bad.outcome is not None and bad.outcome.result == 0


@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        (0, Kind.DISAGREE),
        (Flag.FD_CHANGED, Kind.INCONCLUSIVE),
        (Flag.CONTENDED, Kind.INCONCLUSIVE),
    ],
)
def test_only_these_flags_excuse(flag: int, kind: Kind) -> None:
    call = record()._replace(result=-1)
    assert judge(call._replace(flags=call.flags | flag), LINUX_7_3, FREE).kind is kind


def test_a_call_that_did_not_return() -> None:
    call = record()
    silent = call._replace(flags=call.flags & ~Flag.RETURNED)
    verdict = judge(silent, LINUX_7_3, FREE)
    assert fixed(verdict) == (Kind.INCONCLUSIVE, "none", "not-reached", ())
    assert verdict.reason == "the call's return was not seen"


# -- programs the kernel skipped


def unseen(*fields: str) -> Verdict:
    """A disagreement about these fields; those with a ``!`` were seen."""
    told = tuple(Difference(f.strip("!"), "x", "y" if "!" in f else "not reached") for f in fields)
    return Verdict(Kind.DISAGREE, "listens", "kept", "why", told)


def test_skipped_programs_excuse_stages_that_were_not_seen() -> None:
    verdict = unseen("inet_hash", "inet_listen")
    excused = excuse_skipped(verdict, 2)
    assert fixed(excused) == (Kind.INCONCLUSIVE, "none", "not-reached", ())
    assert excused.reason == "the kernel skipped a probe 2 times meanwhile (why)"
    assert excuse_skipped(verdict, 0) is verdict
    for seen in (unseen("inet_hash", "result!"), unseen("result!")):
        assert excuse_skipped(seen, 2) is seen
    agrees = Verdict(Kind.AGREE, "listens", "kept", "why")
    assert excuse_skipped(agrees, 2) is agrees
    assert excuse_skipped(agrees, 0) is agrees


def test_a_stage_that_was_lost_is_excused_as_judged() -> None:
    verdict = judge(without(record(), StageIndex.HASH), LINUX_7_3, FREE)
    assert [d.observed for d in verdict.differences] == ["not reached"]
    assert excuse_skipped(verdict, 1).kind is Kind.INCONCLUSIVE


# -- differences, in words


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


def test_every_stage_is_compared_also_after_one_nobody_passes() -> None:
    refused = record(TCP, Knowledge(refusal=-13))
    last = StageIndex.INET_LISTEN_RETURN
    stage = record().stages[last]
    call = refused._replace(stages={**refused.stages, last: stage})
    label = STAGE_LABELS[last]
    assert differences(call, Knowledge(port_free=True)) == [f"{label}: predicted not reached, observed reached"]


@pytest.mark.parametrize("index", StageIndex)
def test_one_hook_alone_is_compared_alone(index: StageIndex) -> None:
    empty = record()._replace(stages={}, hooks=1 << index)
    passed = index in outcome().stages and index is not StageIndex.INET_LISTEN_SK
    lost = [f"{STAGE_LABELS[index]}: predicted reached, observed not reached"] if passed else []
    assert differences(empty) == lost


@pytest.mark.parametrize(
    ("index", "value", "text"),
    [
        (StageIndex.SECURITY, 5, "5"),
        (StageIndex.SECURITY_RETURN, -13, "EACCES"),
        (StageIndex.INET_LISTEN, -13, "-13"),
        (StageIndex.INET_LISTEN_SK, 511, "511"),
        (StageIndex.LISTEN_START, 7, "7"),
        (StageIndex.STATE_LISTEN, 7, "CLOSE"),
        (StageIndex.HASH, 1, "inet_hash"),
        (StageIndex.HASH, 7, "7"),
        (StageIndex.STATE_CLOSE, 10, "LISTEN"),
        (StageIndex.STATE_CLOSE, 99, "99"),
        (StageIndex.LISTEN_START_RETURN, -98, "EADDRINUSE"),
        (StageIndex.INET_LISTEN_RETURN, -22, "EINVAL"),
    ],
)
def test_a_value_in_words(index: StageIndex, value: int, text: str) -> None:
    assert value_text(index, value) == text


# -- which outcome is nearest, what is known


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
    assert judge(call, LINUX_7_3).kind is judge(call, LINUX_7_3, FREE).kind is Kind.AGREE
    taken = record(TCP, TAKEN)
    assert judge(taken, LINUX_7_3).rule == "port-taken"
    assert judge(taken, LINUX_7_3, FREE).kind is Kind.DISAGREE
    assert judge(taken, LINUX_7_3, TAKEN).kind is Kind.AGREE


def test_a_refusal_only_a_scenario_knows_of() -> None:
    silent = record(TCP, Knowledge(refusal=-13))
    blind = without(silent, StageIndex.SECURITY_RETURN)._replace(hooks=0)
    assert judge(blind, LINUX_7_3, Knowledge(refusal=-13)).kind is Kind.AGREE
    assert judge(blind, LINUX_7_3, Knowledge(refusal=0, port_free=True)).kind is Kind.DISAGREE


# -- a peer may move a connection on


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


def test_a_closed_descriptor_has_no_socket_to_compare() -> None:
    asked, nothing = Request(Door.SYSCALL, False, False, 5), Environment(0, 0, 0, 0, 0)
    (found,) = predict(asked, NOTHING, nothing, LINUX_7_3, Knowledge())
    call = observe(asked, NOTHING, nothing, found)
    assert judge(call, LINUX_7_3).kind is Kind.AGREE
    seen = call._replace(post=TCP)
    assert judge(seen, LINUX_7_3).kind is Kind.AGREE


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
