"""A day of 10,000,000 events, and 1,000 containers that come and go: is memory flat, are series bounded, is all counted?

``python -m tests.bench.lasting [EVENTS [CONTAINERS]]``, as root. The day takes as long as the exporter needs to count it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.exporting import exporter_of
from tests.bench.measuring import LISTENWATCH
from tests.bench.rows import Row, Run, as_table
from tests.helpers.exporting import Scrape, fetch
from tests.helpers.prompted import prompted

ROUND = {"day": 100_000, "containers": 50}
OVERFLOWS = "listenwatch_listener_overflows_total"


class Totals:
    """What an exporter has counted since the first scrape; ``seconds`` is the longest scrape, ``series`` the most listeners in one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seconds, self.series = 0.0, 0
        self._first = self._read()

    def moved(self) -> dict[str, float]:
        """Calls that were judged, those that were lost, refusals, and what the exporter missed of the kernel's own."""
        now = self._read()
        return {name: value - self._first[name] for name, value in now.items()}

    def _read(self) -> dict[str, float]:
        began = time.perf_counter()
        text = fetch(self._url)
        self.seconds = max(self.seconds, time.perf_counter() - began)
        scrape = Scrape(text)
        named = ({**sample.labels, "reason": ""} for sample in scrape.samples if sample.name == OVERFLOWS)
        self.series = max(self.series, len({tuple(sorted(labels.items())) for labels in named}))
        return {
            "calls": scrape.sum("listenwatch_listen_calls_total"), "lost": scrape.sum("listenwatch_listen_calls_lost_total"),
            "refused": scrape.sum(OVERFLOWS), "difference": scrape.sum("listenwatch_namespace_difference"),
        }  # fmt: skip


def lasting(kind: str, number: int) -> Iterator[Row]:
    """Round by round, the next when all of the last is counted."""
    with exporter_of(Path(LISTENWATCH)) as (url, process), prompted("tests.bench.load", kind, str(ROUND[kind])) as load:
        totals, done = Totals(url), {"calls": 0, "refused": 0}
        memory: list[float] = []
        for _ in range(number // ROUND[kind]):
            for name, value in load.go().items():
                done[name] += value
            until_counted(totals, done)
            memory.append(process.memory_info().rss / 2**20)
        moved, used = totals.moved(), sum(process.cpu_times()[:2])
        alive = time.time() - psutil.Process(process.pid).create_time()
    name = f"{kind} of {number:,}"
    yield Row(f"memory, {name}: at the end", memory[-1], "MiB", f"after {ROUND[kind]:,}", memory[0])
    yield Row("the most of any round", max(memory), "MiB")
    yield Row("listen() calls that were judged", moved["calls"], "", "made", done["calls"])
    yield Row("listen() calls that were lost", moved["lost"], "")
    yield Row("refusals that were counted", moved["refused"], "", "met", done["refused"])
    yield Row("that the exporter missed of the kernel's counters", moved["difference"], "")
    yield Row("listeners with series of their own, at most", totals.series, "")
    yield Row("the longest scrape", totals.seconds, "s")
    yield Row("processor time of the exporter", used, "s", "time", alive)


def until_counted(totals: Totals, done: dict[str, int]) -> None:
    """Others on the machine may listen, and refuse, too: at least as many."""
    while (moved := totals.moved())["calls"] + moved["lost"] < done["calls"] or moved["refused"] < done["refused"]:
        time.sleep(1.0)


def main(events: int = 10_000_000, containers: int = 1_000) -> None:
    """Measure, and print one table."""
    rows = [row for kind, number in (("day", events), ("containers", containers)) if number for row in lasting(kind, number)]
    print(as_table(Run(f"{os.uname().release}, {os.cpu_count()} processors", rows)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
