"""Engine core: loads the CO-RE object compiled at install time, attaches it, hands over bytes and loss."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from listenwatch.engines.bpf_object import BpfObject
from listenwatch.engines.loss import Counters, Loss
from listenwatch.engines.programs import (
    DOOR_MARKER,
    DOOR_OFFSET,
    MARKER_FD,
    PROGRAMS,
    Program,
    choose_mode,
    stage_mask,
)
from listenwatch.errors import ObserveError

OBJECT = Path(__file__).with_name("listen.bpf.o")
LOOK_AGAIN = 0.015
CALL_SIZE, ACTIVE_OFFSET = 512, 496  # struct call, probes/listen.bpf.c


class Config(ctypes.Structure):
    """``struct listen_config`` of probes/listen.h."""

    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("marker_backlog", "follow", "hooks", "pad")
    )


class CoreEngine:
    """Probes attached to the running kernel; a context manager."""

    name = "core"

    def __init__(self, attach: str = "auto", *, follow: bool = False) -> None:
        self.attach, self.why = choose_mode(attach)
        self._look_again: float | None = None
        self._marker = int.from_bytes(os.urandom(4), "little")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._object = BpfObject(OBJECT)
        try:
            self._open(follow)
        except BaseException:
            self.close()
            raise

    # -- setting up

    def _open(self, follow: bool) -> None:
        wanted = [p for p in PROGRAMS if self.attach in p.modes]
        present = [p for p in wanted if p.is_present()]
        for program in wanted:
            if program.required and program not in present:
                raise ObserveError(f"this kernel has no {program.target}: cannot attach")
        for program in PROGRAMS:
            self._object.set_autoload(program.name, program in present)
        self._object.set_config(Config(self._marker, follow, stage_mask(present), 0))
        self._object.load()
        self.programs = tuple(p for p in present if self._attach(p))
        self.hooks = stage_mask(self.programs)
        self._object.open_ring("ring")
        self.sync()  # from here on calls count: every hook is attached

    def _attach(self, program: Program) -> bool:
        tracepoint = program.target if program.kind == "tracepoint" else None
        attached = self._object.attach(program.name, tracepoint=tracepoint)
        if not attached and program.required:
            raise self._object.failed(
                f"cannot attach to {program.target}", "--verbose shows the log"
            )
        return attached

    # -- reading

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait."""
        return self._object.fileno()

    def patience(self) -> float | None:
        """Seconds to wait for ``fileno`` before reading all the same; None: as long as it takes.

        The probe wakes us at most once in 10 ms (wakeup_flag, probes/listen.bpf.c): what comes
        within that time of a wake-up comes without one of its own.
        """
        if self._look_again is None:
            return None
        return max(0.0, self._look_again - time.monotonic())

    def read(self, timeout: float | None = 0) -> list[bytes]:
        """The records that wait, after up to ``timeout`` seconds (None: as long as it takes)."""
        waits = [wait for wait in (timeout, self.patience()) if wait is not None]
        self._object.wait(min(waits) if waits else None)
        return self._take_batch()

    def _take_batch(self) -> list[bytes]:
        batch = self._object.take()
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
        unseen = max(0, self._object.misses(PROGRAMS[0].name) - count.recovered)
        return Loss(calls, count.records, count.lost_ring, count.lost_threads, unseen, in_flight)

    def skipped(self) -> int:
        """How often the kernel skipped one of our programs because one ran on that processor already.

        Kernels whose tracepoints may be preempted (7.x) do so where threads compete; a call may
        then lack a stage.
        """
        return sum(self._object.misses(program.name) for program in self.programs)

    def _counters(self) -> Counters:
        return Counters._make(self._object.sums("counters", len(Counters._fields)))

    def _in_flight(self) -> int:
        return sum(
            thread[base + ACTIVE_OFFSET]
            for _, thread in self._object.values("threads", 8, 2 * CALL_SIZE)
            for base in (0, CALL_SIZE)
        )

    # -- ending

    def close(self) -> None:
        """Detach everything; safe to call twice."""
        self._object.close()

    def __enter__(self) -> CoreEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
