"""The check: a prediction compared with what was observed, field by field."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.unseen import unseen_fields
from listenwatch.model.inputs import Bound, EntryPath, Knowledge
from listenwatch.model.predict import AnyBehaviour, predict
from listenwatch.model.rules import Rule
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.socket_h import Unmodelled
from listenwatch.model.stages import StageIndex
from listenwatch.verdict.difference import Difference, Field, Where
from listenwatch.verdict.excuses import Excuse, excuse
from listenwatch.verdict.inputs import (
    Met,
    Moved,
    is_bound_later,
    is_explained,
    is_unlocked_look,
    possible,
    seen_otherwise,
)
from listenwatch.verdict.moving import peer_may_move, peer_may_unbind
from listenwatch.verdict.unseen import completed

_REFUSALS = (Rule.SECURITY_REFUSED, Rule.NO_MEMORY, Rule.FASTOPEN_NO_MEMORY)
"""How a call ends that a security module refuses, or for which there is no memory."""


class VerdictKind(Enum):
    """The answer for one call."""

    AGREE = "AGREE"
    DISAGREE = "DISAGREE"
    INCONCLUSIVE = "INCONCLUSIVE"
    UNMODELLED = "UNMODELLED"

    __hash__ = object.__hash__  # in C: Enum's own is a function, called twice to count a verdict


class Verdict(NamedTuple):
    """The answer, the rules that explain the call, and each difference.

    ``predicted`` is the outcome or what makes it; ``excuse`` is why differences prove
    nothing, set exactly where the answer is INCONCLUSIVE. ``moved`` are the inputs that moved during a
    call that agrees, where it does not agree with those at its entry.
    """

    kind: VerdictKind
    rule: str
    backlog_rule: str
    differences: tuple[Difference, ...] = ()
    predicted: Outcome | Callable[[], Outcome | None] | None = None
    excuse: Excuse | None = None
    moved: tuple[Moved, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome that matched, or the nearest one; None where the model has none."""
        predicted = self.predicted
        return predicted if predicted is None or isinstance(predicted, Outcome) else predicted()


def judge(call: ListenCall, behaviour: AnyBehaviour, knowledge: Knowledge | None = None) -> Verdict:
    """The verdict on a call; where inputs could not be seen, that on which all values they may have had agree.

    A call that stored a backlog which could not be seen shows nothing.
    """
    verdict, *others = verdicts = [_judge(inputs, behaviour, knowledge) for inputs in completed(call)]
    unsure = any(other.kind is not verdict.kind for other in others)
    if not unsure and not (verdict.kind is VerdictKind.AGREE and _stored_unseen(call)):
        return verdict
    differing = (verdict.differences for verdict in verdicts if verdict.differences)
    return inconclusive(Excuse.INPUT_NOT_SEEN, next(differing, ()))


def _stored_unseen(call: ListenCall) -> bool:
    return not call.result and call.post.seen > 1 and call.stored is None


def _judge(call: ListenCall, behaviour: AnyBehaviour, knowledge: Knowledge | None) -> Verdict:
    """Compare the call with every outcome the model allows for its inputs.

    ``knowledge`` is what a scenario knows of the other sockets; where it does not know the security
    module's answer, what the record itself says of it counts.

    The inputs at the entry come first, and nearly always are the ones. Where they do not explain the
    call, those count that were seen to move during it.
    """
    if call.entry_path == EntryPath.UNKNOWN:
        return inconclusive(Excuse.CALL_NOT_SEEN)
    known = call.knowledge
    if knowledge is not None:
        refusal = known.refusal if knowledge.refusal is None else knowledge.refusal
        known = knowledge._replace(refusal=refusal)
    nearest: tuple[Outcome, tuple[Difference, ...]] | None = None
    try:
        for outcome in _allowed(call, behaviour, known):
            differences = tuple(_compare(outcome, call))
            if not differences:
                return _verdict(VerdictKind.AGREE, outcome)
            if nearest is None or _distance(outcome, differences) < _distance(*nearest):
                nearest = outcome, differences
        assert nearest is not None  # the model always has an outcome
        return _judge_moved(call, behaviour, known) or _judge_differing(call, behaviour, known, *nearest)
    except Unmodelled:
        return Verdict(VerdictKind.UNMODELLED, "unmodelled", "not-reached")


def _judge_moved(call: ListenCall, behaviour: AnyBehaviour, known: Knowledge) -> Verdict | None:
    """AGREE with inputs that were seen during the call and whose every consequence was seen."""
    for met in seen_otherwise(call):
        for outcome in _allowed(met, behaviour, known):
            if all(is_unlocked_look(d, call) or is_bound_later(d, call, outcome) for d in _compare(outcome, call)):
                return _verdict(VerdictKind.AGREE, outcome)._replace(moved=met.moved)
    return None


def _judge_differing(
    call: ListenCall, behaviour: AnyBehaviour, known: Knowledge, outcome: Outcome, differences: tuple[Difference, ...]
) -> Verdict:
    """DISAGREE with the nearest outcome, unless something excuses that the call went another way."""
    why = excuse(call, differences)
    if why is Excuse.RETURN_NOT_SEEN:
        return inconclusive(why)
    if why is None and _may_have_moved(call, behaviour, known):
        why = Excuse.INPUT_MOVED
    return inconclusive(why, differences) if why else _verdict(VerdictKind.DISAGREE, outcome, differences)


