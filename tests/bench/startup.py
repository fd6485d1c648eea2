"""How long people wait: for a word of help, until a watch is ready, for a command that is watched."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.measuring import LISTENWATCH, median_of, milliseconds
from tests.bench.rows import Row

STRACE = ["strace", "-f", "-e", "trace=listen", "true"]


def until_line(command: list[str], line: bytes) -> float:
    """Milliseconds from starting a command to a line on its standard error that holds ``line``."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for text in process.stderr:
            if line in text:
                break
        taken = time.perf_counter() - start
        process.terminate()
        process.stderr.read()
    return taken * 1e3


def until_ready(command: list[str]) -> float:
    """Milliseconds until it says that its probes fire."""
    return median_of(lambda: until_line([LISTENWATCH, *command], b"watching"), 11)


def startup() -> Iterator[Row]:
    """From exec to exit, or to probes known to fire."""
    python = milliseconds([sys.executable, "-c", "pass"])
    for option in ("--version", "--help"):
        yield Row(f"listenwatch {option}", milliseconds([LISTENWATCH, option]), "ms", "python -c pass", python)
    ss = milliseconds(["ss", "-lntxp"])
    yield Row("listenwatch sockets", milliseconds([LISTENWATCH, "sockets"]), "ms", "ss -lntxp", ss)
    traced = median_of(lambda: until_line(STRACE, b"exited"), 11)
    for command in (["watch"], ["watch", "--json"]):
        yield Row(f"listenwatch {' '.join(command)}, to ready", until_ready(command), "ms", "strace -f -e listen true", traced)
    followed = milliseconds([LISTENWATCH, "watch", "--", "true"])
    yield Row("listenwatch watch -- true", followed, "ms", "strace -f -e listen true", milliseconds(STRACE))
