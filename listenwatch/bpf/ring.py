"""A ring buffer map, read where it lies: many records for one look at their headers.

libbpf calls back for each record, which in Python takes longer than the kernel takes to make one. What is read here
is the kernel's interface to user space (kernel/bpf/ringbuf.c): a page with the reader's place, one with the writer's,
and the data, mapped twice in a row so that no record is torn by the end.
"""

import mmap
import select
import threading
from itertools import takewhile

from listenwatch.bpf import libbpf
from listenwatch.errors import ObserveError

BATCH = 256
"""How many records are taken at once: who fills the ring must not keep its reader from all else."""
LARGEST = 4096
"""Bytes that no record exceeds."""
_HEADER = 8
_BUSY, _DISCARDED = 1 << 31, 1 << 30
"""Bits of a record's length (BPF_RINGBUF_*_BIT): not handed over yet; to be skipped."""


class Ring:
    """A ring whose records have one size; ``fd`` is the map's."""

    def __init__(self, fd: int) -> None:
        self._fd, page = fd, mmap.PAGESIZE
        info = libbpf.MapInfo()
        libbpf.read_info(fd, info)
        self._size = info.max_entries
        try:
            self._reader = mmap.mmap(fd, page)
            self._writer = mmap.mmap(fd, page + 2 * self._size, prot=mmap.PROT_READ, offset=page)
        except OSError as error:
            raise ObserveError(f"cannot map the ring buffer ({error.strerror}): is memory short?") from None
        self._consumed, self._produced = memoryview(self._reader).cast("Q"), memoryview(self._writer).cast("Q")
        self._words = memoryview(self._writer)[page:].cast("I")
        self._order = threading.Lock()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait in the ring."""
        return self._fd

    def wait(self, seconds: float | None) -> None:
        """Until records wait, at most ``seconds`` (None: as long as it takes)."""
        self._poll.poll(None if seconds is None else seconds * 1000)

    def take(self) -> list[bytes]:
        """Up to BATCH records in the ring, in the order they were reserved; none where the next is not handed over yet."""
        start, end = self.consumed, self.produced
        if start == end:
            return []
        self._in_order()
        place = start % self._size
        length = self._words[place // 4]
        if length & _BUSY:
            return []
        size = -(-(_HEADER + (length & ~_DISCARDED)) // _HEADER) * _HEADER
        count = min(BATCH, (end - start) // size)
        lengths = self._words[place // 4 : (place + count * size) // 4 : size // 4].tolist()
        if lengths.count(length) < count:
            count = sum(1 for _ in takewhile(length.__eq__, lengths))
        self._in_order()
        first, past = mmap.PAGESIZE + place + _HEADER, mmap.PAGESIZE + place + count * size
        records = [self._writer[at : at + length] for at in range(first, past, size) if not length & _DISCARDED]
        self._in_order()
        self._consumed[0] = start + count * size
        return records

    def _in_order(self) -> None:
        """What is read before is read first, and what is written after is written last.

        A processor may do otherwise, arm64 does. Python has no barrier of its own, but between releasing a lock and
        taking it again nothing passes in either direction.
        """
        for _ in range(2):
            with self._order:
                pass

    @property
    def is_full(self) -> bool:
        """Whether there may have been no room for a record: the reader makes room, so it sees that before it reads on."""
        room: int = self._size - (self.produced - self.consumed)
        return room < LARGEST

    @property
    def consumed(self) -> int:
        """How many bytes were taken from the ring since it was made."""
        return self._consumed[0]

    @property
    def produced(self) -> int:
        """How many bytes were put into it: what was handed over by now lies before this."""
        return self._produced[0]

    def close(self) -> None:
        """Unmap it; safe to call twice."""
        for view in (self._consumed, self._produced, self._words):
            view.release()
        self._reader.close()
        self._writer.close()
