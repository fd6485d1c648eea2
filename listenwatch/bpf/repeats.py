"""Calls that the ring had no room for, counted by the kernel: each with those of which all but the time is the same.

No count is lost and none is taken twice. The programs reach the map they count in through ``repeats_now``, which holds
one map. Putting another one there returns when no program runs any more that reached the one before
(maybe_wait_bpf_programs(), kernel/bpf/syscall.c): from then on nobody but us uses that one, until we put it back, empty.
"""

import sys
import time
from collections.abc import Callable

from listenwatch.bpf import maps

WAIT = 0.5
"""Seconds from a full ring until what was counted is taken: to wait for every processor's programs costs milliseconds."""
_ONLY = bytes(4)
"""The key of the map in ``repeats_now``."""


def put(repeats_now: int, fd: int) -> None:
    """Have the programs count in the map of this descriptor: once this returns, none of them does in another one."""
    maps.store(repeats_now, _ONLY, fd.to_bytes(4, sys.byteorder))


class Repeats:
    """What is counted in place of records, ``counted`` calls so far as the kernel says, and ``taken`` of them by us."""

    def __init__(self, map_fd: Callable[[str], int], counted: Callable[[], int]) -> None:
        self._now, self._counted = map_fd("repeats_now"), counted
        self._in_use, self._other = map_fd("repeats_a"), map_fd("repeats_b")  # the programs begin with the first
        self.due: float | None = None
        """When to look for what was counted, by ``time.monotonic``; None: the ring was not full since the last look."""
        self.taken = 0

    def ring_was_full(self) -> None:
        """Calls may have been counted."""
        if self.due is None:
            self.due = time.monotonic() + WAIT

    def take_due(self, now: float) -> list[bytes]:
        """The same as ``take``, once it is time."""
        return self.take() if self.due is not None and self.due <= now else []

    def take(self) -> list[bytes]:
        """The records of the calls counted before: each that of the first of so many, with their number."""
        self.due = None
        if self._counted() == self.taken:
            return []
        put(self._now, self._other)
        self._in_use, self._other = self._other, self._in_use
        entries = maps.take_all(self._other)
        self.taken += sum(int.from_bytes(value[-8:], sys.byteorder) for _, value in entries)
        return [value + part for part, value in entries]
