"""The kernel's own counters compared with what the probe counted, by network namespace."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from listenwatch.bpf.overflow import COUNTERS, Netns, Total
from listenwatch.linux import netstat
from listenwatch.linux.netns import Namespace, cookie, inside

RECONCILED = COUNTERS[:4]
"""Those that only move when a queue is full; the fifth, EmbryonicRsts, also counts other resets."""


class Probe(Protocol):
    """What is asked of the probe."""

    def total(self, netns: Netns) -> Total:
        """By how much the counters of a namespace moved since the probe was attached."""


class Reading(NamedTuple):
    """The probe's total between two readings of the kernel's counters: under a flood those differ."""

    before: tuple[int, ...]
    seen: Total
    after: tuple[int, ...]


class CounterComparison(NamedTuple):
    """A counter the kernel moved by ``least`` to ``most``, as reading takes time, while the probe saw ``seen``."""

    namespace: Namespace
    counter: str
    least: int
    most: int
    seen: int

    @property
    def difference(self) -> int:
        """How many the probe missed; below 0: how many it counted too many."""
        if self.seen < self.least:
            return self.least - self.seen
        return min(0, self.most - self.seen)


_NOTHING = Reading((0,) * len(RECONCILED), Total(), (0,) * len(RECONCILED))


class CounterReadings:
    """The counters of each network namespace as they were when the watch began, and as they are now.

    ``refused`` are the inode numbers of those that this user may not enter.
    """

    def __init__(self, probe: Probe, namespaces: list[Namespace]) -> None:
        """Read them all; the probe is attached already."""
        self._probe = probe
        self._last: dict[Netns, tuple[Namespace, Reading]] = {}
        self.refused: set[int] = set()
        self.update(namespaces)
        self._first = {netns: reading for netns, (_, reading) in self._last.items()}

    def update(self, namespaces: list[Namespace]) -> set[Netns]:
        """Read them again, those that can be. One that is gone keeps its last reading; one that is new began at zero."""
        read = set()
        for namespace in namespaces:
            try:
                with inside(namespace):
                    netns = Netns(namespace.inode, cookie())
                    before = _read()
                    seen = self._probe.total(netns)
                    reading = Reading(before, seen, _read())
            except PermissionError:
                self.refused.add(namespace.inode)
                continue
            except OSError:  # it has just gone
                continue
            self._last[netns] = namespace, reading
            read.add(netns)
        return read

    def forget(self, netns: Netns) -> None:
        """One that has been gone for long: it is compared no more."""
        self._last.pop(netns, None)
        self._first.pop(netns, None)

    def compare(self) -> Iterator[CounterComparison]:
        """Every counter that moved, or that the probe saw move."""
        for netns, (namespace, last) in self._last.items():
            first = self._first.get(netns, _NOTHING)
            for number, counter in enumerate(RECONCILED):
                comparison = CounterComparison(
                    namespace, counter, last.before[number] - first.after[number],
                    last.after[number] - first.before[number],
                    last.seen.moved[number] - first.seen.moved[number],
                )
                if comparison.most or comparison.seen:
                    yield comparison

    def never_read(self, namespaces: list[Netns]) -> list[Netns]:
        """Of these namespaces those whose counters were never read: they came and went between two readings."""
        gone = set(namespaces) - set(self._last)
        return sorted(netns for netns in gone if netns.inode not in self.refused)


def _read() -> tuple[int, ...]:
    counters = netstat.parse(netstat.read())
    return tuple(counters[name] for name in RECONCILED)
