"""Records of an attached engine: the ring is emptied first, and what there was no time for is counted."""

from __future__ import annotations

import pytest

from listenwatch.call.record import decode
from listenwatch.session import backlog, source
from listenwatch.session.source import Missing
from tests.helpers.calls import call
from tests.helpers.records import encoded
from tests.helpers.ring import AfterLooks, Ring, attached


def batch(first: int, number: int = 100) -> list[bytes]:
    """Records of calls with so many backlogs, counted up."""
    return [encoded(call(backlog=each)) for each in range(first, first + number)]


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


def test_a_record_of_several_calls_counts_as_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "HURRY", 0.0)
    several = [encoded(call()._replace(repeats=1000))]
    calls = attached(Ring(batch(0, 1) + several, rest=(several,)), AfterLooks(1, interrupted=True))
    coming = calls.calls()
    next(coming)
    assert calls.left == 1000
    assert next(coming).call.repeats == 1000
    assert calls.left == 0
    assert list(coming) == []
    assert calls.missing() == Missing(1 + 1000)


def test_a_program_that_was_skipped_before_excuses_whatever_waits() -> None:
    """A call that returned long ago may come only now: the ring was full, or others were judged first."""
    ring = Ring(batch(0, 2), batch(2, 2))
    skips = [seen.skipped for seen in attached(ring, AfterLooks(3)).calls()]
    assert skips == [1, 1, 2, 2]  # the second batch was there when the first skip was counted
    ring = Ring(batch(0, 1), [], batch(1, 1))
    ring.is_behind = True
    assert [seen.skipped for seen in attached(ring, AfterLooks(3)).calls()] == [1, 2]
