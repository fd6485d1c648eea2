"""Engine core: loads the CO-RE object compiled at install time, attaches it, hands over bytes and loss.

Every attachment hangs on a descriptor of this process, so nothing stays attached when it ends,
however it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import time
from pathlib import Path

from listenwatch.engines import libbpf, tracefs
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
BTF = Path("/sys/kernel/btf/vmlinux")
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
        self._links: list[int] = []
        self._object = self._ring = 0
        self._batch: list[bytes] = []
        self._look_again: float | None = None
        self._marker = int.from_bytes(os.urandom(4), "little")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._bpf = libbpf.load_library()
        self._log = libbpf.Log(self._bpf)
        try:
            self._open(follow)
        except BaseException:
            self.close()
            raise

    # -- setting up

    def _open(self, follow: bool) -> None:
        if not OBJECT.exists():
            raise ObserveError("the probe is not compiled: run 'make setup'")
        if not BTF.exists():
            raise ObserveError(
                f"this kernel has no BTF ({BTF} is missing): it needs CONFIG_DEBUG_INFO_BTF=y"
            )
        wanted = [p for p in PROGRAMS if self.attach in p.modes]
        present = [p for p in wanted if p.is_present()]
        for program in wanted:
            if program.required and program not in present:
                raise ObserveError(f"this kernel has no {program.target}: cannot attach")
        self.hooks = stage_mask(present)
        self._load(present, follow)
        for program in list(present):
            self._attach(program, present)
        self.hooks = stage_mask(present)
        self.programs = tuple(present)
        self._open_ring()
        self.sync()  # from here on calls count: every hook is attached

    def _load(self, present: list[Program], follow: bool) -> None:
        self._object = self._bpf.bpf_object__open_file(os.fsencode(OBJECT), None) or 0
        if not self._object:
            raise self._failed("cannot read the compiled probe", "run 'make setup'")
        for program in PROGRAMS:
            handle = self._program(program)
            self._bpf.bpf_program__set_autoload(handle, program in present)
        config = Config(self._marker, follow, self.hooks, 0)
        rodata = self._bpf.bpf_object__find_map_by_name(self._object, b".rodata")
        if self._bpf.bpf_map__set_initial_value(
            rodata, ctypes.byref(config), ctypes.sizeof(config)
        ):
            raise self._failed("the compiled probe does not fit this version", "run 'make setup'")
        if self._bpf.bpf_object__load(self._object):
            raise self._failed("the kernel refused the probe", "--verbose shows the verifier's log")

    def _program(self, program: Program) -> int:
        handle: int | None = self._bpf.bpf_object__find_program_by_name(
            self._object, program.name.encode()
        )
        if not handle:
            raise ObserveError(f"the compiled probe lacks {program.name}: run 'make setup'")
        return handle

    def _attach(self, program: Program, present: list[Program]) -> None:
        handle = self._program(program)
        if program.kind == "tracepoint":
            link = self._bpf.bpf_program__attach_perf_event(
                handle, libbpf.open_tracepoint(tracefs.event_id(program.target))
            )
        else:
            link = self._bpf.bpf_program__attach(handle)
        if link:
            self._links.append(link)
        elif program.required:
            raise self._failed(f"cannot attach to {program.target}", "--verbose shows the log")
        else:
            present.remove(program)

    def _open_ring(self) -> None:
        append, read = self._batch.append, ctypes.string_at

        def take(_context: int, data: int, size: int) -> int:
            append(read(data, size))
            return 0

        self._take = libbpf.RING_CALLBACK(take)  # libbpf keeps the pointer, so keep the object
        ring = self._map_fd(b"ring")
        self._ring = self._bpf.ring_buffer__new(ring, self._take, None, None) or 0
        if not self._ring:
            raise self._failed("cannot map the ring buffer", "--verbose shows the log")
        self._poll = select.poll()
        self._poll.register(self._bpf.ring_buffer__epoll_fd(self._ring), select.POLLIN)

    def _failed(self, what: str, then: str) -> ObserveError:
        error = ctypes.get_errno()
        if error in (errno.EPERM, errno.EACCES) and os.geteuid() != 0:
            then = "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN"
        return ObserveError(f"{what} ({os.strerror(error)}): {then}", self._log.text())

    def _map_fd(self, name: bytes) -> int:
        fd: int = self._bpf.bpf_map__fd(self._bpf.bpf_object__find_map_by_name(self._object, name))
        return fd

    # -- reading

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait."""
        fd: int = self._bpf.ring_buffer__epoll_fd(self._ring)
        return fd

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
        self._poll.poll(min(waits) * 1000 if waits else None)
        return self._take_batch()

    def _take_batch(self) -> list[bytes]:
        self._bpf.ring_buffer__consume(self._ring)
        batch = self._batch[:]
        self._batch.clear()
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
        unseen = max(0, self._skipped_by(PROGRAMS[0]) - count.recovered)
        return Loss(calls, count.records, count.lost_ring, count.lost_threads, unseen, in_flight)

    def skipped(self) -> int:
        """How often the kernel skipped one of our programs because one ran on that processor already.

        Kernels whose tracepoints may be preempted (7.x) do so where threads compete; a call may
        then lack a stage.
        """
        return sum(map(self._skipped_by, self.programs))

    def _skipped_by(self, program: Program) -> int:
        info = libbpf.ProgramInfo()
        length = ctypes.c_uint32(ctypes.sizeof(info))
        fd = self._bpf.bpf_program__fd(self._program(program))
        self._bpf.bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length))
        misses: int = info.recursion_misses
        return misses

    def _counters(self) -> Counters:
        cpus, width = self._bpf.libbpf_num_possible_cpus(), len(Counters._fields)
        values = (ctypes.c_uint64 * (width * cpus))()
        key = ctypes.c_uint32(0)
        self._bpf.bpf_map_lookup_elem(self._map_fd(b"counters"), ctypes.byref(key), values)
        return Counters._make(sum(values[i::width]) for i in range(width))

    def _in_flight(self) -> int:
        fd, count = self._map_fd(b"threads"), 0
        key, value = ctypes.c_uint64(), ctypes.create_string_buffer(2 * CALL_SIZE)
        previous = None
        while not self._bpf.bpf_map_get_next_key(fd, previous, ctypes.byref(key)):
            previous = ctypes.byref(key)
            if not self._bpf.bpf_map_lookup_elem(fd, previous, value):
                count += sum(value.raw[base + ACTIVE_OFFSET] for base in (0, CALL_SIZE))
        return count

    # -- ending

    def close(self) -> None:
        """Detach everything; safe to call twice."""
        for link in self._links:
            self._bpf.bpf_link__destroy(link)
        self._links.clear()
        if self._ring:
            self._bpf.ring_buffer__free(self._ring)
            self._ring = 0
        if self._object:
            self._bpf.bpf_object__close(self._object)
            self._object = 0

    def __enter__(self) -> CoreEngine:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.close()
