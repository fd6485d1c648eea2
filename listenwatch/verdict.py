"""The check: a prediction held against what was observed, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Door, Knowledge, TcpState
from listenwatch.model.predict import predict
from listenwatch.model.run import Outcome
from listenwatch.model.socket_c import Unmodelled
from listenwatch.model.stages import HASH_FUNCTIONS, STAGE_LABELS, StageIndex
from listenwatch.reasons import errno_text, explain
from listenwatch.record import Flag, ListenCall


class Kind(Enum):
    """The answer for one call."""

    AGREE = "AGREE"
    DISAGREE = "DISAGREE"
    INCONCLUSIVE = "INCONCLUSIVE"
    UNMODELLED = "UNMODELLED"


class Difference(NamedTuple):
    """One field in which the prediction and the observation part."""

    field: str
    predicted: str
    observed: str

    def __str__(self) -> str:
        return f"{self.field}: predicted {self.predicted}, observed {self.observed}"


class Verdict(NamedTuple):
    """The answer, the rule that explains the call, the reason in words, and for a disagreement each difference.

    ``outcome`` is the outcome that matched, or the nearest one.
    """

    kind: Kind
    rule: str
    backlog_rule: str
    reason: str
    differences: tuple[Difference, ...] = ()
    outcome: Outcome | None = None


def judge(call: ListenCall, behaviour: Behaviour, knowledge: Knowledge | None = None) -> Verdict:
    """Compare the call with every outcome the model allows for its inputs.

    ``knowledge`` is what a scenario knows of the world; where it does not know the security module's
    answer, what the record itself says of it stands.
    """
    if call.door == Door.UNKNOWN:
        return _inconclusive(
            "a socket became a listener outside any call this attach mode sees "
            "(io_uring, a 32-bit caller or the kernel itself): backlog asked for unknown"
        )
    known = call.knowledge
    if knowledge is not None:
        refusal = known.refusal if knowledge.refusal is None else knowledge.refusal
        known = knowledge._replace(refusal=refusal)
    nearest: tuple[Outcome, tuple[Difference, ...]] | None = None
    try:
        for outcome in predict(call.request, call.pre, call.environment, behaviour, known):
            differences = tuple(_compare(outcome, call))
            if not differences:
                return Verdict(
                    Kind.AGREE,
                    outcome.rule.value,
                    outcome.backlog_rule.value,
                    explain(call, outcome),
                    outcome=outcome,
                )
            if nearest is None or _distance(differences) < _distance(nearest[1]):
                nearest = outcome, differences
    except Unmodelled as unmodelled:
        return Verdict(Kind.UNMODELLED, "unmodelled", "not-reached", str(unmodelled))
    assert nearest is not None  # the model always has an outcome
    return _disagree(call, *nearest)


NOT_REACHED = "not reached"


def excuse_skipped(verdict: Verdict, skipped: int) -> Verdict:
    """A disagreement about nothing but unseen stages shows nothing if the kernel skipped a program.

    ``skipped`` is how often it did while the call was made (``Engine.skipped``).
    """
    unseen_only = all(d.observed == NOT_REACHED for d in verdict.differences)
    if verdict.kind is not Kind.DISAGREE or not skipped or not unseen_only:
        return verdict
    return _inconclusive(f"the kernel skipped a probe {skipped} times meanwhile ({verdict.reason})")


def _disagree(call: ListenCall, outcome: Outcome, differences: tuple[Difference, ...]) -> Verdict:
    told = "; ".join(map(str, differences))
    if not call.flags & Flag.RETURNED:
        return _inconclusive("the call's return was not seen")
    if {difference.field for difference in differences} <= missed_returns(call):
        return _inconclusive(f"a return was missed by its probe, as where threads compete ({told})")
    if call.flags & Flag.FD_CHANGED:
        return _inconclusive(f"descriptor {call.fd} named another file at the return ({told})")
    if call.flags & Flag.CONTENDED:
        return _inconclusive(f"another thread was in listen() on the same socket ({told})")
    if call.flags & Flag.SHARED_TABLE and _untouched(call) and not call.hooks >> StageIndex.SECURITY & 1:
        return _inconclusive(
            f"descriptor {call.fd} is shared by threads and its socket was not touched: this attach "
            f"mode cannot see whether the kernel found another one there for a moment ({told})"
        )
    return Verdict(
        Kind.DISAGREE, outcome.rule.value, outcome.backlog_rule.value, told, differences, outcome
    )


def _untouched(call: ListenCall) -> bool:
    """Whether the socket is as it was before the call."""
    return call.post.seen == 1 and call.pre == call.post


def _inconclusive(reason: str) -> Verdict:
    return Verdict(Kind.INCONCLUSIVE, "none", "not-reached", reason)


def _distance(differences: tuple[Difference, ...]) -> tuple[bool, int]:
    """An outcome with the result that was observed is nearer than any with another one."""
    return any(d.field == "result" for d in differences), len(differences)


def _compare(outcome: Outcome, call: ListenCall) -> Iterable[Difference]:
    """Every difference between one outcome and the call, in the order the kernel would make them."""
    yield from _compare_stages(outcome, call)
    if not call.flags & Flag.RETURNED:
        yield Difference("result", errno_text(outcome.result), "no return seen")
    elif outcome.result != call.result:
        yield Difference("result", errno_text(outcome.result), errno_text(call.result))
    post = call.post
    if not post.seen:
        if outcome.socket is not None:
            yield Difference("socket at return", "readable", "not seen")
        return
    for owner, sock, state, max_ack_backlog in (
        ("", outcome.socket, post.state, post.max_ack_backlog),
        ("subflow ", outcome.subflow, post.subflow_state, post.subflow_max_ack_backlog),
    ):
        if sock is None:
            continue
        if not _may_be(sock.state, state):
            yield Difference(f"{owner}state at return", state_name(sock.state), state_name(state))
        if sock.max_ack_backlog != max_ack_backlog:
            yield Difference(
                f"{owner}max_ack_backlog at return", str(sock.max_ack_backlog), str(max_ack_backlog)
            )
    if outcome.socket is not None and outcome.socket.bound != bool(post.bound):
        yield Difference(
            "local address", *("bound" if b else "none" for b in (outcome.socket.bound, post.bound))
        )


def _may_be(predicted: int, observed: int) -> bool:
    """Whether a state predicted may be seen as another one.

    The peer moves a connection on at any moment (FIN_WAIT1 to FIN_WAIT2, SYN_SENT to ESTABLISHED),
    also during the call; what it cannot do is make it listen.
    """
    connected = predicted not in (TcpState.CLOSE, TcpState.LISTEN)
    return predicted == observed or (connected and observed != TcpState.LISTEN)


# A compiler may fold __inet_listen_sk into inet_listen, so not passing it says nothing.
_MAY_PASS_UNSEEN = (StageIndex.INET_LISTEN_SK,)

_ENTRIES = {
    StageIndex.SECURITY_RETURN: (StageIndex.SECURITY,),
    StageIndex.LISTEN_START_RETURN: (StageIndex.LISTEN_START,),
    StageIndex.INET_LISTEN_RETURN: (StageIndex.INET_LISTEN, StageIndex.INET_LISTEN_SK),
}
"""The return of a function, and where it was entered."""


def missed_returns(call: ListenCall) -> set[str]:
    """The returns that took place and were not seen, by label: the function was entered, and the call is over.

    A kretprobe has room for few calls at a time, on some kernels for one a processor, and misses
    the rest without a count that could be read (``rp->nmissed``, kernel/kprobes.c).
    """
    if not call.flags & Flag.RETURNED:
        return set()
    return {
        STAGE_LABELS[index]
        for index, entries in _ENTRIES.items()
        if call.hooks >> index & 1
        and index not in call.stages
        and any(entry in call.stages for entry in entries)
    }


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
        label = STAGE_LABELS[index]
        if seen is None:
            if index not in _MAY_PASS_UNSEEN:
                yield Difference(label, "reached", NOT_REACHED)
        elif expected is None:
            yield Difference(label, NOT_REACHED, "reached")
        else:
            if expected.value is not None and expected.value != seen.value:
                yield Difference(
                    f"{label} value", value_text(index, expected.value), value_text(index, seen.value)
                )
            if expected.max_ack_backlog != seen.max_ack_backlog:
                yield Difference(
                    f"{label} max_ack_backlog", str(expected.max_ack_backlog), str(seen.max_ack_backlog)
                )
            if not _may_be(expected.state, seen.state):
                yield Difference(f"{label} state", state_name(expected.state), state_name(seen.state))
            if expected.ack_backlog is not None and expected.ack_backlog != seen.ack_backlog:
                yield Difference(
                    f"{label} ack_backlog", str(expected.ack_backlog), str(seen.ack_backlog)
                )


_STATE_NAMES = {int(state): state.name for state in TcpState}
_STATE_VALUES = (StageIndex.STATE_LISTEN, StageIndex.STATE_CLOSE)
_RETURNS = (
    StageIndex.SECURITY_RETURN,
    StageIndex.LISTEN_START_RETURN,
    StageIndex.INET_LISTEN_RETURN,
)


def state_name(state: int) -> str:
    """``CLOSE``, ``LISTEN``, ...; a number the kernel does not define stays a number."""
    return _STATE_NAMES.get(state, str(state))


def value_text(index: int, value: int) -> str:
    """A stage's value as its stage means it: a state, a hash function, an errno or a number."""
    if index in _STATE_VALUES:
        return state_name(value)
    if index == StageIndex.HASH:
        return HASH_FUNCTIONS.get(value, str(value))
    return errno_text(value) if index in _RETURNS else str(value)
