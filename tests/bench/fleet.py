"""200 exporters' worth of real output replayed into one real Prometheus: its memory, and how long queries take.

``python -m tests.bench.fleet [MACHINES [LISTENERS]]``, as root; some two minutes.
"""

from __future__ import annotations

import http.server
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.bench.exporting import exporter_of
from tests.bench.measuring import LISTENWATCH
from tests.helpers.dashboard import queries
from tests.helpers.exporting import Prometheus, fetch, prometheus
from tests.helpers.many_listeners import many_listeners

SCRAPES = 6


def main(machines: int = 200, listeners: int = 40) -> None:
    with many_listeners(listeners), exporter_of(Path(LISTENWATCH)) as (url, _):
        text = fetch(url).encode()
    with tempfile.TemporaryDirectory() as folder, _Replay(text) as place:
        targets = [
            {"targets": [place], "labels": {"__metrics_path__": f"/{n}", "instance": f"node-{n}"}} for n in range(machines)
        ]
        with prometheus(Path(folder), *targets, interval="10s") as seen:
            _until_scraped(seen)
            (head,) = seen.query(f'scrape_samples_scraped{{instance="node-0"}} * {machines}')
            memory = psutil.Process(seen.pid).memory_info().rss
            times = [_seconds(seen.query, expression) for _, expression in queries()]
    print(f"{machines} machines of {listeners} listeners: {head[1]:,.0f} series, {len(text) / 1024:.0f} KiB a scrape")
    print(f"Prometheus: {memory / 2**20:.0f} MiB, {memory / head[1] / 1024:.1f} KiB a series")
    print(f"queries of the dashboard: median {statistics.median(times):.3f} s, longest {max(times):.3f} s")


def _until_scraped(seen: Prometheus) -> None:
    """Each of them so often."""
    while not seen.query(f"min(count_over_time(up[10m])) >= {SCRAPES}"):
        time.sleep(1)


class _Replay(http.server.ThreadingHTTPServer):
    """Serves one text at every path."""

    def __init__(self, text: bytes) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:  # type: ignore[override]
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return f"127.0.0.1:{self.server_port}"


def _seconds(query: object, expression: str) -> float:
    begun = time.perf_counter()
    assert callable(query)
    query(expression)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
