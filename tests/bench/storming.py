"""8 threads that call listen() as fast as they can: how many of their calls have no record."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench.measuring import HERE, LISTENWATCH, compiled
from tests.bench.rows import Row

THREADS, CALLS = "8", "10000"
RUNS = 5
MADE = int(THREADS) * int(CALLS)


class Storm(NamedTuple):
    """The most of some runs: calls lost, calls counted with others like them; and the milliseconds of a run."""

    lost: int
    repeats: int
    taken: float


def storm(folder: str) -> Iterator[Row]:
    """Lost of 80,000, which are all different, and the time the load takes while it is watched and alone; and of 80,000 repeats."""
    program = compiled(HERE.parent / "kernel/storm.c", folder)
    load = [program, "threads", THREADS, CALLS]
    alone = min(_seconds(load) for _ in range(RUNS))
    different, same = _watched(load), _watched([program, "same", THREADS, CALLS], "--buffer", "1")
    yield Row(f"storm, {THREADS} threads x {CALLS}: lost", different.lost, "calls", "made", MADE)
    yield Row("the same, from exec until all are judged and printed", different.taken, "ms", "the load alone", alone * 1e3)
    yield Row("storm of repeats, buffer of 1 MB: lost", same.lost, "calls", "counted with others", same.repeats)


def _watched(load: list[str], *options: str) -> Storm:
    lost, repeats, taken = [], [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        watched = subprocess.run([LISTENWATCH, "watch", "--json", *options, "--", *load], capture_output=True, text=True)
        taken.append(time.perf_counter() - start)
        *calls, last = map(json.loads, watched.stdout.splitlines())
        lost.append(last["summary"]["lost"])
        repeats.append(sum(call["repeats"] for call in calls) - len(calls))
        assert len(calls) + repeats[-1] + lost[-1] == MADE
    return Storm(max(lost), max(repeats), statistics.median(taken) * 1e3)


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
