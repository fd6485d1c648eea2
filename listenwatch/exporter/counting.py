"""What the probe counted, added to the series of the listeners it belongs to, and beside the kernel's own counters."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from listenwatch.bpf.overflow import Counted, Netns, OverflowProbe
from listenwatch.exporter.labels import Labels
from listenwatch.exporter.placing import Placing
from listenwatch.linux.netns import Namespace
from listenwatch.overflow.counters import CounterComparison, CounterReadings
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.overflow.listeners import CountedListener, ListenerIndex
from listenwatch.overflow.namespace_index import Match
from listenwatch.overflow.watch import OverflowEvent, event_of

QUIET = 60.0
"""Seconds without a new count after which an entry of the probe may make room for others."""
_Key = tuple[object, ...]


class Occupancy(NamedTuple):
    """How full a map of the probe is."""

    entries: int
    capacity: int


class Attribution:
    """Takes the probe's counts and finds their listeners. A namespace is compared until ``forget`` seconds after it has gone."""

    def __init__(
        self, probe: OverflowProbe, placing: Placing, forget: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._probe, self._placing, self._forget, self._clock = probe, placing, forget, clock
        self._index = ListenerIndex()
        self._readings = CounterReadings(probe, self._index.namespaces)
        self._before = {_key(counted): counted.times for counted in probe.counted()}
        self._moved_at: dict[_Key, float] = {}
        self._put_off: set[_Key] = set()
        self._seen_at: dict[Netns, float] = {}
        self._capacity = {name: probe.capacity(name) for name in ("listeners", "totals")}
        self._entries = 0

    def take(self) -> list[OverflowEvent]:
        """What was counted since the last time, each with its listener."""
        counts, epoch = self._probe.counted(), self._probe.epoch
        self._probe.next_epoch()
        self._entries = len(counts)
        moved = [counted for counted in counts if counted.times != self._before.get(_key(counted), 0)]
        events = list(self._events(moved, epoch)) if moved else []
        if self._entries > self._capacity["listeners"] // 2:
            self._make_room(counts)
        return events

    def compare(self, namespaces: list[Namespace], called_in: Collection[Netns] = ()) -> list[CounterComparison]:
        """The kernel's counters beside the probe's, of each namespace in which they moved.

        ``called_in`` are those in which listen() was called since the last time.
        """
        now = self._clock()
        for netns in (*self._probe.namespaces(), *called_in):  # also those that came and went between two readings
            self._seen_at.setdefault(netns, now)
        self._seen_at |= dict.fromkeys(self._readings.update(namespaces), now)
        for netns, seen in list(self._seen_at.items()):
            if now - seen > self._forget:
                self._readings.forget(netns)
                self._probe.forget_namespace(netns)
                del self._seen_at[netns]
        return list(self._readings.compare())

    def never_read(self) -> int:
        """Namespaces that counts or calls name and no look has shown: they are hidden, or came and went between two looks."""
        return len(self._readings.never_read(list(self._seen_at)))

    def unplaced(self) -> int:
        """Events of listeners too many for the probe to tell apart."""
        return sum(self._probe.total(netns).unplaced for netns in self._probe.namespaces())

    def occupancy(self) -> dict[str, Occupancy]:
        """Of each map of the probe that may fill up."""
        entries = {"listeners": self._entries, "totals": len(self._probe.namespaces())}
        return {name: Occupancy(entries[name], capacity) for name, capacity in self._capacity.items()}

    def _events(self, moved: list[Counted], epoch: int) -> Iterator[OverflowEvent]:
        self._index.refresh()
        # before the names: those take time, and a namespace that ends meanwhile takes its counters with it
        self._seen_at |= dict.fromkeys(self._readings.update(self._index.namespaces), self._clock())
        matches = self._index.matches(moved)
        self._placing.names.learn((match.origin, match.listener) for match in matches if match)
        now = time.time_ns()
        for counted, match in zip(moved, matches, strict=True):
            labels = self._labels_of(counted, match)
            if labels is None:
                continue
            key = _key(counted)
            times = counted.times - self._before.get(key, 0)
            self._before[key], self._moved_at[key] = counted.times, self._clock()
            self._placing.table.count(labels, OverflowKind(counted.kind), times)
            peers, connections = (counted.peers, counted.connections_now) if counted.epoch == epoch else (0, 0)
            yield event_of(now, counted, self._named(match), times, peers, connections)

    def _labels_of(self, counted: Counted, match: Match | None) -> Labels | None:
        """None: nobody has seen it yet, so it is put off once; its listen() may be under way to us."""
        if match:
            return self._placing.of(match.listener)
        key = _key(counted)
        labels = self._placing.of_gone(counted)
        if labels is None and key not in self._put_off:
            self._put_off.add(key)
            return None
        self._put_off.discard(key)
        return labels or self._placing.of_unseen(counted)

    def _named(self, match: Match | None) -> CountedListener:
        if match is None:
            return CountedListener(None)
        holders = self._placing.names.of(match.listener).holders
        return CountedListener(match.origin.row(match.listener, {match.listener.inode: holders}), match.one_of)

    def _make_room(self, counts: list[Counted]) -> None:
        now = self._clock()
        for counted in counts:
            key = _key(counted)
            if now - self._moved_at.get(key, 0.0) > QUIET:
                self._probe.forget(counted)
                self._before.pop(key, None)
                self._moved_at.pop(key, None)


def _key(counted: Counted) -> _Key:
    return counted[:7]
