"""Records of an attached engine: the ring is emptied first, and what there was no time for is counted."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import cast

import pytest

from listenwatch.bpf.engine import Engine, Loss
from listenwatch.call.record import decode
from listenwatch.session import backlog, source
from listenwatch.session.source import Attached, Missing
from tests.helpers.calls import KERNEL, call
from tests.helpers.records import encoded


def batch(first: int, number: int = 100) -> list[bytes]:
    """Records of calls with so many backlogs, counted up."""
    return [encoded(call(backlog=each)) for each in range(first, first + number)]


class Ring:
    """An engine whose ring holds these batches, and at the end some more."""

    attach, not_seen = "kprobe", ()

    def __init__(self, *batches: list[bytes], rest: tuple[list[bytes], ...] = ()) -> None:
        self.batches, self.rest = list(batches), list(rest)
        self.limit, self.is_detached = 0.0, False
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
        return 0

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


def attached(ring: Ring, ending: AfterLooks) -> Attached:
    return Attached(cast("Engine", ring), KERNEL, ending)


def test_the_ring_is_emptied_before_the_first_call_is_judged() -> None:
    ring = Ring(batch(0), batch(100), rest=(batch(200),))
    calls = attached(ring, AfterLooks(2))
    coming = calls.calls()
    first = next(coming)
    assert not ring.batches
    assert calls.left == 199
    seen = [first, *coming]
    assert [each.call.backlog for each in seen] == list(range(300))
    assert all(decode(each.record).backlog == each.call.backlog for each in seen)
    assert calls.left == 0
    assert calls.missing() == Missing(1)


def test_it_is_detached_while_the_last_calls_are_judged() -> None:
    ring = Ring(rest=(batch(0, 2),))
    coming = attached(ring, AfterLooks(1)).calls()
    next(coming)
    assert ring.is_detached


def test_whoever_has_enough_calls_has_lost_none_of_those_that_wait() -> None:
    calls = attached(Ring(batch(0)), AfterLooks(1))
    next(calls.calls())
    assert calls.left == 99
    assert calls.missing() == Missing(1)


def test_what_has_no_room_stays_in_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST_RECORDS", 1)
    ring = Ring(batch(0), batch(100))
    coming = attached(ring, AfterLooks(1)).calls()
    next(coming)
    assert len(ring.batches) == 1


def test_an_interrupt_leaves_time_for_some_and_the_rest_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "HURRY", 0.0)  # not even for what the engine has left
    ring = Ring(batch(0), batch(100), rest=(batch(200),))
    calls = attached(ring, AfterLooks(1, interrupted=True))
    seen = list(calls.calls())
    assert len(seen) == 100
    assert calls.missing() == Missing(1 + 300 - len(seen))
    assert ring.limit == 0
