"""Records that were read and wait to be judged: the ring is emptied at once, so that it has room for what comes next."""

import zlib
from collections import deque

from listenwatch.call.layout import LISTEN_EVENT, offset_of
from listenwatch.call.record import WIRE

PLAIN = 1 << 21
"""Bytes of records that wait as they are; later ones are packed, to a tenth of their size and less."""
MOST_BYTES, MOST_RECORDS = 1 << 23, 100_000
"""What may wait, for the memory's sake and so that the end of a watch comes soon. What comes then stays in the ring,
where the kernel counts what it has no room for."""
_WORD = 8
_FIRST, _STEP = offset_of("repeats", LISTEN_EVENT) // _WORD, WIRE.size // _WORD


class Backlog:
    """Batches of records, in the order they came; ``calls`` is how many calls they are of."""

    def __init__(self) -> None:
        self._batches: deque[tuple[bytes, bool]] = deque()
        self._bytes = self._records = self.calls = 0

    def __len__(self) -> int:
        return self._records

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return self._bytes < MOST_BYTES and self._records < MOST_RECORDS

    def put(self, records: list[bytes]) -> None:
        """Add a batch."""
        batch, is_packed = b"".join(records), self._bytes >= PLAIN
        self.calls += _calls_in(batch)
        if is_packed:
            batch = zlib.compress(batch, 1)
        self._batches.append((batch, is_packed))
        self._bytes += len(batch)
        self._records += len(records)

    def take(self) -> list[bytes]:
        """The next batch; an empty one where none waits."""
        if not self._batches:
            return []
        batch, is_packed = self._batches.popleft()
        self._bytes -= len(batch)
        data = zlib.decompress(batch) if is_packed else batch
        records = [data[at : at + WIRE.size] for at in range(0, len(data), WIRE.size)]
        self._records -= len(records)
        self.calls -= _calls_in(data)
        return records


def _calls_in(batch: bytes) -> int:
    """Of how many calls these records are."""
    return sum(memoryview(batch).cast("Q")[_FIRST::_STEP])
