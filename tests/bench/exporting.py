"""The exporter with few, many and very many listeners: how long a scrape takes, how large it is, and its memory."""

from __future__ import annotations

import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.rows import Row
from tests.helpers.many_listeners import many_listeners

NUMBERS = (10, 1_000, 50_000)
SCRAPES = 3
LIMIT, MEMORY = 10.0, 512.0
"""Prometheus' own time limit for a scrape, and what the manifests of deploy/ allow."""


@contextmanager
def exporter_of(listenwatch: Path, *options: str) -> Iterator[tuple[str, psutil.Process]]:
    """A running one: where it serves, and its process."""
    command = [str(listenwatch), "exporter", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            while "serving " not in (line := process.stderr.readline()):
                assert line, "it ended"
            yield line.split()[-1], psutil.Process(process.pid)
        finally:
            process.terminate()


def _scrape(url: str) -> tuple[float, int]:
    """Seconds, and bytes that come over the wire as Prometheus asks for them."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    time.sleep(1.1)  # a younger answer would be shared
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        size = len(answer.read())
    return time.perf_counter() - start, size


def with_exporter(listenwatch: Path, numbers: tuple[int, ...] = NUMBERS) -> list[Row]:
    """With as many series as there are by default, and with one for each listener."""
    rows = []
    for number in numbers:
        with many_listeners(number):
            for most in dict.fromkeys((1000, max(1000, number + 100))):
                with exporter_of(listenwatch, "--max-series", str(most)) as (url, process):
                    seconds, sizes = zip(*(_scrape(url) for _ in range(SCRAPES)), strict=True)
                    memory, used = process.memory_info().rss / 2**20, sum(process.cpu_times()[:2])
                name = f"{number:,} listeners, {min(number, most):,} with series"
                rows += [
                    Row(f"a scrape, {name}", statistics.median(seconds), "s", "Prometheus' limit", LIMIT),
                    Row(f"its size, gzip, {name}", sizes[-1] / 1024, "KiB"),
                    Row(f"memory of the exporter, {name}", memory, "MiB", "limit", MEMORY),
                    Row(f"processor time with start and {SCRAPES} scrapes, {name}", used, "s"),
                ]
    return rows
