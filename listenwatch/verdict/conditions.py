"""What may be asked of judged calls, to show only those or to fail for them."""

from collections.abc import Iterator

from listenwatch.call.record import ListenCall
from listenwatch.model.rules import CLAMPS
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.condition import Condition

_OF_KIND = {
    VerdictKind.DISAGREE: Condition.DISAGREE,
    VerdictKind.INCONCLUSIVE: Condition.INCONCLUSIVE,
    VerdictKind.UNMODELLED: Condition.UNMODELLED,
}


def conditions_of(call: ListenCall, verdict: Verdict) -> Iterator[Condition]:
    """All that holds of this call."""
    if kind := _OF_KIND.get(verdict.kind):
        yield kind
    if is_clamped(call, verdict):
        yield Condition.CLAMPED
    if call.result:
        yield Condition.FAILED


def is_clamped(call: ListenCall, verdict: Verdict) -> bool:
    """Whether it listens, and with net.core.somaxconn in place of the greater backlog it asked for.

    A negative backlog counts as huge, so it is always clamped. Of a call that is inconclusive or not
    modelled nothing is known.
    """
    return not call.result and got_somaxconn(verdict.backlog_rule, call.asked, call.stored)


def got_somaxconn(backlog_rule: str, asked: int | None, stored: int | None) -> bool:
    """Whether a listen() that succeeds by this rule stores net.core.somaxconn in place of the greater backlog it asked for."""
    return backlog_rule in CLAMPS and stored != asked
