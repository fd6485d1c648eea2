"""The verdict on one call of a scenario: the model's, and then whether libc and the second witness agree."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall, is_mptcp
from listenwatch.call.unseen import unseen_fields
from listenwatch.conformance.harness.equality import OtherRecord, comparable, unequal
from listenwatch.conformance.harness.journal import Issued, Measurement, Reading
from listenwatch.conformance.harness.pairing import Pair, same_call
from listenwatch.conformance.traffic.expected import compare
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import TcpState
from listenwatch.verdict.compare import Verdict, VerdictKind, excuse_skipped, inconclusive, judge
from listenwatch.verdict.difference import Difference, Field, Where, Witness
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.moving import peer_may_move


class Judged(NamedTuple):
    """One listen() of a scenario. ``call`` is None where no record came, ``issued`` where nobody made it.

    ``other`` is the record of the same call by another engine, where one watched too; ``confirmed``
    are the measurements that came as the model said, each with the rules that said so. The kernel ``skipped`` a
    program so often meanwhile. A call that was read back from JSON has none of these, nor ``issued``; it has the
    ``reason`` that was printed.
    """

    issued: Issued | None
    call: ListenCall | None
    verdict: Verdict
    other: ListenCall | None = None
    confirmed: tuple[tuple[Measurement, tuple[str, ...]], ...] = ()
    reason: str = ""
    skipped: int = 0


def judge_pair(
    pair: Pair, behaviour: Behaviour, skipped: int = 0, other: OtherRecord | None = None
) -> Judged:
    """The verdict on a call and its record; the kernel skipped a program ``skipped`` times meanwhile.

    A record that is not the same as the ``other`` engine's is a disagreement.
    """
    issued, call = pair
    if call is None:
        assert issued is not None  # a pair has at least one side
        return Judged(issued, None, _unpaired(Field.RECORDED))
    if issued is None or not same_call(issued, call):
        return Judged(issued, call, _unpaired(Field.ISSUED))
    compared = other.call if other and comparable(call, other.call) else None
    verdict = excuse_skipped(judge(call, behaviour, issued.knowledge), skipped)
    measured = compare(issued.measured, verdict.outcome, behaviour)
    against = (
        *_against_witnesses(issued, call),
        *measured.differences,
        *(unequal(call, compared, skipped + other.skipped) if other and compared else ()),
    )
    if against:
        differences = verdict.differences + against
        verdict = verdict._replace(kind=VerdictKind.DISAGREE, differences=differences, excuse=None)
    return Judged(issued, call, verdict, compared, () if against else measured.confirmed, skipped=skipped)


def excuse_lost(calls: Iterable[Judged], lost: int) -> Iterator[Judged]:
    """The same calls, of which up to ``lost`` without a record are not held against anyone.

    The probe counted that many losses meanwhile, which make the run incomplete by themselves. Where
    some are missing, a record without a call cannot be told from one of another call either.
    """
    missing = lost
    for judged in calls:
        if judged.call is None and missing > 0:
            missing -= 1
            yield judged._replace(verdict=inconclusive(Excuse.RECORD_LOST))
        elif judged.issued is None and lost > 0:
            yield judged._replace(verdict=inconclusive(Excuse.OTHERS_LOST))
        else:
            yield judged


def _unpaired(field: Field) -> Verdict:
    """A call without a record, or a record that is not of the call the scenario made."""
    difference = Difference(Where.CALL, field, True, False)
    return Verdict(VerdictKind.DISAGREE, "none", "not-reached", (difference,))


def _against_witnesses(issued: Issued, call: ListenCall) -> Iterator[Difference]:
    """What libc and the second witness saw otherwise than the probe."""
    if call.flags & Flag.RETURNED and -call.result != issued.error:
        yield Difference(Where.RETURN, Field.RESULT, call.result, -issued.error, Witness.LIBC)
    elif not issued.error and issued.reading and call.post.seen:
        yield from _compare_reading(issued.reading, call)


def _compare_reading(reading: Reading, call: ListenCall) -> Iterator[Difference]:
    place, post = Where.POST, call.post
    state, queue, limit = post.state, post.ack_backlog, post.max_ack_backlog
    if is_mptcp(post):
        place = Where.SUBFLOW
        state, queue, limit = post.subflow_state, post.subflow_ack_backlog, post.subflow_max_ack_backlog
    if call.stored is None or "subflow_state" in unseen_fields(post):
        return
    if reading.state is None or not peer_may_move(state, reading.state):
        yield Difference(place, Field.STATE, state, reading.state, Witness.SOCK_DIAG)
    if reading.proc_listens not in (None, state == TcpState.LISTEN):
        yield Difference(place, Field.STATE, state, reading.proc_listens, Witness.PROC)
    if state != TcpState.LISTEN:
        return  # the numbers mean a queue of bytes then
    for field, witness, ours, theirs in (
        (Field.MAX_ACK_BACKLOG, Witness.SOCK_DIAG, limit, reading.diag_max_ack_backlog),
        (Field.ACK_BACKLOG, Witness.SOCK_DIAG, queue, reading.diag_ack_backlog),
        (Field.MAX_ACK_BACKLOG, Witness.TCP_INFO, limit, reading.info_max_ack_backlog),
        (Field.ACK_BACKLOG, Witness.TCP_INFO, queue, reading.info_ack_backlog),
        (Field.ACK_BACKLOG, Witness.PROC, queue, reading.proc_ack_backlog),
    ):
        if theirs is None or theirs == ours:
            continue
        # A connection may have arrived between the return and the reading; none is taken out.
        if not (field is Field.ACK_BACKLOG and theirs > ours):
            yield Difference(place, field, ours, theirs, witness)
