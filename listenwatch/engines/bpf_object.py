"""One compiled BPF object: opened, loaded, attached, its maps read, its ring buffer emptied.

Knows libbpf and nothing of what the programs do. Every attachment hangs on a descriptor of this
process, so nothing stays attached when it ends, however it ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path

from listenwatch.engines import libbpf, tracefs
from listenwatch.errors import ObserveError

BTF = Path("/sys/kernel/btf/vmlinux")


class BpfObject:
    """A CO-RE object file; ``close`` detaches and unloads all of it."""

    def __init__(self, path: Path) -> None:
        self._links: list[int] = []
        self._ring = self._object = 0
        if not path.exists():
            raise ObserveError("the probe is not compiled: run 'make setup'")
        if not BTF.exists():
            raise ObserveError(
                f"this kernel has no BTF ({BTF} is missing): it needs CONFIG_DEBUG_INFO_BTF=y"
            )
        self._bpf = libbpf.load_library()
        self._log = libbpf.Log(self._bpf)
        self._object = self._bpf.bpf_object__open_file(os.fsencode(path), None) or 0
        if not self._object:
            raise self.failed("cannot read the compiled probe", "run 'make setup'")

    # -- setting up

    def set_autoload(self, program: str, wanted: bool) -> None:
        """Whether ``load`` loads this program."""
        self._bpf.bpf_program__set_autoload(self._program(program), wanted)

    def set_config(self, config: ctypes.Structure) -> None:
        """The constants of the object (its .rodata), before ``load``."""
        rodata = self._bpf.bpf_object__find_map_by_name(self._object, b".rodata")
        if self._bpf.bpf_map__set_initial_value(
            rodata, ctypes.byref(config), ctypes.sizeof(config)
        ):
            raise self.failed("the compiled probe does not fit this version", "run 'make setup'")

    def load(self) -> None:
        """Verify and load the programs; ObserveError carries the verifier's log."""
        if self._bpf.bpf_object__load(self._object):
            raise self.failed("the kernel refused the probe", "--verbose shows the verifier's log")

    def attach(self, program: str, *, tracepoint: str | None = None) -> bool:
        """Attach as the program's section says, or to a ``group/event`` tracepoint; False where refused."""
        handle = self._program(program)
        if tracepoint is None:
            link = self._bpf.bpf_program__attach(handle)
        else:
            event = libbpf.open_tracepoint(tracefs.event_id(tracepoint))
            link = self._bpf.bpf_program__attach_perf_event(handle, event)
        if link:
            self._links.append(link)
        return bool(link)

    def failed(self, what: str, then: str) -> ObserveError:
        """The error for what libbpf just refused; ``then`` says what to do about it."""
        error = ctypes.get_errno()
        if error in (errno.EPERM, errno.EACCES) and os.geteuid() != 0:
            then = "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN"
        return ObserveError(f"{what} ({os.strerror(error)}): {then}", self._log.text())

    def _program(self, name: str) -> int:
        handle: int | None = self._bpf.bpf_object__find_program_by_name(self._object, name.encode())
        if not handle:
            raise ObserveError(f"the compiled probe lacks {name}: run 'make setup'")
        return handle

    # -- maps

    def map_fd(self, name: str) -> int:
        """The descriptor of one of its maps."""
        fd: int = self._bpf.bpf_map__fd(
            self._bpf.bpf_object__find_map_by_name(self._object, name.encode())
        )
        return fd

    def sums(self, name: str, width: int) -> list[int]:
        """Entry 0 of a per-CPU array of ``width`` 64-bit counters, summed over the processors."""
        cpus = self._bpf.libbpf_num_possible_cpus()
        values = (ctypes.c_uint64 * (width * cpus))()
        key = ctypes.c_uint32(0)
        self._bpf.bpf_map_lookup_elem(self.map_fd(name), ctypes.byref(key), values)
        return [sum(values[i::width]) for i in range(width)]

    def values(self, name: str, key_size: int, value_size: int) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value of a hash map, as they are while it is read."""
        fd, previous = self.map_fd(name), None
        key = ctypes.create_string_buffer(key_size)
        value = ctypes.create_string_buffer(value_size)
        while not self._bpf.bpf_map_get_next_key(fd, previous, key):
            previous = key
            if not self._bpf.bpf_map_lookup_elem(fd, key, value):
                yield key.raw, value.raw

    def misses(self, program: str) -> int:
        """How often the kernel skipped the program because one ran on that processor already."""
        info = libbpf.ProgramInfo()
        length = ctypes.c_uint32(ctypes.sizeof(info))
        fd = self._bpf.bpf_program__fd(self._program(program))
        self._bpf.bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length))
        misses: int = info.recursion_misses
        return misses

    # -- the ring buffer

    def open_ring(self, name: str) -> None:
        """Map a ring buffer of the object, from which ``take`` reads."""
        self._batch: list[bytes] = []
        append, read = self._batch.append, ctypes.string_at

        def take(_context: int, data: int, size: int) -> int:
            append(read(data, size))
            return 0

        self._take = libbpf.RING_CALLBACK(take)  # libbpf keeps the pointer, so keep the object
        self._ring = self._bpf.ring_buffer__new(self.map_fd(name), self._take, None, None) or 0
        if not self._ring:
            raise self.failed("cannot map the ring buffer", "--verbose shows the log")
        self._poll = select.poll()
        self._poll.register(self.fileno(), select.POLLIN)

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait in the ring."""
        fd: int = self._bpf.ring_buffer__epoll_fd(self._ring)
        return fd

    def wait(self, seconds: float | None) -> None:
        """Until records wait, at most ``seconds`` (None: as long as it takes)."""
        self._poll.poll(None if seconds is None else seconds * 1000)

    def take(self) -> list[bytes]:
        """The records in the ring, in the order they were reserved."""
        self._bpf.ring_buffer__consume(self._ring)
        batch = self._batch[:]
        self._batch.clear()
        return batch

    # -- ending

    def close(self) -> None:
        """Detach and unload everything; safe to call twice."""
        for link in self._links:
            self._bpf.bpf_link__destroy(link)
        self._links.clear()
        if self._ring:
            self._bpf.ring_buffer__free(self._ring)
            self._ring = 0
        if self._object:
            self._bpf.bpf_object__close(self._object)
            self._object = 0
