"""20,000 listeners: how long ``sockets`` takes, and ``overflow`` to end once each of them has refused a connection."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from tests.bench.rows import Row
from tests.helpers.many_listeners import many_listeners

NUMBER = 20_000
LIMIT = 3.0


def with_many(listenwatch: Path) -> list[Row]:
    """From exec to exit, and from SIGINT to exit with every event still to be named."""
    with many_listeners(NUMBER) as listening:
        start = time.perf_counter()
        subprocess.run([listenwatch, "sockets", "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listed = time.perf_counter() - start
        command = [str(listenwatch), "overflow", "--json", "--interval", "3600"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as overflow:
            assert overflow.stderr
            while b"watching" not in overflow.stderr.readline():
                assert overflow.poll() is None, "it ended"
            listening.go()
            start = time.perf_counter()
            overflow.send_signal(signal.SIGINT)
            overflow.stderr.read()
            assert overflow.wait() == 0
            ended = time.perf_counter() - start
    return [
        Row(f"sockets, {NUMBER} listeners", listed, "s", "limit", LIMIT),
        Row(f"end of overflow, {NUMBER} listeners refused", ended, "s", "limit", LIMIT),
    ]
