"""What watching costs a listen(), how many calls a second are captured, and the memory that takes."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from listenwatch.bpf.engine import Engine
from listenwatch.bpf.loss import Loss
from listenwatch.call.record import decode
from listenwatch.features.attach import open_engine
from tests.bench.measuring import LISTENWATCH, median_of, per_call
from tests.bench.rows import Row


@contextlib.contextmanager
def drained(engine: Engine, into: list[bytes] | None = None) -> Iterator[list[int]]:
    """Read the engine's records in a thread, counting them, as the watch command would."""
    counts: list[int] = []
    ending = threading.Event()

    def drain() -> None:
        while not ending.is_set():
            batch = engine.read(0.05)
            counts.append(len(batch))
            if into is not None:
                into.extend(batch)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        yield counts
    finally:
        ending.set()
        thread.join()


def added_time(loop: str) -> Iterator[Row]:
    """What one listen() on a listener costs with and without somebody watching."""
    plain = median_of(lambda: per_call([loop, "300000"]))
    with open_engine() as engine, drained(engine):
        watched = median_of(lambda: per_call([loop, "300000"]))
        mode = engine.attach
    strace = ["strace", "-f", "-e", "trace=listen", "-o", "/dev/null", loop, "20000"]
    traced = median_of(lambda: per_call(strace), 3)
    yield Row(f"added to a listen(), {mode}", watched - plain, "ns", "by strace -f -e listen", traced - plain)
    yield Row("the same, to the call alone", watched - plain, "ns", "listen() on a listener", plain)


def capture(loop: str, keep: list[bytes]) -> Iterator[Row]:
    """The highest steady rate of calls captured and decoded, each with a record of its own."""
    best, at = 0.0, 0
    for rate in (50_000, 100_000, 150_000, 200_000, 300_000, 400_000):
        at = rate
        for _ in range(2):  # another process may have had the processor
            achieved, decoded, loss = capture_at(loop, rate, keep)
            if decoded == loss.calls:
                break
        if decoded != loss.calls:  # lost, or counted with others as the ring was full
            break
        best = max(best, achieved)
    yield Row("captured and decoded, none lost", best, "calls/s", "asked of the load", at)


def capture_at(loop: str, rate: int, keep: list[bytes]) -> tuple[float, int, Loss]:
    """Run the loop for two seconds at ``rate``; calls a second achieved, records decoded, and the loss."""
    calls, decoded = rate * 2, 0
    with open_engine() as engine:
        engine.sync()
        process = subprocess.Popen([loop, str(calls), str(rate)], stdout=subprocess.PIPE, text=True)
        start = time.perf_counter()
        while process.poll() is None:
            batch = engine.read(0.05)
            for record in batch:
                decode(record)
            decoded += len(batch)
        taken = time.perf_counter() - start
        rest = engine.sync()
        decoded += len(rest)
        keep[:] = [record for record in rest[-1000:] if decode(record).repeats == 1] or keep
        assert process.stdout is not None
        process.stdout.close()
        return calls / taken, decoded, engine.loss()


def memory(loop: str) -> Iterator[Row]:
    """Peak resident memory of the whole watch command over 100,000 calls."""
    command = [str(LISTENWATCH), "watch", "--json", "--", loop, "100000", "20000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        peak = 0
        for number, _ in enumerate(process.stdout):
            if number % 1000 == 0:
                with contextlib.suppress(OSError, AttributeError):
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]
    yield Row("peak memory of watch, 100000 calls", peak / 1024, "MB")
