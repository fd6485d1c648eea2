"""The values of every metric at one moment, as plain data: what a scrape is made from."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from listenwatch.exporter import metrics
from listenwatch.exporter.calls import CallKind
from listenwatch.exporter.counting import Occupancy
from listenwatch.exporter.labels import OTHER, Labels
from listenwatch.exporter.look import Look
from listenwatch.exporter.metrics import Metric
from listenwatch.exporter.series import Series, SeriesTable
from listenwatch.overflow.counters import RECONCILED, CounterComparison
from listenwatch.overflow.kinds import OverflowKind

Sample = tuple[Metric, tuple[str, ...], float]
_USUAL = {
    "unix": (OverflowKind.UNIX_EAGAIN,),
    "tcp": (OverflowKind.SYN_ACCEPT_QUEUE_FULL, OverflowKind.SYN_COOKIE_SENT, OverflowKind.ACK_IGNORED),
}
"""Begins at 0 for each listener: an increase is seen only between two samples."""


class Moment(NamedTuple):
    """What is known when a scrape comes.

    ``is_inside`` a pid namespace other than the machine's; ``hidden`` network namespaces are known by what happens in them alone.
    """

    look: Look
    look_seconds: float
    counters: list[CounterComparison]
    unplaced: int
    calls: Counter[CallKind]
    lost: int
    events_dropped: int
    occupancy: Mapping[str, Occupancy]
    info: tuple[str, ...]
    hidden: int = 0
    is_inside: bool = False


def samples_of(moment: Moment, table: SeriesTable, most_namespaces: int) -> Iterator[Sample]:
    """Every sample of a scrape; of more than ``most_namespaces`` those with the least are added up as ``other``."""
    for labels, series in table:
        yield from _of_listener(labels, series)
    yield from _overflows(OTHER, table.other)
    yield metrics.FOLDED, (), table.folded
    yield metrics.LISTENERS, (), moment.look.listeners
    yield from _of_namespaces(moment, most_namespaces)
    yield metrics.UNPLACED, (), moment.unplaced
    for kind, number in sorted(moment.calls.items()):
        yield metrics.CALLS, kind, number
    yield metrics.LOST, (), moment.lost
    yield metrics.EVENTS_DROPPED, (), moment.events_dropped
    yield metrics.UNSEEN, ("namespaces",), moment.look.refused + moment.hidden
    yield metrics.UNSEEN, ("processes",), moment.look.unreadable
    yield metrics.UNSEEN, ("pid_namespaces",), moment.is_inside
    for name, occupancy in moment.occupancy.items():
        yield metrics.MAP_ENTRIES, (name,), occupancy.entries
        yield metrics.MAP_CAPACITY, (name,), occupancy.capacity
    yield metrics.LOOK_SECONDS, (), round(moment.look_seconds, 6)
    yield metrics.INFO, moment.info, 1


def _of_listener(labels: Labels, series: Series) -> Iterator[Sample]:
    if state := series.state:
        yield metrics.LIMIT, labels, state.limit
        if state.asked is not None:
            yield metrics.ASKED, labels, state.asked
        yield metrics.QUEUE, labels, state.queue
        yield metrics.CAPACITY, labels, state.capacity
        yield metrics.CLAMPED, labels, state.clamped
        yield metrics.STALE, labels, state.stale
        yield metrics.SOCKETS, labels, state.sockets
    usual = _USUAL.get(labels.protocol.split("-")[0].removesuffix("6").removeprefix("mp"), ())
    yield from _overflows(labels, {**dict.fromkeys(usual, 0), **series.counts})


def _overflows(labels: Labels, counts: Mapping[OverflowKind, int]) -> Iterator[Sample]:
    for kind, number in sorted(counts.items()):
        yield metrics.OVERFLOWS, (*labels, kind.name.lower()), number


def _of_namespaces(moment: Moment, most: int) -> Iterator[Sample]:
    somaxconn = list(moment.look.somaxconn.items())[:most]
    for inode, value in somaxconn:
        yield metrics.SOMAXCONN, (str(inode),), value
    totals: dict[tuple[str, str], list[int]] = {}
    here = next((namespace.inode for namespace in moment.look.namespaces if namespace.is_own), None)
    if here is not None:
        totals |= {(str(here), counter): [0, 0, 0] for counter in RECONCILED}
    rows = sorted(moment.counters, key=lambda row: (not row.namespace.is_own, not row.difference, -row.most))
    kept = {here}
    for row in rows:
        inode = row.namespace.inode
        if len(kept) < most:
            kept.add(inode)
        name = str(inode) if inode in kept else "other"
        total = totals.setdefault((name, row.counter), [0, 0, 0])
        for number, value in enumerate((row.most, row.seen, row.difference)):
            total[number] += value
    for metric, number in ((metrics.KERNEL, 0), (metrics.ATTRIBUTED, 1), (metrics.DIFFERENCE, 2)):
        for key, total in totals.items():
            yield metric, key, total[number]
