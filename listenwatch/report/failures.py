"""What ``--fail-on`` names: the first few calls of each condition in words, and how many there were."""

from collections import Counter
from collections.abc import Collection, Sequence

from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.call.text import local_address
from listenwatch.linux.names import errno_text
from listenwatch.linux.terminal import escape, say
from listenwatch.report.text import reason
from listenwatch.session.source import Missing
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.condition import Condition
from listenwatch.verdict.conditions import conditions_of
from listenwatch.verdict.summary import Summary

MOST = 5
"""So many calls of a condition are kept and shown."""


class Failures:
    """A sink that looks for ``conditions``; what it found is said at the end, on standard error."""

    def __init__(self, conditions: Collection[Condition]) -> None:
        self._conditions = frozenset(conditions)
        self._count: Counter[Condition] = Counter()
        self._first: dict[Condition, list[str]] = {}

    def __bool__(self) -> bool:
        """Whether a condition held."""
        return self._count.total() > 0

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        """Nothing was found yet."""

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        for condition in self._conditions.intersection(conditions_of(call, verdict)):
            self._count[condition] += call.repeats
            first = self._first.setdefault(condition, [])
            if len(first) < MOST:
                first.append(_text(condition, call, verdict))

    def end(self, summary: Summary, missing: Missing) -> None:
        if summary.lost and Condition.LOST in self._conditions:
            self._count[Condition.LOST] = summary.lost
            self._first[Condition.LOST] = [f"{summary.lost} without a record"]
        for condition in filter(self._first.get, Condition):
            first = self._first[condition]
            for text in first:
                say(f"{condition.value}: {text}")
            if condition is not Condition.LOST and (more := self._count[condition] - len(first)):
                say(f"{condition.value}: {more} more, {self._count[condition]} in all")


def _text(condition: Condition, call: ListenCall, verdict: Verdict) -> str:
    """``redis-server[123] asked 511, stored 128 (0.0.0.0:6379)``."""
    match condition:
        case Condition.CLAMPED if verdict.kind is not VerdictKind.DISAGREE:
            what = f"asked {call.asked}, stored {call.stored}"
        case Condition.FAILED if verdict.kind is not VerdictKind.AGREE:
            what = errno_text(call.result)
        case _:
            what = reason(call, verdict)
    local = escape(local_address(call))
    return f"{escape(call.comm)}[{call.pid}] {what}{f' ({local})' if local else ''}"
