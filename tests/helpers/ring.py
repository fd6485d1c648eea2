"""An engine whose ring holds records that were made before, and an end that comes after so many looks at it."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import cast

from listenwatch.bpf.engine import Engine
from listenwatch.bpf.loss import Loss
from listenwatch.linux.kernel import Kernel
from listenwatch.session.source import Attached
from tests.helpers.calls import KERNEL


class Ring:
    """An engine whose ring holds these batches, and at the end some more."""

    attach, not_seen, is_behind = "kprobe", (), False

    def __init__(self, *batches: list[bytes], rest: tuple[list[bytes], ...] = ()) -> None:
        self.batches, self.rest = list(batches), list(rest)
        self.limit, self.is_detached = 0.0, False
        self.skips = 0
        self._event = os.eventfd(1)

    def fileno(self) -> int:
        return self._event

    def patience(self) -> None:
        pass

    def read(self) -> list[bytes]:
        return self.batches.pop(0) if self.batches else []

    def drain(self, limit: float) -> Iterator[list[bytes]]:
        self.limit = limit
        yield from self.rest

    def skipped(self) -> int:
        self.skips += 1
        return self.skips

    def loss(self) -> Loss:
        return Loss(ring_full=1)

    def detach(self) -> None:
        self.is_detached = True


class AfterLooks:
    """Over after so many wake-ups."""

    def __init__(self, looks: int, *, interrupted: bool = False) -> None:
        self._looks, self.interrupted = looks, interrupted

    def register(self, _poll: select.poll) -> None:
        pass

    def left(self) -> None:
        pass

    def is_over(self, _woken: set[int]) -> bool:
        self._looks -= 1
        return self._looks < 0


class FillingRing(Ring):
    """Its next batch comes once what came before is judged; ``source`` is what reads it."""

    source: Attached

    def read(self) -> list[bytes]:
        return [] if self.source.left else super().read()


def attached(ring: Ring, ending: AfterLooks, kernel: Kernel = KERNEL) -> Attached:
    """The source of what such a ring holds."""
    return Attached(cast("Engine", ring), kernel, ending)