def _may_have_moved(call: ListenCall, behaviour: AnyBehaviour, known: Knowledge) -> bool:
    """Whether others may have moved inputs so that everything the kernel did is explained."""
    return any(
        all(is_explained(difference, call) for difference in _compare(outcome, call))
        for met in possible(call)
        for outcome in _allowed(met, behaviour, known)
    )


def _allowed(inputs: ListenCall | Met, behaviour: AnyBehaviour, known: Knowledge) -> Iterator[Outcome]:
    """Every outcome for these inputs, without the kernel's way to it, which nothing is compared with."""
    return predict(inputs.request, inputs.pre, inputs.environment, behaviour, known, with_steps=False)


def _verdict(kind: VerdictKind, outcome: Outcome, differences: tuple[Difference, ...] = ()) -> Verdict:
    return Verdict(kind, outcome.rule.value, outcome.backlog_rule.value, differences, outcome)


def inconclusive(why: Excuse, differences: tuple[Difference, ...] = ()) -> Verdict:
    """The verdict on a call of which nothing can be told."""
    return Verdict(VerdictKind.INCONCLUSIVE, "none", "not-reached", differences, excuse=why)


def excuse_skipped(verdict: Verdict, skipped: int) -> Verdict:
    """A disagreement about nothing but unseen stages shows nothing if the kernel skipped a program.

    ``skipped`` is how often it did while the call was made (``Engine.skipped``).
    """
    if not skipped or verdict.kind is not VerdictKind.DISAGREE:
        return verdict
    if not all(difference.is_unseen_stage for difference in verdict.differences):
        return verdict
    return inconclusive(Excuse.PROBE_SKIPPED, verdict.differences)


def _distance(outcome: Outcome, differences: tuple[Difference, ...]) -> tuple[bool, bool, int]:
    """An outcome with the result that was observed is nearer than any with another one.

    One that somebody else's refusal would have made is the farthest of those: nothing says that anybody refused.
    """
    other_result = any(d.place is Where.RETURN for d in differences)
    return other_result and outcome.rule in _REFUSALS, other_result, len(differences)


def _compare(outcome: Outcome, call: ListenCall) -> Iterable[Difference]:
    """Every difference between one outcome and the call, in the order the kernel would make them."""
    yield from _compare_stages(outcome, call)
    returned = bool(call.flags & Flag.RETURNED)
    if not returned or outcome.result != call.result:
        result = call.result if returned else None
        yield Difference(Where.RETURN, Field.RESULT, outcome.result, result)
    post = call.post
    if not post.seen:
        if outcome.socket is not None:
            yield Difference(Where.POST, Field.SEEN, True, False)
        return
    unseen = unseen_fields(post)
    sock, ssk = outcome.socket, outcome.subflow
    if sock:
        yield from _compare_sock(Where.POST, sock, post.state, post.max_ack_backlog, "", unseen)
    if ssk:
        yield from _compare_sock(Where.SUBFLOW, ssk, post.subflow_state, post.subflow_max_ack_backlog, "subflow_", unseen)
    if sock and post.bound != Bound.UNKNOWN:
        yield from _compare_port(Where.POST, sock, post.state, bool(post.bound), post.local_port)
    if ssk and (port := post.subflow_local_port) is not None and "subflow_local_port" not in unseen:
        yield from _compare_port(Where.SUBFLOW, ssk, post.subflow_state, bool(port), port)


def _compare_sock(
    place: Where, sock: Sock, state: int, limit: int, owner: str, unseen: frozenset[str]
) -> Iterable[Difference]:
    """``owner`` is what the names of its fields in ``unseen`` begin with."""
    if not peer_may_move(sock.state, state) and f"{owner}state" not in unseen:
        yield Difference(place, Field.STATE, sock.state, state)
    if sock.max_ack_backlog != limit and f"{owner}max_ack_backlog" not in unseen:
        yield Difference(place, Field.MAX_ACK_BACKLOG, sock.max_ack_backlog, limit)


def _compare_port(place: Where, sock: Sock, state: int, bound: bool, port: int) -> Iterable[Difference]:
    if sock.bound and not bound and peer_may_unbind(sock.state, state):
        return
    if sock.bound != bound:
        yield Difference(place, Field.BOUND, sock.bound, bound)
    elif sock.local_port not in (None, port):
        yield Difference(place, Field.LOCAL_PORT, sock.local_port, port)


@lru_cache
def _visible(hooks: int) -> tuple[StageIndex, ...]:
    """The stages whose hooks were attached."""
    return tuple(index for index in StageIndex if hooks >> index & 1)


def _compare_stages(outcome: Outcome, call: ListenCall) -> Iterable[Difference]:
    predicted, observed = outcome.stages, call.stages
    for index in _visible(call.hooks):
        expected, seen = predicted.get(index), observed.get(index)
        if expected is None and seen is None:
            continue
        if seen is None:
            if not index.part_of:
                yield Difference(index, Field.REACHED, True, False)
        elif expected is None:
            yield Difference(index, Field.REACHED, False, True)
        else:
            if expected.value is not None and expected.value != seen.value:
                yield Difference(index, Field.VALUE, expected.value, seen.value)
            if expected.max_ack_backlog != seen.max_ack_backlog:
                yield Difference(index, Field.MAX_ACK_BACKLOG, expected.max_ack_backlog, seen.max_ack_backlog)
            if not peer_may_move(expected.state, seen.state):
                yield Difference(index, Field.STATE, expected.state, seen.state)
            if expected.ack_backlog is not None and expected.ack_backlog != seen.ack_backlog:
                yield Difference(index, Field.ACK_BACKLOG, expected.ack_backlog, seen.ack_backlog)
