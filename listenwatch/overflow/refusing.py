"""The listeners that refused connections: who accepts there, looked at while it refuses, and what to change."""

import time
from collections.abc import Iterable

from listenwatch.linux.kernel import Version
from listenwatch.model.kernels import behaviour_for
from listenwatch.sockets.advice import advise
from listenwatch.sockets.consumer import Consumer
from listenwatch.sockets.consumers import look_at_consumers
from listenwatch.sockets.diagnosis import diagnose
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.look import DiagnosedListener

LOOK_AGAIN = 5.0
"""Seconds after which a listener that still refuses is looked at again."""
RECENT = 1.0
"""Seconds for which a look still says what is the case."""


class RefusingListeners:
    """Adds them up; of what was seen of their processes it keeps what explains most."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._rows: dict[int, ListenerRow] = {}
        self._looks: dict[int, tuple[float, Consumer | None]] = {}
        self._worst: dict[int, Consumer] = {}

    def add(self, rows: Iterable[ListenerRow]) -> None:
        """Those that refused in one interval; takes a moment where some are new."""
        refused = {row.listener.cookie: row for row in rows}
        self._rows |= refused
        self._look_at(refused, LOOK_AGAIN)

    def diagnosed(self) -> list[DiagnosedListener]:
        """Each with advice; what kept it from accepting and does so no more is marked as past."""
        self._look_at(self._rows, RECENT)
        every = [self._diagnosed(cookie, row, self._looks[cookie][1]) for cookie, row in self._rows.items()]
        return [shown for shown in every if shown.is_advised]

    def _look_at(self, rows: dict[int, ListenerRow], seconds: float) -> None:
        """Those that were not looked at for so long."""
        before = time.monotonic() - seconds
        due = [row for cookie, row in rows.items() if cookie not in self._looks or self._looks[cookie][0] <= before]
        consumers, now = look_at_consumers(due), time.monotonic()
        for cookie in (row.listener.cookie for row in due):
            consumer = consumers.get(cookie)
            self._looks[cookie] = now, consumer
            worst = self._worst.get(cookie)
            if consumer and (worst is None or _weight(consumer) >= _weight(worst)):
                self._worst[cookie] = consumer

    def _diagnosed(self, cookie: int, row: ListenerRow, now: Consumer | None) -> DiagnosedListener:
        diagnosis = diagnose(row, behaviour_for(self._version))
        advice = advise(row, diagnosis, self._version, None, overflowed=True)
        worst = self._worst.get(cookie)
        if worst and worst.is_cause:
            worst = worst._replace(past=now is None or now.activity is not worst.activity)
        return DiagnosedListener(row, diagnosis, None, advice, worst)


def _weight(consumer: Consumer) -> tuple[bool, int]:
    """What explains a full queue goes before what does not, and of both what stands first in ``Activity``."""
    return consumer.is_cause, -consumer.activity.rank
