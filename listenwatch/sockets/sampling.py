"""Look after look at the listeners, and what each of them refused in between, a second."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from listenwatch.sockets.diagnosis import Finding
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.look import ORDERS, DiagnosedListener, Look

_DROPS = 1 << 32
"""Where the kernel's count of drops begins again at 0: sk_drops is an atomic_t."""
SocketKey = tuple[int, int]
"""Inode number of the network namespace, and the socket's cookie there: one socket, and never another."""


class SampledListener(NamedTuple):
    """A listener now. ``refused`` are the SYNs and last ACKs it turned away a second since the look before.

    None where that is not known: at the first look that shows it, or where the kernel does not count.
    """

    shown: DiagnosedListener
    refused: float | None

    @property
    def key(self) -> SocketKey:
        """The same for the same socket in every sample."""
        return key_of(self.shown)


def _by_row(order: Callable[[ListenerRow], Any], sampled: SampledListener) -> Any:
    return order(sampled.shown.row)


SAMPLE_ORDERS: dict[str, Callable[[SampledListener], Any]] = {
    "refused": lambda sampled: (-(sampled.refused or 0.0), -(sampled.shown.row.listener.drops or 0)),
    **{name: partial(_by_row, order) for name, order in ORDERS.items()},
}
"""The orders of one look, and what only two can tell."""


class Sample(NamedTuple):
    """The listeners that one look shows, of ``total``, and when, in nanoseconds since 1970; in words what could not be looked at, and
    how many namespaces ended meanwhile.
    """

    time_ns: int
    listeners: list[SampledListener]
    total: int
    unseen: list[str]
    ended: int = 0

    @property
    def full(self) -> int:
        """How many of them have no room."""
        return sum(Finding.FULL in sampled.shown.diagnosis.reasons for sampled in self.listeners)

    @property
    def refused(self) -> float | None:
        """What those refused a second of which it is known; None where it is of none."""
        known = [listener.refused for listener in self.listeners if listener.refused is not None]
        return sum(known) if known else None


class Sampler:
    """Takes samples; remembers of the last one what each listener had refused until then."""

    def __init__(self, look: Callable[[], Look], order: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._order, self._clock = look, SAMPLE_ORDERS[order], clock
        self._drops: dict[SocketKey, tuple[int, float]] = {}

    def take(self) -> Sample:
        """Look now."""
        # before the look, whose second half, at those who accept, takes longer the one time than the other
        time_ns, now = time.time_ns(), self._clock()
        look, drops = self._look(), dict[SocketKey, tuple[int, float]]()
        listeners = []
        for shown in look.listeners:
            refused = shown.row.listener.drops
            rate = None
            if refused is not None:
                key = key_of(shown)
                drops[key] = refused, now
                before, then = self._drops.get(key, (0, now))
                rate = (refused - before) % _DROPS / (now - then) if now > then else None
            listeners.append(SampledListener(shown, rate))
        self._drops = drops
        return Sample(time_ns, sorted(listeners, key=self._order), look.total, look.unseen, look.ended)


def key_of(shown: DiagnosedListener) -> SocketKey:
    """Which socket it is."""
    return shown.row.namespace.inode, shown.row.listener.cookie
