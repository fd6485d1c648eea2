"""What excuses a call that does not go as predicted, and what does not."""

from __future__ import annotations

import pytest

from listenwatch.call.record import Flag, ListenCall
from listenwatch.model.inputs import (
    EntryPath,
    Knowledge,
)
from listenwatch.model.stages import StageIndex
from listenwatch.report.text import difference_text, reason
from listenwatch.verdict.compare import Verdict, VerdictKind, excuse_skipped, judge
from listenwatch.verdict.difference import Difference, Field, Where
from listenwatch.verdict.excuses import Excuse, missed_returns
from tests.helpers.eras import LINUX_7_3
from tests.helpers.make import (
    FREE,
    NOTHING,
    TCP,
    record,
)

TRACEPOINT_HOOKS = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


def flagged(flag: Flag, *, matching: bool) -> tuple[ListenCall, Verdict]:
    """A call with a flag set, whose result matches or not, and its verdict."""
    call = record()
    call = call._replace(flags=call.flags | flag, result=0 if matching else -99)
    return call, judge(call, LINUX_7_3, FREE)


def test_a_call_by_an_unknown_entry_path_is_inconclusive() -> None:
    call = record()._replace(entry_path=EntryPath.UNKNOWN)
    verdict = judge(call, LINUX_7_3)
    assert (verdict.kind, verdict.excuse) == (VerdictKind.INCONCLUSIVE, Excuse.CALL_NOT_SEEN)
    assert "outside any call" in reason(call, verdict)


@pytest.mark.parametrize(
    ("flag", "words"),
    [(Flag.CONTENDED, "another thread"), (Flag.FD_CHANGED, "descriptor 3 named another file")],
)
def test_a_race_excuses_a_mismatch_and_nothing_else(flag: Flag, words: str) -> None:
    call, missed = flagged(flag, matching=False)
    assert missed.kind is VerdictKind.INCONCLUSIVE
    assert words in reason(call, missed)
    assert "result: predicted 0, observed" in reason(call, missed)
    assert flagged(flag, matching=True)[1].kind is VerdictKind.AGREE


def test_without_a_return_there_is_no_verdict() -> None:
    call = record()
    verdict = judge(call._replace(flags=call.flags & ~Flag.RETURNED), LINUX_7_3)
    assert (verdict.kind, verdict.excuse) == (VerdictKind.INCONCLUSIVE, Excuse.RETURN_NOT_SEEN)
    assert reason(call, verdict) == "the call's return was not seen"


def untouched(hooks: int = TRACEPOINT_HOOKS, flags: int = Flag.SHARED_TABLE) -> ListenCall:
    """A call that returned 0 and left the socket as it was, its table shared by threads."""
    call = record(hooks=hooks)
    return call._replace(post=call.pre, stages={}, flags=call.flags | flags)


def test_a_shared_descriptor_may_have_been_another_socket_for_a_moment() -> None:
    verdict = judge(untouched(), LINUX_7_3)
    assert verdict.kind is VerdictKind.INCONCLUSIVE
    text = reason(untouched(), verdict)
    assert text.startswith("descriptor 3 is shared by threads and its socket was not")
    assert "state at return: predicted LISTEN, observed CLOSE" in text


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
    assert judge(call, LINUX_7_3).kind is VerdictKind.DISAGREE


def test_a_hook_beside_the_security_hook_does_not_count_for_it() -> None:
    """Only its own bit says that the security hook, which sees the true socket, was watched."""
    every_other = sum(1 << index for index in StageIndex if index != StageIndex.SECURITY)
    assert judge(untouched(hooks=every_other), LINUX_7_3).kind is VerdictKind.INCONCLUSIVE


def differences(call: ListenCall, knowledge: Knowledge | None = FREE) -> list[str]:
    """Each difference in words."""
    return [difference_text(d) for d in judge(call, LINUX_7_3, knowledge).differences]


def without(call: ListenCall, *indices: StageIndex) -> ListenCall:
    """The same call, not seen at these stages."""
    return call._replace(stages={i: s for i, s in call.stages.items() if i not in indices})


def fixed(verdict: Verdict) -> tuple[object, ...]:
    """All but the reason and the outcome."""
    return (*verdict[:3], verdict.differences)


@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        (0, VerdictKind.DISAGREE),
        (Flag.FD_CHANGED, VerdictKind.INCONCLUSIVE),
        (Flag.CONTENDED, VerdictKind.INCONCLUSIVE),
    ],
)
def test_only_these_flags_excuse(flag: int, kind: VerdictKind) -> None:
    call = record()._replace(result=-1)
    assert judge(call._replace(flags=call.flags | flag), LINUX_7_3, FREE).kind is kind


