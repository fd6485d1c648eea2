"""The kernel's counters beside what the probe saw of them, by network namespace; any difference is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from listenwatch.engines.overflow import COUNTERS, Netns, Total
from listenwatch.scenarios.queues import counters
from listenwatch.sockets.namespaces import Namespace, cookie, inside

RECONCILED = COUNTERS[:4]
"""Those that say a listener lacked room; the fifth, EmbryonicRsts, also counts other resets."""


class Probe(Protocol):
    """What a ledger asks of the probe."""

    def total(self, netns: Netns) -> Total:
        """By how much the counters of a namespace moved while it looked."""
        ...


class Reading(NamedTuple):
    """The probe's total between two readings of the kernel's counters: under a flood those differ."""

    before: tuple[int, ...]
    seen: Total
    after: tuple[int, ...]


class Line(NamedTuple):
    """One counter of one namespace: the kernel moved it by ``least`` to ``most`` while the probe saw ``seen``.

    The two differ by what came while they were read, and are equal where nothing did.
    """

    namespace: Namespace
    counter: str
    least: int
    most: int
    seen: int

    @property
    def difference(self) -> int:
        """How many of the kernel's the probe did not see; below 0: how many it saw too many."""
        if self.seen < self.least:
            return self.least - self.seen
        return min(0, self.most - self.seen)


_NOTHING = Reading((0,) * len(RECONCILED), Total(), (0,) * len(RECONCILED))


class Ledger:
    """What each namespace's counters were when the watch began, and are now."""

    def __init__(self, probe: Probe, namespaces: list[Namespace]) -> None:
        """Read them all; the probe is attached already."""
        self._probe = probe
        self._last: dict[Netns, tuple[Namespace, Reading]] = {}
        self.update(namespaces)
        self._first = {netns: reading for netns, (_, reading) in self._last.items()}

    def update(self, namespaces: list[Namespace]) -> None:
        """Read them again. One that is gone keeps its last reading; one that is new began at zero."""
        for namespace in namespaces:
            try:
                with inside(namespace):
                    netns = Netns(namespace.inode, cookie())
                    before = _read()
                    seen = self._probe.total(netns)
                    reading = Reading(before, seen, _read())
            except OSError:  # it has just gone, or may not be entered
                continue
            self._last[netns] = namespace, reading

    def lines(self) -> Iterator[Line]:
        """Every counter that moved, or that the probe saw move."""
        for netns, (namespace, last) in self._last.items():
            first = self._first.get(netns, _NOTHING)
            for number, counter in enumerate(RECONCILED):
                line = Line(
                    namespace,
                    counter,
                    last.before[number] - first.after[number],
                    last.after[number] - first.before[number],
                    last.seen.moved[number] - first.seen.moved[number],
                )
                if line.most or line.seen:
                    yield line

    def unread(self, seen: list[Netns]) -> list[Netns]:
        """Of the namespaces in which the probe saw a counter move, those whose own were never read."""
        return sorted(set(seen) - set(self._last))


def _read() -> tuple[int, ...]:
    found = counters.parse(counters.read())
    return tuple(found[counter] for counter in RECONCILED)
