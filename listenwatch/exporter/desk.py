"""Where scrapes, which come in threads of their own, ask the main thread for the samples of this moment."""

import os
import threading
import time
from collections.abc import Callable, Sequence

from listenwatch.exporter.samples import Sample

PATIENCE = 30.0
"""Seconds a scrape waits for the samples."""


class Busy(Exception):
    """No samples came in time, or none come any more."""


class Desk:
    """``ask`` from any thread, ``answer`` in the main one, woken by ``fileno``. Samples are shared for ``fresh`` seconds."""

    def __init__(self, fresh: float, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh, self._patience, self._clock = fresh, patience, clock
        self._wanted = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._changed = threading.Condition()
        self._samples: Sequence[Sample] = ()
        self._taken = float("-inf")
        self._closed = False

    def fileno(self) -> int:
        """Readable while somebody waits."""
        return self._wanted

    def ask(self) -> Sequence[Sample]:
        """Samples no older than ``fresh`` seconds; Busy if there are none in time."""
        asked = self._clock()
        with self._changed:
            if not self._closed and self._taken < asked - self._fresh:
                os.eventfd_write(self._wanted, 1)
                self._changed.wait_for(lambda: self._closed or self._taken >= asked - self._fresh, self._patience)
            if self._closed or self._taken < asked - self._fresh:
                raise Busy
            return self._samples

    def take_request(self) -> bool:
        """Whether somebody has asked since the last time."""
        try:
            return bool(os.eventfd_read(self._wanted))
        except BlockingIOError:
            return False

    def answer(self, samples: Sequence[Sample], taken: float) -> None:
        """The samples of the time ``taken``, for all who wait."""
        with self._changed:
            self._samples, self._taken = samples, taken
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody will answer any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
