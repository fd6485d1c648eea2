"""The kernel's clock and the time of day: what must be added to one to get the other, now."""

import time
from pathlib import Path

_MOVED_NS = 1_000_000
"""A smaller difference is how long the reading took, or a clock that is being slewed: times stay in their order."""
_TIMENS_OFFSETS = Path("/proc/self/timens_offsets")

_wall_offset: int | None = None


def time_of_day(time_ns: int) -> str:
    """Nanoseconds since 1970 in this machine's time zone: ``HH:MM:SS``."""
    return time.strftime("%H:%M:%S", time.localtime(time_ns // 10**9))


def timens_offset_ns(table: Path = _TIMENS_OFFSETS) -> int:
    """How far CLOCK_MONOTONIC of our time namespace is ahead of the initial one's, by which BPF programs go (5.6).

    0 where the kernel has no time namespaces; see proc_timens_show_offsets(), kernel/time/namespace.c.
    """
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        clock, seconds, nanoseconds = line.split()
        if clock in ("monotonic", "1"):  # CLOCK_MONOTONIC by its name, or before 5.7 by its number
            return int(seconds) * 10**9 + int(nanoseconds)
    return 0


_TIMENS_NS = timens_offset_ns()  # a process keeps its time namespace


def wall_offset_ns() -> int:
    """What added to bpf_ktime_get_ns() gives nanoseconds since 1970.

    It changes with the time of day, and with each suspend, during which CLOCK_MONOTONIC stands still: it is
    read afresh each time, and taken where it moved.
    """
    global _wall_offset
    fresh = time.time_ns() - time.monotonic_ns() + _TIMENS_NS
    if _wall_offset is None or abs(fresh - _wall_offset) > _MOVED_NS:
        _wall_offset = fresh
    return _wall_offset
