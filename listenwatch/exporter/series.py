"""The series of listeners, of which there are never more than so many: who refuses goes before who does not."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from listenwatch.exporter.labels import OTHER, Labels
from listenwatch.overflow.kinds import OverflowKind


class ListenerState(NamedTuple):
    """What a listener is now; of ``sockets`` that share the labels, the fullest one.

    ``asked`` is the backlog of its listen(), None where that was not seen.
    """

    limit: int
    asked: int | None
    queue: int
    capacity: int
    clamped: bool
    stale: bool
    sockets: int


@dataclass
class Series:
    """One listener: what was counted of it, and what it is now, None once it is gone."""

    counts: Counter[OverflowKind] = field(default_factory=Counter)
    state: ListenerState | None = None
    counted_at: float = 0.0


class SeriesTable:
    """At most ``most`` of them. One that is gone is kept ``forget`` seconds after its last count, to be scraped.

    What finds no room is added up as OTHER. A listener that refuses takes the place of one that never did.
    """

    def __init__(self, most: int, forget: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._forget, self._clock = most, forget, clock
        self._series: dict[Labels, Series] = {}
        self._idle: dict[Labels, None] = {}
        self.other: Counter[OverflowKind] = Counter()
        self.folded = 0
        """How many listeners of the last look have no series of their own."""

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, labels: Labels) -> bool:
        return labels in self._series

    def __iter__(self) -> Iterator[tuple[Labels, Series]]:
        """Every series; OTHER is not among them."""
        return iter(self._series.items())

    def count(self, labels: Labels, kind: OverflowKind, times: int) -> None:
        """Add to a listener's count, whether it is there still or not."""
        series = self._series.get(labels) or self._add(labels, make_room=True)
        if labels == OTHER or series is None:
            self.other[kind] += times
            return
        series.counts[kind] += times
        series.counted_at = self._clock()
        self._idle.pop(labels, None)

    def show(self, states: Mapping[Labels, ListenerState]) -> None:
        """The listeners that are there now, all of them."""
        now = self._clock()
        for labels, series in list(self._series.items()):
            series.state = states.get(labels)
            if series.state is None and (labels in self._idle or now - series.counted_at > self._forget):
                self._drop(labels)
        self.folded = 0
        for labels, state in states.items():
            kept = self._series.get(labels) or self._add(labels)
            if kept:
                kept.state = state
            else:
                self.folded += state.sockets

    def _add(self, labels: Labels, *, make_room: bool = False) -> Series | None:
        if labels == OTHER:
            return None
        if len(self._series) >= self._most:
            if not (make_room and self._idle):
                return None
            self._drop(next(iter(self._idle)))
        self._series[labels] = Series()
        self._idle[labels] = None
        return self._series[labels]

    def _drop(self, labels: Labels) -> None:
        del self._series[labels]
        self._idle.pop(labels, None)
