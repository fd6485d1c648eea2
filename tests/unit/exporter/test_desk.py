"""Scrapes ask, the main thread answers; nobody waits for ever."""

from __future__ import annotations

import threading

import pytest

from listenwatch.exporter import metrics
from listenwatch.exporter.desk import Busy, Desk
from listenwatch.linux.interrupt import poll

SAMPLES = [(metrics.LISTENERS, (), 5.0)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_shared_while_it_is_fresh() -> None:
    clock = Clock()
    desk = Desk(1.0, patience=0.001, clock=clock)
    assert not desk.take_request()
    desk.answer(SAMPLES, 99.5)
    assert desk.ask() == SAMPLES and not desk.take_request()
    clock.now = 100.6
    with pytest.raises(Busy):
        desk.ask()
    assert desk.take_request() and not desk.take_request()


def test_who_asks_wakes_the_main_thread_and_gets_its_answer() -> None:
    desk, got = Desk(1.0, patience=60), []
    asking = threading.Thread(target=lambda: got.append(desk.ask()))
    asking.start()
    assert poll(desk.fileno(), 1, 60) and desk.take_request()
    desk.answer(SAMPLES, float("inf"))
    asking.join(60)
    assert got == [SAMPLES]


def test_at_the_end_nobody_waits() -> None:
    desk = Desk(1.0, patience=60)
    desk.close()
    with pytest.raises(Busy):
        desk.ask()
