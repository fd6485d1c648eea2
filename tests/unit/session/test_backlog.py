"""What waits comes out as it went in, in little memory."""

from __future__ import annotations

import pytest

from listenwatch.call.record import WIRE
from listenwatch.session import backlog
from listenwatch.session.backlog import Backlog
from tests.helpers.calls import call, refused
from tests.helpers.records import encoded


def records(first: int, number: int) -> list[bytes]:
    return [each.to_bytes(8, "little").ljust(WIRE.size, b"\0") for each in range(first, first + number)]


def emptied(waiting: Backlog) -> list[bytes]:
    taken: list[bytes] = []
    while portion := waiting.take():
        taken += portion
    return taken


@pytest.mark.parametrize("plain", [0, 3000, 1 << 21])
def test_records_come_out_in_their_order_packed_or_not(plain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "PLAIN", plain)
    waiting, put = Backlog(), list[bytes]()
    for first in range(0, 2000, 200):
        put += (batch := records(first, 200))
        waiting.put(batch)
    assert len(waiting) == 2000
    assert waiting.take() == put[:200]
    assert len(waiting) == 1800
    waiting.put(records(2000, 1))
    assert emptied(waiting) == [*put[200:], *records(2000, 1)]
    assert len(waiting) == 0
    assert waiting.take() == []


@pytest.mark.parametrize("plain", [0, 1 << 21])
def test_it_knows_how_many_calls_wait(plain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "PLAIN", plain)
    waiting = Backlog()
    waiting.put([encoded(call()), encoded(call()._replace(repeats=1 << 40))])
    waiting.put([encoded(refused()._replace(repeats=5))])
    assert (len(waiting), waiting.calls) == (3, 1 + (1 << 40) + 5)
    waiting.take()
    assert (len(waiting), waiting.calls) == (1, 5)


def test_a_storm_of_80_000_calls_fits_in() -> None:
    waiting = Backlog()
    for first in range(0, 80_000, 256):
        assert waiting.has_room
        waiting.put(records(first, 256))


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 100 * WIRE.size), ("MOST_RECORDS", 100)])
def test_it_is_full_in_the_end_and_has_room_again_once_some_were_taken(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, limit, value)
    waiting = Backlog()
    waiting.put(records(0, 100))
    assert not waiting.has_room
    waiting.take()
    assert waiting.has_room
