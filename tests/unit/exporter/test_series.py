"""The table of series: bounded whatever comes, and no count is lost in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from listenwatch.exporter.labels import OTHER, Labels
from listenwatch.exporter.series import ListenerState, SeriesTable
from listenwatch.overflow.kinds import OverflowKind

FULL, AGAIN = OverflowKind.SYN_ACCEPT_QUEUE_FULL, OverflowKind.UNIX_EAGAIN
STATE = ListenerState(128, 511, 3, 129, clamped=True, stale=False, sockets=2)


def labels(number: int) -> Labels:
    return Labels("tcp", "0.0.0.0", str(number), "1", "server", "", "", "", "")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def table(most: int = 3, clock: Clock | None = None) -> SeriesTable:
    return SeriesTable(most, 900.0, clock or Clock())


def counts(series: SeriesTable) -> dict[str, int]:
    return {labels.port: shown.counts[FULL] for labels, shown in series}


def test_a_server_that_is_started_anew_goes_on_counting() -> None:
    series = table()
    series.show({labels(1): STATE})
    series.count(labels(1), FULL, 5)
    series.show({})
    series.show({labels(1): STATE})
    series.count(labels(1), FULL, 2)
    assert counts(series) == {"1": 7}


def test_what_came_and_went_between_two_looks_is_there() -> None:
    series = table()
    series.count(labels(1), FULL, 4)
    series.show({})
    assert counts(series) == {"1": 4} and not series.other


def test_one_that_is_gone_is_forgotten_in_time_and_at_once_if_nothing_was_counted() -> None:
    clock = Clock()
    series = table(clock=clock)
    series.show({labels(1): STATE, labels(2): STATE})
    series.count(labels(1), FULL, 1)
    clock.now += 899
    series.show({})
    assert counts(series) == {"1": 1}
    clock.now += 2
    series.show({})
    assert not counts(series)


def test_the_rest_is_folded_and_counted() -> None:
    series = table(most=2)
    series.show({labels(n): STATE for n in range(5)})
    assert (len(series), series.folded) == (2, 6)
    series.show({labels(n): STATE for n in range(2)})
    assert series.folded == 0


def test_a_listener_that_refuses_takes_the_place_of_one_that_did_not() -> None:
    series = table(most=2)
    series.show({labels(1): STATE, labels(2): STATE})
    series.count(labels(2), FULL, 1)
    series.count(labels(3), FULL, 7)
    assert counts(series) == {"2": 1, "3": 7}
    series.count(labels(4), AGAIN, 9)
    assert counts(series) == {"2": 1, "3": 7}
    assert series.other == {AGAIN: 9}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.booleans()), max_size=60))
def test_it_stays_within_its_bounds_and_loses_nothing(steps: list[tuple[int, int, bool]]) -> None:
    series, counted = table(most=4), 0
    for number, times, is_look in steps:
        if is_look:
            series.show({labels(n): STATE for n in range(number)})
        else:
            series.count(labels(number), FULL, times)
            counted += times
        assert len(series) <= 4
    assert sum(counts(series).values()) + sum(series.other.values()) == counted
    assert OTHER not in series
