"""The process group of a guest, QEMU, and the threads that serve its pipes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import IO

from listenwatch.linux import libc

#: A panic prints up to a hundred lines after the one that gives its reason.
KEPT_LINES = 400


def input_descriptor() -> int | None:
    """Standard input, unless it is closed, replaced, or a terminal, which a guest cannot use."""
    try:
        descriptor = sys.stdin.fileno()
        return None if os.isatty(descriptor) else descriptor
    except (AttributeError, OSError, ValueError):
        return None


class GuestProcess:
    """A guest that runs until it ends or is closed. ``console`` holds its last lines."""

    def __init__(self, line: Sequence[str], ports: Sequence[int], stderr: int) -> None:
        source = input_descriptor()
        self.console: deque[str] = deque(maxlen=KEPT_LINES)
        self.reader_gone = False
        # Always pipes: QEMU opens these descriptors anew through /proc, which truncates
        # files and fails on sockets. A session of its own keeps Ctrl-C for us to handle.
        self._process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL if source is None else subprocess.PIPE,
            pass_fds=ports, bufsize=0, start_new_session=True, preexec_fn=libc.die_with_parent,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._copy, args=(self._process.stdout, sys.stdout)),
            threading.Thread(target=self._copy, args=(os.fdopen(stderr, "rb", 0), sys.stderr)),
            threading.Thread(target=self._keep, args=(self._process.stderr,)),
        ]
        feeder = [threading.Thread(target=self._feed, args=(source,))]
        for thread in [*self._readers, *([] if source is None else feeder)]:
            thread.daemon = True
            thread.start()

    def close(self) -> None:
        """End what still runs, and pass on the rest of what it printed."""
        if self._process.poll() is None:
            self._kill(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        self._kill(signal.SIGKILL)
        self._process.wait()
        for thread in self._readers:
            thread.join(5)

    def _kill(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _copy(self, source: IO[bytes], sink: IO[str]) -> None:
        """Pass output on as it comes. A reader that has gone away ends the guest."""
        with source:
            while data := source.read(65536):
                try:
                    sink.buffer.write(data)  # type: ignore[attr-defined]
                    sink.flush()
                except BrokenPipeError:
                    self.reader_gone = True
                    self._kill(signal.SIGTERM)
                    return

    def _keep(self, source: IO[bytes]) -> None:
        rest = b""
        with source:
            while data := source.read(65536):
                *lines, rest = (rest + data).split(b"\n")
                self.console.extend(line.decode(errors="replace").rstrip() for line in lines)
        if rest:
            self.console.append(rest.decode(errors="replace").rstrip())

    def _feed(self, source: int) -> None:
        to = self._process.stdin
        assert to is not None
        with contextlib.suppress(OSError), to:
            while data := os.read(source, 65536):
                to.write(data)
