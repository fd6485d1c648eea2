"""8 threads that call listen() as fast as they can: how many of their calls have no record."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

from tests.bench.measuring import HERE, LISTENWATCH, compiled
from tests.bench.rows import Row

THREADS, CALLS = "8", "10000"
RUNS = 5


def storm(folder: str) -> Iterator[Row]:
    """Lost of 80,000, the most of some runs, and the time the load takes while it is watched and alone."""
    load = [compiled(HERE.parent / "kernel/storm.c", folder), "threads", THREADS, CALLS]
    alone = min(_seconds(load) for _ in range(RUNS))
    lost = []
    start = time.perf_counter()
    for _ in range(RUNS):
        watched = subprocess.run([LISTENWATCH, "watch", "--json", "--", *load], capture_output=True, text=True)
        summary = json.loads(watched.stdout.splitlines()[-1])["summary"]
        lost.append(summary["lost"])
    taken = (time.perf_counter() - start) / RUNS
    calls = int(THREADS) * int(CALLS)
    yield Row(f"storm, {THREADS} threads x {CALLS}: lost", max(lost), "calls", "made", calls)
    yield Row("the same, from exec until all are judged and printed", taken * 1e3, "ms", "the load alone", alone * 1e3)


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
