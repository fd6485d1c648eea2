"""Maps and programs by their descriptors, whoever loaded them: counters summed, ring buffers emptied."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterator

from listenwatch.engines import libbpf
from listenwatch.errors import ObserveError


def sums(fd: int, width: int) -> list[int]:
    """Entry 0 of a per-CPU array of ``width`` 64-bit counters, summed over the processors."""
    bpf = libbpf.load_library()
    cpus = bpf.libbpf_num_possible_cpus()
    values = (ctypes.c_uint64 * (width * cpus))()
    key = ctypes.c_uint32(0)
    bpf.bpf_map_lookup_elem(fd, ctypes.byref(key), values)
    return [sum(values[i::width]) for i in range(width)]


def entries(fd: int, key_size: int, value_size: int) -> Iterator[tuple[bytes, bytes]]:
    """Every key and value of a hash map, as they are while it is read."""
    bpf, previous = libbpf.load_library(), None
    key = ctypes.create_string_buffer(key_size)
    value = ctypes.create_string_buffer(value_size)
    while not bpf.bpf_map_get_next_key(fd, previous, key):
        previous = key
        if not bpf.bpf_map_lookup_elem(fd, key, value):
            yield key.raw, value.raw


def value(fd: int, key: bytes, size: int) -> bytes | None:
    """What a hash map holds under a key; None if it has none such."""
    found = ctypes.create_string_buffer(size)
    if libbpf.load_library().bpf_map_lookup_elem(fd, key, found):
        return None
    return found.raw


def store(fd: int, key: bytes, new: bytes) -> None:
    """Put a value into a map."""
    if libbpf.load_library().bpf_map_update_elem(fd, key, new, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"bpf_map_update_elem: {os.strerror(error)}")


def misses(fd: int) -> int:
    """How often the kernel skipped the program because one ran on that processor already."""
    info = libbpf.ProgramInfo()
    length = ctypes.c_uint32(ctypes.sizeof(info))
    libbpf.load_library().bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length))
    missed: int = info.recursion_misses
    return missed


class Ring:
    """A ring buffer map, mapped into this process."""

    def __init__(self, fd: int) -> None:
        self._bpf = libbpf.load_library()
        self._batch: list[bytes] = []
        append, read = self._batch.append, ctypes.string_at

        def take(_context: int, data: int, size: int) -> int:
            append(read(data, size))
            return 0

        self._take = libbpf.RING_CALLBACK(take)  # libbpf keeps the pointer, so keep the object
        self._ring = self._bpf.ring_buffer__new(fd, self._take, None, None) or 0
        if not self._ring:
            reason = os.strerror(ctypes.get_errno())
            raise ObserveError(f"cannot map the ring buffer ({reason}): is memory short?")
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

    def close(self) -> None:
        """Unmap it; safe to call twice."""
        if self._ring:
            self._bpf.ring_buffer__free(self._ring)
            self._ring = 0
