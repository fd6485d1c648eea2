"""What became of every call: a record, a repeat, a loss, or it is still in flight."""

from typing import NamedTuple


class Counters(NamedTuple):
    """``struct listen_counters`` of probes/listen.h."""

    calls: int
    records: int
    repeats: int
    lost_ring: int
    lost_threads: int
    recovered: int
    markers: int

    @property
    def ended(self) -> int:
        """Calls that returned, or were lost as they began."""
        return self.records + self.repeats + self.lost_ring + self.lost_threads


class Loss(NamedTuple):
    """What the kernel counted: every call ends as a record, as a repeat, in one of the losses, or is still in flight."""

    calls: int = 0
    records: int = 0
    repeats: int = 0
    """Calls that the ring had no room for, counted in records of their own with those of which all but the time is the same."""
    ring_full: int = 0
    too_many_threads: int = 0
    unseen: int = 0
    """Calls whose entry the kernel did not show us, because a program ran on that processor already (``Engine.skipped``)."""
    in_flight: int = 0
    left_out: int = 0
    """The same where one command is followed: the kernel counts them for all processes, and does not say whose they were."""
    unread: int = 0
    """Records that were handed over and left in the ring, because reading them took too long."""

    @property
    def unreturned(self) -> int:
        """Calls whose return never came: what nothing else accounts for."""
        known = self.records + self.repeats + self.ring_full + self.too_many_threads + self.in_flight
        return max(0, self.calls - known)

    @property
    def lost(self) -> int:
        """Calls that happened and have no record."""
        return self.ring_full + self.too_many_threads + self.unseen + self.unreturned + self.unread

    @property
    def without_record(self) -> int:
        """How many calls may have no record: lost ones, and those of anybody that were left out."""
        return self.lost + self.left_out