def test_a_call_that_did_not_return() -> None:
    call = record()
    silent = call._replace(flags=call.flags & ~Flag.RETURNED)
    verdict = judge(silent, LINUX_7_3, FREE)
    assert fixed(verdict) == (VerdictKind.INCONCLUSIVE, "none", "not-reached", ())
    assert verdict.excuse is Excuse.RETURN_NOT_SEEN


RESULT = Difference(Where.RETURN, Field.RESULT, 0, -22)
REACHED = Difference(StageIndex.STATE_CLOSE, Field.REACHED, False, True)


def unseen(*places: StageIndex) -> tuple[Difference, ...]:
    """Stages that were predicted and not seen."""
    return tuple(Difference(place, Field.REACHED, True, False) for place in places)


def disagreeing(*differences: Difference) -> Verdict:
    return Verdict(VerdictKind.DISAGREE, "listens", "kept", differences)


def test_skipped_programs_excuse_stages_that_were_not_seen() -> None:
    lost = unseen(StageIndex.HASH, StageIndex.INET_LISTEN)
    verdict = disagreeing(*lost)
    excused = excuse_skipped(verdict, 2)
    assert fixed(excused) == (VerdictKind.INCONCLUSIVE, "none", "not-reached", lost)
    assert excused.excuse is Excuse.PROBE_SKIPPED
    assert reason(record(), excused).startswith("the kernel skipped a probe meanwhile (inet_hash: ")
    assert excuse_skipped(verdict, 0) is verdict
    for seen in (disagreeing(lost[0], RESULT), disagreeing(RESULT), disagreeing(REACHED)):
        assert excuse_skipped(seen, 2) is seen
    agrees = Verdict(VerdictKind.AGREE, "listens", "kept")
    assert excuse_skipped(agrees, 2) is agrees
    assert excuse_skipped(agrees, 0) is agrees


def test_a_stage_that_was_lost_is_excused_as_judged() -> None:
    verdict = judge(without(record(), StageIndex.HASH), LINUX_7_3, FREE)
    assert [d.is_unseen_stage for d in verdict.differences] == [True]
    assert excuse_skipped(verdict, 1).kind is VerdictKind.INCONCLUSIVE


RETURNS = (StageIndex.SECURITY_RETURN, StageIndex.LISTEN_START_RETURN, StageIndex.INET_LISTEN_RETURN)


@pytest.mark.parametrize("lost", [*[(index,) for index in RETURNS], RETURNS])
def test_a_return_that_a_probe_missed(lost: tuple[StageIndex, ...]) -> None:
    call = without(record(), *lost)
    assert missed_returns(call) == set(lost)
    verdict = judge(call, LINUX_7_3, FREE)
    assert (verdict.kind, verdict.excuse) == (VerdictKind.INCONCLUSIVE, Excuse.RETURN_MISSED)
    assert [difference.place for difference in verdict.differences] == list(lost)


def test_a_return_is_missed_only_where_it_took_place_and_was_watched() -> None:
    call = without(record(), StageIndex.INET_LISTEN_RETURN)
    assert missed_returns(record()) == set()
    assert missed_returns(call._replace(flags=call.flags & ~Flag.RETURNED)) == set()
    assert missed_returns(call._replace(hooks=call.hooks & ~(1 << StageIndex.INET_LISTEN_RETURN))) == set()
    never_entered = without(call, StageIndex.INET_LISTEN, StageIndex.INET_LISTEN_SK)
    assert missed_returns(never_entered) == set()
    only = without(record(), *RETURNS[:2])._replace(hooks=1 << RETURNS[1])
    assert missed_returns(only) == {RETURNS[1]}


@pytest.mark.parametrize(
    "call",
    [
        without(record(), StageIndex.HASH),
        without(record(), StageIndex.INET_LISTEN_RETURN, StageIndex.HASH),
        without(record(), StageIndex.INET_LISTEN_RETURN)._replace(result=-1),
    ],
    ids=["an entry", "an entry too", "the result too"],
)
def test_a_missed_return_excuses_nothing_else(call: ListenCall) -> None:
    assert judge(call, LINUX_7_3, FREE).kind is VerdictKind.DISAGREE


def test_a_call_that_did_not_return_has_no_other_excuse() -> None:
    call = without(record(), StageIndex.INET_LISTEN_RETURN)
    flags = call.flags & ~Flag.RETURNED | Flag.FD_CHANGED | Flag.CONTENDED
    verdict = judge(call._replace(flags=flags), LINUX_7_3, FREE)
    assert (verdict.excuse, verdict.differences) == (Excuse.RETURN_NOT_SEEN, ())
