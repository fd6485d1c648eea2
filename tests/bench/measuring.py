"""How the bench measures: medians, commands timed from exec to exit, the compiled loads."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
LISTENWATCH = str(Path(sys.executable).with_name("listenwatch"))


def median_of(measure: Callable[[], float], times: int = 5) -> float:
    """The median, after one run to warm up."""
    measure()
    return statistics.median(measure() for _ in range(times))


def milliseconds(command: Sequence[str]) -> float:
    """From exec to exit."""

    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return (time.perf_counter() - start) * 1e3

    return median_of(once, 11)


def compiled(source: Path, folder: str) -> str:
    """The load in a C file, compiled."""
    program = f"{folder}/{source.stem}"
    subprocess.run(["gcc", "-O2", "-pthread", "-o", program, source], check=True)
    return program


def build_loop(folder: str) -> str:
    """``loop.c``."""
    return compiled(HERE / "loop.c", folder)


def per_call(command: list[str]) -> float:
    """Nanoseconds per call, as the loop prints them last."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
