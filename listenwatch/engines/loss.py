"""What the probe counts in the kernel, and what the counts mean."""

from __future__ import annotations

from typing import NamedTuple


class Counters(NamedTuple):
    """``struct listen_counters`` of probes/listen.h."""

    calls: int
    records: int
    lost_ring: int
    lost_threads: int
    recovered: int


class Loss(NamedTuple):
    """What the kernel counted: every call ends as a record, in one of the losses, or is still in flight."""

    calls: int = 0
    records: int = 0
    ring_full: int = 0
    too_many_threads: int = 0
    unseen: int = 0
    """Calls whose entry the kernel did not show us, because a program ran on that processor already."""
    in_flight: int = 0

    @property
    def unreturned(self) -> int:
        """Calls whose return never came: what nothing else accounts for."""
        known = self.records + self.ring_full + self.too_many_threads + self.in_flight
        return max(0, self.calls - known)

    @property
    def lost(self) -> int:
        """Calls that happened and have no record."""
        return self.ring_full + self.too_many_threads + self.unseen + self.unreturned
