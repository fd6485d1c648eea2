"""What a system call, or a packet, that has nothing to do with listen() costs while somebody watches."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path

from tabulate import tabulate

from listenwatch import guests
from listenwatch.bpf.overflow import OverflowProbe
from listenwatch.bpf.programs import BpfProgram
from listenwatch.features.attach import modes_here, open_engine, open_overflow_probe
from listenwatch.features.evidence import STATE_TRACEPOINT
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import say
from tests.bench.measuring import HERE, compiled, per_call
from tests.bench.rows import Row

SERIES = ("5.10", "6.1", "6.12", "7.3")
PAIRS = 10
CALLS = "2000000"
ROUND_TRIPS = "200000"


def tax(folder: str) -> Iterator[Row]:
    """On this kernel, in its own attach mode."""
    with open_engine() as engine:
        mode = engine.attach
    calls, round_trips = loads(folder)
    for name, load, watch in (
        (f"getppid() while watch runs, {mode}", calls, open_engine),
        ("getppid() while overflow runs", calls, overflow),
        ("loopback round trip while overflow runs", round_trips, overflow),
    ):
        plain, watched = alternating(load, watch)
        yield Row(name, watched, "ns", "nobody watches", plain)


def loads(folder: str) -> tuple[list[str], list[str]]:
    """The commands: system calls, and round trips."""
    return [compiled(HERE / "tax.c", folder), CALLS], [compiled(HERE / "roundtrip.c", folder), ROUND_TRIPS]


def overflow() -> AbstractContextManager[OverflowProbe]:
    """The overflow probe in its richest mode."""
    return closing(open_overflow_probe())


def alternating(load: list[str], watch: Callable[[], AbstractContextManager[object]]) -> tuple[float, float]:
    """Nanoseconds a call alone and watched: the medians of PAIRS runs of each, in turns."""
    alone, watched = [], []
    per_call(load)
    for _ in range(PAIRS):
        alone.append(per_call(load))
        with watch():
            watched.append(per_call(load))
    return statistics.median(alone), statistics.median(watched)


def main() -> int:
    """On the host: boot each guest. In the guest: measure each mode that needs no tracepoint of system calls."""
    if sys.argv[1:2] == ["--in-guest"]:
        return measure()
    series = sys.argv[1:] or SERIES
    command = [sys.executable, "-m", "tests.bench.tax", "--in-guest"]
    kernels = [guests.fetch(each, progress=say) for each in series]
    return max(guests.run(kernel, command, cwd=Path.cwd(), progress=say) for kernel in kernels)


def measure() -> int:
    """In a guest."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        calls, round_trips = loads(folder)
        for mode in (mode for mode in modes_here() if mode != "tracepoint"):
            watch = partial(open_engine, "core", mode)
            with watch() as engine:
                rows.append((f"watch, {mode}", "getppid()", *timed(calls, watch), of_everybody(engine.programs)))
        with overflow() as probe:
            of_all, mode = of_everybody(probe.programs), f"overflow, {probe.attach}"
        for name, load in (("getppid()", calls), ("round trip", round_trips)):
            rows.append((mode, name, *timed(load, overflow), of_all))
    heads = ("watched by", "load", "alone", "watched", "ratio", "tracepoints that all pay for")
    print(f"Linux {running_kernel().release}\n{tabulate(rows, headers=heads, disable_numparse=True)}")
    return 0


def of_everybody(programs: Iterable[BpfProgram]) -> str:
    """Those among their tracepoints that other programs pass too: system calls, packets, the scheduler."""
    targets = (program.target for program in programs if program.kind in ("tracepoint", "raw_tp"))
    return ", ".join(target for target in targets if target != STATE_TRACEPOINT) or "none"


def timed(load: list[str], watch: Callable[[], AbstractContextManager[object]]) -> tuple[str, str, str]:
    """Both figures, and the ratio."""
    plain, watched = alternating(load, watch)
    return f"{plain:.1f} ns", f"{watched:.1f} ns", f"{watched / plain:.3f}"


if __name__ == "__main__":
    sys.exit(main())
