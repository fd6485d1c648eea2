"""What a system call that has nothing to do with listen() costs while somebody watches."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path

from tabulate import tabulate

from listenwatch import guests
from listenwatch.features.attach import modes_here, open_engine, open_overflow_probe
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import say
from tests.bench.measuring import HERE, compiled, per_call
from tests.bench.rows import Row

SERIES = ("5.10", "6.1", "6.12", "7.3")
PAIRS = 10
CALLS = "2000000"


def tax(folder: str) -> Iterator[Row]:
    """On this kernel, in its own attach mode."""
    load = [compiled(HERE / "tax.c", folder), CALLS]
    with open_engine() as engine:
        mode = engine.attach
    plain, watched = alternating(load, open_engine)
    yield Row(f"getppid() while watch runs, {mode}", watched, "ns", "nobody watches", plain)
    plain, watched = alternating(load, lambda: closing(open_overflow_probe()))
    yield Row("getppid() while overflow runs", watched, "ns", "nobody watches", plain)


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
        load = [compiled(HERE / "tax.c", folder), CALLS]
        for mode in (mode for mode in modes_here() if mode != "tracepoint"):
            watch = partial(open_engine, "core", mode)
            with watch() as engine:
                of_system_calls = [program.name for program in engine.programs if "sys_e" in program.name]
            rows.append((mode, *timed(load, watch), ", ".join(of_system_calls) or "none"))
    heads = ("getppid()", "alone", "watched", "ratio", "tracepoints of system calls")
    print(f"Linux {running_kernel().release}\n{tabulate(rows, headers=heads, disable_numparse=True)}")
    return 0


def timed(load: list[str], watch: Callable[[], AbstractContextManager[object]]) -> tuple[str, str, str]:
    """Both figures, and the ratio."""
    plain, watched = alternating(load, watch)
    return f"{plain:.1f} ns", f"{watched:.1f} ns", f"{watched / plain:.3f}"


if __name__ == "__main__":
    sys.exit(main())
