"""Records that were read and wait to be judged: the ring is emptied at once, so that it has room for what comes next."""

import zlib
from collections import deque

from listenwatch.call.record import WIRE

PLAIN = 1 << 21
"""Bytes of records that wait as they are; later ones are packed, to a tenth of their size and less."""
MOST = 1 << 23
"""Bytes that all of them may take; what comes then stays in the ring, where the kernel counts what it has no room for."""
_PORTION = 64
"""How many are judged before the ring is looked at again."""


class Backlog:
    """Records in the order they came."""

    def __init__(self) -> None:
        self._batches: deque[tuple[bytes, bool]] = deque()
        self._portion: list[bytes] = []
        self._bytes = self._records = 0

    def __len__(self) -> int:
        return self._records

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return self._bytes < MOST

    def put(self, records: list[bytes]) -> None:
        """Add a batch."""
        batch, is_packed = b"".join(records), self._bytes >= PLAIN
        if is_packed:
            batch = zlib.compress(batch, 1)
        self._batches.append((batch, is_packed))
        self._bytes += len(batch)
        self._records += len(records)

    def take(self) -> list[bytes]:
        """The next few records; none where none wait."""
        if not self._portion and self._batches:
            batch, is_packed = self._batches.popleft()
            self._bytes -= len(batch)
            data = zlib.decompress(batch) if is_packed else batch
            self._portion = [data[at : at + WIRE.size] for at in range(0, len(data), WIRE.size)]
        taken, self._portion = self._portion[:_PORTION], self._portion[_PORTION:]
        self._records -= len(taken)
        return taken
