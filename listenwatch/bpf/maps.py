"""Maps and programs by their descriptors, whoever loaded them: counters summed, ring buffers emptied."""

import ctypes
import mmap
import os
import select
from collections.abc import Iterator

from listenwatch.bpf import libbpf
from listenwatch.errors import ObserveError


def sums(fd: int, width: int) -> list[int]:
    """Entry 0 of a per-CPU array of ``width`` 64-bit counters, summed over the processors."""
    bpf = libbpf.load_library()
    cpus = bpf.libbpf_num_possible_cpus()
    values = (ctypes.c_uint64 * (width * cpus))()
    key = ctypes.c_uint32(0)
    bpf.bpf_map_lookup_elem(fd, ctypes.byref(key), values)
    return [sum(values[i::width]) for i in range(width)]


def sizes(fd: int) -> tuple[int, int]:
    """How many bytes a key and a value of the map have."""
    info = libbpf.MapInfo()
    libbpf.read_info(fd, info)
    return info.key_size, info.value_size


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
    buffer = ctypes.create_string_buffer(size)
    return None if libbpf.load_library().bpf_map_lookup_elem(fd, key, buffer) else buffer.raw


def store(fd: int, key: bytes, new: bytes) -> None:
    """Put a value into a map."""
    if libbpf.load_library().bpf_map_update_elem(fd, key, new, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"bpf_map_update_elem: {os.strerror(error)}")


def misses(fd: int) -> int:
    """How often the kernel skipped the program because one ran on that processor already."""
    info = libbpf.ProgramInfo()
    libbpf.read_info(fd, info)
    return int(info.recursion_misses)


BATCH = 256
"""How many records are taken from a ring at once: who fills it must not keep its reader from all else."""


class Ring:
    """A ring buffer map, mapped into this process."""

    def __init__(self, fd: int) -> None:
        self._bpf = libbpf.load_library()
        self._batch: list[bytes] = []
        append, count, read = self._batch.append, self._batch.__len__, ctypes.string_at

        def take(_context: int, data: int, size: int) -> int:
            append(read(data, size))
            return -(count() >= BATCH)  # a negative number ends ring_buffer__consume after this record

        self._take = libbpf.RING_CALLBACK(take)  # libbpf keeps the pointer, so keep the object
        self._ring = self._bpf.ring_buffer__new(fd, self._take, None, None) or 0
        if not self._ring:
            reason = os.strerror(ctypes.get_errno())
            raise ObserveError(f"cannot map the ring buffer ({reason}): is memory short?")
        # the consumer's page and the producer's (struct bpf_ringbuf, kernel/bpf/ringbuf.c), to be read only
        pages = mmap.mmap(fd, 2 * mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        self._positions = memoryview(pages).cast("Q")
        self._poll = select.poll()
        self._poll.register(self.fileno(), select.POLLIN)

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait in the ring."""
        return int(self._bpf.ring_buffer__epoll_fd(self._ring))

    def wait(self, seconds: float | None) -> None:
        """Until records wait, at most ``seconds`` (None: as long as it takes)."""
        self._poll.poll(None if seconds is None else seconds * 1000)

    def take(self) -> list[bytes]:
        """Up to BATCH records in the ring, in the order they were reserved."""
        self._bpf.ring_buffer__consume(self._ring)
        batch = self._batch[:]
        self._batch.clear()
        return batch

    @property
    def consumed(self) -> int:
        """How many bytes were taken from the ring since it was made."""
        return int(self._positions[0])

    @property
    def produced(self) -> int:
        """How many bytes were put into it: what was handed over by now lies before this."""
        return int(self._positions[mmap.PAGESIZE // 8])

    def close(self) -> None:
        """Unmap it; safe to call twice."""
        if self._ring:
            self._bpf.ring_buffer__free(self._ring)
            self._ring = 0
            self._positions.release()
