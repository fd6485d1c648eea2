"""The verdict on one call of a scenario: the model's, and then whether libc and the second witness agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import TcpState
from listenwatch.reasons import errno_text
from listenwatch.record import ListenCall, door_name, is_mptcp
from listenwatch.scenarios.equality import Beside, Contradiction, comparable, unequal
from listenwatch.scenarios.journal import Issued, Reading
from listenwatch.scenarios.pairing import Pair, same_call
from listenwatch.scenarios.queues.expected import compare
from listenwatch.verdict import Difference, Kind, Verdict, excuse_skipped, judge, state_name


class Judged(NamedTuple):
    """One listen() of a scenario. ``call`` is None where no record came, ``issued`` where nobody made it.

    ``beside`` is the record of the same call by another engine, where one watched too.
    """

    issued: Issued | None
    call: ListenCall | None
    verdict: Verdict
    beside: ListenCall | None = None


def judge_pair(
    pair: Pair, behaviour: Behaviour, skipped: int = 0, beside: Beside | None = None
) -> Judged:
    """The verdict on a call and its record; the kernel skipped a program ``skipped`` times meanwhile.

    A record that is not the same as the one ``beside`` it is a disagreement.
    """
    issued, call = pair
    if call is None:
        assert issued is not None  # a pair has at least one side
        said = f"listen({issued.fd}, {issued.backlog}) returned {errno_text(-issued.error)}"
        return Judged(issued, None, _disagree(f"{said} and has no record", "record", "one", "none"))
    if issued is None or not same_call(issued, call):
        said = f"a record of listen({call.fd}, {call.backlog}) by {door_name(call.door)}"
        made = f"listen({issued.fd}, {issued.backlog})" if issued else "nothing"
        told = f"{said}, where the scenario made {made}"
        return Judged(issued, call, _disagree(told, "call", made, said))
    other = beside.call if beside and comparable(call, beside.call) else None
    verdict = excuse_skipped(judge(call, behaviour, issued.knowledge), skipped)
    measured = compare(issued.measured, verdict.outcome, behaviour)
    against = (
        *_contradictions(issued, call),
        *measured.differences,
        *(unequal(call, beside.call, skipped + beside.skipped) if beside and other else ()),
    )
    if against:
        differences = verdict.differences + against
        told = "; ".join(map(str, differences))
        verdict = verdict._replace(kind=Kind.DISAGREE, reason=told, differences=differences)
    elif measured.agreed:
        reason = "; ".join((verdict.reason, *measured.agreed))
        verdict = verdict._replace(reason=reason)
    return Judged(issued, call, verdict, other)


def excuse_lost(calls: Iterable[Judged], lost: int) -> Iterator[Judged]:
    """The same calls, of which up to ``lost`` without a record are not held against anyone.

    The probe counted that many losses meanwhile, which make the run incomplete by themselves. Where
    some are missing, a record without a call cannot be told from one of another call either.
    """
    missing = lost
    for judged in calls:
        if judged.call is None and missing > 0:
            missing -= 1
            yield _incomplete(judged, "the probe counted it as lost")
        elif judged.issued is None and lost > 0:
            yield _incomplete(judged, "the probe lost others")
        else:
            yield judged


def _incomplete(judged: Judged, why: str) -> Judged:
    reason = f"{judged.verdict.reason}; {why}"
    return judged._replace(verdict=Verdict(Kind.INCONCLUSIVE, "none", "not-reached", reason))


def _disagree(reason: str, field: str, predicted: str, observed: str) -> Verdict:
    difference = Difference(field, predicted, observed)
    return Verdict(Kind.DISAGREE, "none", "not-reached", reason, (difference,))


def _contradictions(issued: Issued, call: ListenCall) -> Iterator[Contradiction]:
    if -call.result != issued.error:
        yield Contradiction(
            "result against libc", errno_text(call.result), errno_text(-issued.error)
        )
    elif not issued.error and issued.reading and call.post.seen:
        yield from _compare_reading(issued.reading, call)


def _compare_reading(reading: Reading, call: ListenCall) -> Iterator[Contradiction]:
    post = call.post
    if is_mptcp(post):
        state, queue, limit = (
            post.subflow_state,
            post.subflow_ack_backlog,
            post.subflow_max_ack_backlog,
        )
    else:
        state, queue, limit = post.state, post.ack_backlog, post.max_ack_backlog
    if reading.state != state:
        listed = "no such listener" if reading.state is None else state_name(reading.state)
        yield Contradiction("state against sock_diag", state_name(state), listed)
    if reading.proc_listens not in (None, state == TcpState.LISTEN):
        listed = "a listener" if reading.proc_listens else "no such listener"
        yield Contradiction("state against /proc", state_name(state), listed)
    if state != TcpState.LISTEN:
        return  # the numbers mean a queue of bytes then
    for field, seen, told in (
        ("max_ack_backlog against sock_diag", limit, reading.diag_max_ack_backlog),
        ("ack_backlog against sock_diag", queue, reading.diag_ack_backlog),
        ("max_ack_backlog against TCP_INFO", limit, reading.info_max_ack_backlog),
        ("ack_backlog against TCP_INFO", queue, reading.info_ack_backlog),
        ("ack_backlog against /proc", queue, reading.proc_ack_backlog),
    ):
        # A connection may have arrived between the return and the reading; none is taken out.
        grown = field.startswith("ack") and told is not None and told > seen
        if told is not None and told != seen and not grown:
            yield Contradiction(field, str(seen), str(told))
