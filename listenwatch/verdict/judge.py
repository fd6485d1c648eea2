"""Verdicts on many calls of one kernel: a call like one that was judged before costs a look-up.

Like it in every field of the part of the record that is judged, or in its pattern (``verdict.pattern``).
"""

from functools import lru_cache, partial

from listenwatch.call.record import JUDGED, Flag, ListenCall, decode_judged
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.run import Outcome
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from listenwatch.verdict.inputs import LONG_NS
from listenwatch.verdict.pattern import Pattern, pattern_of

MOST = 2048
"""How many verdicts, and how many patterns, are kept. Storms repeat themselves, so all are forgotten at once where they are more."""

_make = tuple.__new__  # a NamedTuple without the call of its own __new__: what runs for every call


class Judge:
    """Judges the calls of a kernel of this Behaviour."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._wraps = behaviour.max_ack_backlog_bits != 32 or "max_ack_backlog_bits" in behaviour.unknown
        self._known: dict[bytes, Verdict] = {}
        self._agreeing: dict[Pattern, tuple[str, str]] = {}

    def judge(self, call: ListenCall, record: bytes = b"") -> Verdict:
        """The verdict on a call; with the record it was decoded from, that of one with the same judged part.

        Two facts count that are not in that part: a call that took long, and what the batch says of somaxconn.
        """
        if not record or call.duration_ns >= LONG_NS or call.flags & Flag.SOMAXCONN_MOVES:
            return judge(call, self._behaviour)
        part = record[JUDGED:]
        verdict = self._known.get(part)
        if verdict is None:
            verdict = self._of_pattern(call, part)
            if len(self._known) == MOST:
                self._known.clear()
            self._known[part] = verdict
        return verdict

    def _of_pattern(self, call: ListenCall, part: bytes) -> Verdict:
        """AGREE where a call of the same pattern did so; the rules are the same then."""
        pattern = None if self._wraps else pattern_of(part, call.hooks)
        if pattern is None:
            return judge(call, self._behaviour)
        if rules := self._agreeing.get(pattern):
            rule, backlog_rule = rules
            predicted = partial(_outcome, part, self._behaviour)
            return _make(Verdict, (VerdictKind.AGREE, rule, backlog_rule, (), predicted, None, ()))
        verdict = judge(call, self._behaviour)
        if verdict.kind is VerdictKind.AGREE and not verdict.moved:
            if len(self._agreeing) == MOST:
                self._agreeing.clear()
            self._agreeing[pattern] = verdict.rule, verdict.backlog_rule
        return verdict


@lru_cache(MOST)
def _outcome(part: bytes, behaviour: Behaviour) -> Outcome | None:
    """What the model says of this call: made once it is shown."""
    return judge(decode_judged(part), behaviour).outcome
