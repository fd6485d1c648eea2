"""Verdicts on many calls of one kernel: a call like one that was judged before costs a look-up."""

from listenwatch.call.record import JUDGED, Flag, ListenCall
from listenwatch.model.behaviour import Behaviour
from listenwatch.verdict.compare import Verdict, judge
from listenwatch.verdict.inputs import LONG_NS

MOST = 2048
"""How many verdicts are kept, some 4 MB. Storms repeat themselves, so all are forgotten at once where they are more."""


class Judge:
    """Judges the calls of a kernel of this Behaviour."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._known: dict[bytes, Verdict] = {}

    def judge(self, call: ListenCall, record: bytes = b"") -> Verdict:
        """The verdict on a call; with the record it was decoded from, that of one with the same judged part.

        Two facts count that are not in that part: a call that took long, and what the batch says of somaxconn.
        """
        if not record or call.duration_ns >= LONG_NS or call.flags & Flag.SOMAXCONN_MOVES:
            return judge(call, self._behaviour)
        part = record[JUDGED:]
        verdict = self._known.get(part)
        if verdict is None:
            verdict = judge(call, self._behaviour)
            if len(self._known) == MOST:
                self._known.clear()
            self._known[part] = verdict
        return verdict
