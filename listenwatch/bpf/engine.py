"""What every engine does once its programs are attached: hands over records, and counts what is missing."""

import ctypes
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Self

from listenwatch.bpf import maps, marker, ring
from listenwatch.bpf.bpf_object import BpfObject
from listenwatch.bpf.loss import Counters, Loss
from listenwatch.bpf.programs import Attachment, BpfProgram, stage_mask
from listenwatch.bpf.repeats import Repeats

LOOK_AGAIN = 0.015
"""Seconds after a batch within which more records may come without a wake-up."""

STUCK = 1.0
"""Seconds without a record after which one that was reserved is given up."""


class Config(ctypes.Structure):
    """``struct listen_config`` of probes/listen.h."""

    _fields_ = (
        ("pid_namespace_device", ctypes.c_uint64), ("pid_namespace_inode", ctypes.c_uint64),
        ("own_tgid", ctypes.c_uint32), ("marker_fd", ctypes.c_int32), ("marker_backlog", ctypes.c_int32),
        ("follow", ctypes.c_uint32), ("hooks", ctypes.c_uint32), ("pad", ctypes.c_uint32),
    )


def new_config(attached: Sequence[BpfProgram], *, follow: bool) -> Config:
    """The constants of one engine: how it knows this process's marker, and the stages it will see."""
    return Config(*marker.sender(), marker.FD, marker.BACKLOG, follow, stage_mask(attached), 0)


class Loaded(Protocol):
    """Maps and programs in the kernel: descriptors by the names probes/ gives them.

    ``detach`` begins to detach it all, ``close`` ends it, and unloads.
    """

    def map_fd(self, name: str) -> int: ...
    def program_fd(self, name: str) -> int: ...
    def detach(self) -> None: ...
    def close(self) -> None: ...


class Engine:
    """Attached probes, a context manager: the mode, ``why`` it, the programs, and a bit in ``hooks`` for each stage.

    ``not_seen`` are the entry paths this kernel has and the programs do not watch.
    """

    name: str
    enter_child = None
    """What a process that is to be followed has to do itself (``SeccompEngine.enter_child``)."""

    def __init__(self, attached: Attachment, loaded: Loaded, *, follow: bool) -> None:
        self.attach, self.why, self.programs, entry_paths = attached
        targets = {program.target for program in self.programs}
        self.not_seen = tuple(path for path, function in entry_paths.items() if function not in targets)
        self.hooks = stage_mask(self.programs)
        self._look_again: float | None = None
        self._follow = follow
        self._sent = marker.sent()
        self._taken = self._unread = 0
        self._loaded = loaded
        self._repeats = Repeats(loaded.map_fd, lambda: self._counters().repeats)
        self._ring = ring.Ring(loaded.map_fd("ring"))
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
        times = [moment for moment in (self._look_again, self._repeats.due) if moment is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    @property
    def is_behind(self) -> bool:
        """Whether calls that ended a while ago may have been counted, and are not taken yet."""
        return self._repeats.due is not None

    def read(self, timeout: float | None = 0) -> list[bytes]:
        """Up to ring.BATCH records that wait, after up to ``timeout`` seconds (None: as long as it takes).

        Now and then also those of calls that were counted while the ring was full (bpf/repeats.py).
        """
        waits = [wait for wait in (timeout, self.patience()) if wait is not None]
        self._ring.wait(min(waits) if waits else None)
        return self._take_batch()

    def _take_batch(self) -> list[bytes]:
        if self._ring.is_full:
            self._repeats.ring_was_full()
        batch = self._ring.take()
        self._taken += len(batch)
        now = time.monotonic()
        if len(batch) == ring.BATCH:  # there may be more
            self._look_again = now
        elif batch:  # one of them may have been what woke us, whoever read it
            self._look_again = now + LOOK_AGAIN
        elif self._look_again is not None and self._look_again <= now:
            self._look_again = None
        return batch + self._repeats.take_due(now)

    def drain(self, limit: float = math.inf) -> Iterator[list[bytes]]:
        """Every record of a call that ended before this one, batch by batch.

        The ring keeps the order of reservation: all of them lie before the place it is at now, and
        that is no more than the ring holds, however many come meanwhile. What is left after ``limit``
        seconds of processor time, or does not come within STUCK seconds, stays ``unread``.
        """
        marker.send(lambda: self._counters().markers)
        end, begun, progress = self._ring.produced, time.process_time(), time.monotonic()
        while self._ring.consumed < end:
            if time.process_time() - begun > limit or time.monotonic() - progress > STUCK:
                self._unread = max(0, self._counters().records - self._taken)
                break
            if batch := self._take_batch():
                yield batch
                progress = time.monotonic()
            else:
                time.sleep(0.001)  # a program on another processor is about to hand over the next one
        if repeats := self._repeats.take():
            yield repeats

    def sync(self) -> list[bytes]:
        """The same in one list, for whoever knows that there are few."""
        return [record for batch in self.drain() for record in batch]

    def loss(self) -> Loss:
        """The kernel's own counts, summed over its processors, and the calls still in flight.

        Calls are counted before the calls in flight and records after them, so that a call that
        ends meanwhile is never taken for lost. Where all that had begun by the second reading had ended by the first,
        none is in flight: that spares a walk through every thread that ever called.
        """
        before, count = self._counters(), self._counters()
        calls, in_flight = count.calls, 0
        if before.ended != calls:
            in_flight = self._in_flight()
            count = self._counters()
        missed = maps.misses(self._loaded.program_fd(self.programs[0].name))
        markers = marker.sent() - self._sent - count.markers  # those of ours among the missed
        skipped = max(0, missed - markers - count.recovered)
        return Loss(
            calls, count.records, count.repeats, count.lost_ring, count.lost_threads, in_flight=in_flight,
            unread=self._unread,
            **{"left_out" if self._follow else "unseen": skipped},
        )

    def skipped(self) -> int:
        """How often the kernel skipped one of our programs as one ran already (7.x does): a stage may be missing."""
        return sum(maps.misses(self._loaded.program_fd(p.name)) for p in self.programs)

    def _counters(self) -> Counters:
        return Counters._make(maps.sums(self._loaded.map_fd("counters"), len(Counters._fields)))

    def _in_flight(self) -> int:
        """How many calls are active: a ``struct thread`` (probes/call.h) has two, each begins by saying so."""
        threads = self._loaded.map_fd("threads")
        key_size, size = maps.sizes(threads)
        calls = (thread[at:] for _, thread in maps.entries(threads, key_size, size) for at in (0, size // 2))
        return sum(any(call[:4]) for call in calls)

    # -- ending

    def detach(self) -> None:
        """No more calls are recorded; ``close`` waits for the kernel, which takes its time over it.

        What was recorded can be read still, and what was counted.
        """
        self._loaded.detach()

    def close(self) -> None:
        """Detach everything; safe to call twice."""
        self._ring.close()
        self._loaded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class CoreEngine(Engine):
    """The engine that needs the kernel's BTF, and no headers or compiler."""

    name = "core"

    def __init__(
        self, attachment: Attachment, meanwhile: Iterable[object], *, follow: bool = False, ring_size: int | None = None
    ) -> None:
        loaded = BpfObject("listen")
        try:
            if ring_size is not None:
                loaded.resize("ring", ring_size)
            config = new_config(attachment.programs, follow=follow)
            loaded.load(attachment.programs, config, meanwhile)
            attached = loaded.attach(attachment.programs)
            super().__init__(attachment._replace(programs=attached), loaded, follow=follow)
        except BaseException:
            loaded.close()
            raise
