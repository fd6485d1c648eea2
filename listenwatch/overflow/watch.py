"""The watch itself: interval by interval the new counts with their listeners, and what they come to at the end."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.bpf.overflow import Counted, OverflowProbe
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.netns import Namespace
from listenwatch.linux.wakeups import Ending, wake_ups
from listenwatch.model.inputs import Family
from listenwatch.overflow.counters import CounterComparison, CounterReadings
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.overflow.listeners import CountedListener, ListenerIndex, local_of
from listenwatch.overflow.refusing import RefusingListeners
from listenwatch.sockets.listener_filter import ListenerFilter
from listenwatch.sockets.look import DiagnosedListener


class OverflowEvent(NamedTuple):
    """One listener and kind, ``times`` times in one interval that ended at ``time_ns``, or in all together.

    ``peers`` are distinct addresses (AF_UNIX: processes), ``more_peers`` that there were more than could
    be counted. ``connections`` are the distinct connections attempted, as a client sends its SYN again, exactly or
    with ``more_connections`` at the least; None for AF_UNIX. ``queue`` and ``limit`` are None where neither the
    probe nor sock_diag saw the listener.
    """

    time_ns: int
    counted_listener: CountedListener
    kind: OverflowKind
    local: str
    port: int | None
    netns: int
    times: int
    peers: int
    more_peers: bool
    connections: int | None
    more_connections: bool
    queue: int | None
    limit: int | None


def event_of(
    time_ns: int, counted: Counted, counted_listener: CountedListener, times: int, peers: int, connections: int = 0
) -> OverflowEvent:
    """The event for a count; where the probe did not see the queue, as sock_diag has it."""
    kind = OverflowKind(counted.kind)
    queue: int | None = counted.qlen if kind.is_of_syn_queue else counted.queue
    limit: int | None = counted.limit
    local = local_of(counted)
    if not counted.sk:
        row = counted_listener.row
        queue = row.listener.queue if row and not kind.is_of_syn_queue else None
        limit = row.listener.limit if row else None
        local = row.listener.local if row else local
    of_unix = counted.family == Family.UNIX
    return OverflowEvent(
        time_ns, counted_listener, kind, local, None if of_unix else counted.port, counted.netns, times, peers,
        bool(counted.peers_uncounted), None if of_unix else connections, bool(counted.connections_uncounted), queue, limit,
    )  # fmt: skip


class NotCounted(NamedTuple):
    """What the probe missed; nothing if all is None or empty. ``skipped``: how often the kernel skipped it, None if no counter differs.

    ``unplaced`` are namespaces with the number of events of listeners too many to tell apart, ``gone``
    those whose own counters were never read, ``refused`` those that this user may not enter to read them.
    """

    skipped: int | None
    unplaced: list[tuple[int, int]]
    gone: list[int]
    refused: tuple[int, ...] = ()


class OverflowSummary(NamedTuple):
    """A whole watch of ``seconds``, reported at ``ended_ns``: each listener and kind in total, the kernel's counters, and what to change."""

    ended_ns: int
    seconds: float
    attach: str
    totals: list[OverflowEvent]
    counters: list[CounterComparison]
    advised: list[DiagnosedListener]
    not_counted: NotCounted


class OverflowWatch:
    """Takes the counts from an attached probe, finds their listeners, and adds them up."""

    def __init__(self, probe: OverflowProbe, kernel: Kernel, wanted: ListenerFilter) -> None:
        self._probe, self._filter = probe, wanted
        self._index = ListenerIndex()
        self._readings = CounterReadings(probe, self.namespaces())
        self._first = {_key(counted): counted for counted in probe.counted()}
        self._before = dict(self._first)
        self._totals: dict[tuple[object, ...], OverflowEvent] = {}
        self._refusing = RefusingListeners(kernel.version)
        self._begun = self._until = time.monotonic()

    def namespaces(self) -> list[Namespace]:
        """The network namespaces that are watched."""
        every = self._index.namespaces
        return [namespace for namespace in every if self._filter.has_namespace(namespace.inode)]

    def intervals(self, ending: Ending, seconds: float) -> Iterator[list[OverflowEvent]]:
        """The events of each interval, until the end."""
        due = time.monotonic() + seconds

        def left() -> float:
            return due - time.monotonic()

        for _ in wake_ups(ending, patience=left):
            if (now := time.monotonic()) >= due:
                yield self.take()
                due = max(due + seconds, now)
        yield self.take()

    def take(self) -> list[OverflowEvent]:
        """What was counted since the last time, of the listeners that are wanted."""
        self._until = time.monotonic()
        counts, epoch = self._probe.counted(), self._probe.epoch
        self._probe.next_epoch()
        moved = [counted for counted in counts if self._new(counted)]
        if not moved:
            return []
        self._index.refresh()
        # before the names: those take time, and a namespace that ends meanwhile takes its counters with it
        self._readings.update(self.namespaces())
        now = time.time_ns()
        moved.sort(key=lambda counted: (counted.netns, counted.port, counted.kind))
        events = []
        for counted, listener in zip(moved, self._index.find(moved), strict=True):
            if self._is_wanted(counted, listener):
                peers, connections = (
                    (counted.peers, counted.connections_now) if counted.epoch == epoch else (0, 0)
                )
                event = event_of(now, counted, listener, self._new(counted), peers, connections)
                self._add(counted, event)
                events.append(event)
            self._before[_key(counted)] = counted
        self._refusing.add(
            event.counted_listener.row
            for event in events
            if event.counted_listener.row and event.kind is not OverflowKind.SYN_DROPPED
        )
        return events

    def _new(self, counted: Counted) -> int:
        before = self._before.get(_key(counted))
        return counted.times - (before.times if before else 0)

    def _is_wanted(self, counted: Counted, listener: CountedListener) -> bool:
        wanted = self._filter
        if not wanted.has_namespace(counted.netns):
            return False
        if listener.row is not None:
            return wanted.has_listener(listener.row)
        if wanted.pids or wanted.names or wanted.owner.is_given:
            return False
        return not wanted.ports or counted.port in wanted.ports

    def _add(self, counted: Counted, event: OverflowEvent) -> None:
        key, first = _key(counted), self._first.get(_key(counted))
        if event.connections is not None:
            since = counted.connections - (first.connections if first else 0)
            event = event._replace(connections=max(event.connections, since))
        if before := self._totals.get(key):
            peers = max(before.peers, event.peers)
            event = event._replace(times=before.times + event.times, peers=peers)
        self._totals[key] = event

    def finish(self) -> OverflowSummary:
        """The totals, the counters compared, and advice for each listener that refused a connection."""
        self._index.refresh()
        self._readings.update(self.namespaces())
        counters = list(self._readings.compare())
        advised = self._refusing.diagnosed()
        not_counted = self._not_counted(counters)
        seconds = round(self._until - self._begun, 3)
        totals = list(self._totals.values())
        return OverflowSummary(time.time_ns(), seconds, self._probe.attach, totals, counters, advised, not_counted)

    def _not_counted(self, counters: list[CounterComparison]) -> NotCounted:
        moved = [netns for netns in self._probe.namespaces() if self._filter.has_namespace(netns.inode)]
        unplaced = [(netns.inode, self._probe.total(netns).unplaced) for netns in moved]
        differs = any(comparison.difference for comparison in counters)
        return NotCounted(
            self._probe.skipped() if differs else None,
            [(inode, number) for inode, number in unplaced if number],
            [netns.inode for netns in self._readings.never_read(moved)],
            tuple(sorted(self._readings.refused)),
        )


def _key(counted: Counted) -> tuple[object, ...]:
    return counted[:7]
