"""What every engine does once its programs are attached: hands over records, and counts what is missing."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence
from typing import Protocol, Self

from listenwatch.engines import maps
from listenwatch.engines.loss import Counters, Loss
from listenwatch.engines.programs import (
    DOOR_MARKER,
    DOOR_OFFSET,
    MARKER_FD,
    Program,
    stage_mask,
)

LOOK_AGAIN = 0.015
CALL_SIZE, ACTIVE_OFFSET = 512, 496  # struct call, probes/call.h


class Config(ctypes.Structure):
    """``struct listen_config`` of probes/listen.h."""

    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("marker_backlog", "follow", "hooks", "pad")
    )


def new_config(programs: Sequence[Program], *, follow: bool) -> Config:
    """The constants of one engine: a marker of its own, and the stages it will see."""
    return Config(int.from_bytes(os.urandom(4), "little"), follow, stage_mask(programs), 0)


class Loaded(Protocol):
    """Maps and programs in the kernel, by the names probes/ gives them."""

    def map_fd(self, name: str) -> int:
        """The descriptor of a map."""
        ...

    def program_fd(self, name: str) -> int:
        """The descriptor of a program."""
        ...

    def close(self) -> None:
        """Detach and unload everything; safe to call twice."""
        ...


class Engine:
    """Probes attached to the running kernel; a context manager.

    ``attach`` is the mode and ``why`` what chose it; ``programs`` are those attached, ``hooks`` has
    a bit for each stage they see.
    """

    name: str

    def __init__(
        self, attach: str, why: str, programs: Sequence[Program], config: Config, loaded: Loaded
    ) -> None:
        self.attach, self.why = attach, why
        self.programs = tuple(programs)
        self.hooks = stage_mask(programs)
        self._marker = config.marker_backlog
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._look_again: float | None = None
        self._loaded = loaded
        self._ring = maps.Ring(loaded.map_fd("ring"))
        try:
            self.sync()  # from here on calls count: every hook is attached
        except BaseException:
            self._ring.close()
            raise

    # -- reading

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait."""
        return self._ring.fileno()

    def patience(self) -> float | None:
        """Seconds to wait for ``fileno`` before reading all the same; None: as long as it takes.

        The probe wakes us at most once in 10 ms (wakeup_flag, probes/life.h): what comes within
        that time of a wake-up comes without one of its own.
        """
        if self._look_again is None:
            return None
        return max(0.0, self._look_again - time.monotonic())

    def read(self, timeout: float | None = 0) -> list[bytes]:
        """The records that wait, after up to ``timeout`` seconds (None: as long as it takes)."""
        waits = [wait for wait in (timeout, self.patience()) if wait is not None]
        self._ring.wait(min(waits) if waits else None)
        return self._take_batch()

    def _take_batch(self) -> list[bytes]:
        batch = self._ring.take()
        now = time.monotonic()
        if batch:  # one of them may have been what woke us, whoever read it
            self._look_again = now + LOOK_AGAIN
        elif self._look_again is not None and self._look_again <= now:
            self._look_again = None
        return batch

    def sync(self) -> list[bytes]:
        """Every record of a call that ended before this one: reads until our own marker comes by.

        The ring keeps the order of reservation, so what lies before the marker has arrived. A
        marker that found the ring full is sent again.
        """
        records: list[bytes] = []
        while True:
            self._libc.listen(MARKER_FD, self._marker)
            batch = self._take_batch()
            records += (record for record in batch if record[DOOR_OFFSET] != DOOR_MARKER)
            if any(record[DOOR_OFFSET] == DOOR_MARKER for record in batch):
                return records

    def loss(self) -> Loss:
        """The kernel's own counts, summed over its processors, and the calls still in flight.

        Calls are counted before the calls in flight and records after them, so that a call that
        ends meanwhile is never taken for lost.
        """
        calls = self._counters().calls
        in_flight = self._in_flight()
        count = self._counters()
        missed = maps.misses(self._loaded.program_fd(self.programs[0].name))
        unseen = max(0, missed - count.recovered)
        return Loss(calls, count.records, count.lost_ring, count.lost_threads, unseen, in_flight)

    def skipped(self) -> int:
        """How often the kernel skipped one of our programs because one ran on that processor already.

        Kernels whose tracepoints may be preempted (7.x) do so where threads compete; a call may
        then lack a stage.
        """
        return sum(maps.misses(self._loaded.program_fd(p.name)) for p in self.programs)

    def _counters(self) -> Counters:
        return Counters._make(maps.sums(self._loaded.map_fd("counters"), len(Counters._fields)))

    def _in_flight(self) -> int:
        return sum(
            thread[base + ACTIVE_OFFSET]
            for _, thread in maps.entries(self._loaded.map_fd("threads"), 8, 2 * CALL_SIZE)
            for base in (0, CALL_SIZE)
        )

    # -- ending

    def close(self) -> None:
        """Detach everything; safe to call twice."""
        self._ring.close()
        self._loaded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
