"""What a listener refuses a second is told from two looks, and only where both saw it."""

from __future__ import annotations

from listenwatch.sockets.look import DiagnosedListener, Look
from listenwatch.sockets.sampling import Sample, Sampler
from tests.helpers.sampled import listener


def samples(*looks: list[DiagnosedListener], order: str = "port", seconds: float = 2.0) -> list[Sample]:
    """A sample of each look, ``seconds`` apart."""
    coming = iter([Look(list(look), len(look), [], 0) for look in looks])
    times = iter(number * seconds for number in range(len(looks)))
    sampler = Sampler(lambda: next(coming), order, lambda: next(times))
    return [sampler.take() for _ in looks]


def rates(sample: Sample) -> list[float | None]:
    return [sampled.refused for sampled in sample.listeners]


def test_the_first_look_knows_no_rate_and_the_second_does() -> None:
    first, second = samples([listener(1, drops=100), listener(2, drops=7)], [listener(1, drops=110), listener(2, drops=7)])
    assert rates(first) == [None, None] and first.refused is None
    assert rates(second) == [5.0, 0.0] and second.refused == 5.0


def test_one_that_the_look_before_did_not_show_has_no_rate() -> None:
    """With --full a listener comes and goes: what it refused long ago is not of this second."""
    rows = samples([listener(1, drops=3)], [], [listener(1, drops=900)], [listener(1, drops=902)])
    assert [rates(row) for row in rows] == [[None], [], [None], [1.0]]


def test_the_count_of_the_kernel_begins_again_after_32_bits() -> None:
    _, second = samples([listener(1, drops=(1 << 32) - 2)], [listener(1, drops=4)])
    assert rates(second) == [3.0]


def test_what_is_not_counted_is_unknown_and_not_zero() -> None:
    _, second = samples([listener(1, drops=None), listener(2)], [listener(1, drops=None), listener(2, drops=4)])
    assert rates(second) == [None, 2.0] and second.refused == 2.0


def test_the_order_may_be_by_what_was_refused() -> None:
    looks = [[listener(1), listener(2), listener(3)], [listener(1, drops=1), listener(2, drops=9), listener(3)]]
    _, second = samples(*looks, order="refused")
    assert [sampled.shown.row.listener.port for sampled in second.listeners] == [2, 1, 3]


def test_fullness_goes_before_the_length_of_a_queue() -> None:
    (only,) = samples([listener(1, queue=50, limit=99), listener(2, queue=5, limit=4)], order="fullness")
    assert [sampled.shown.row.listener.port for sampled in only.listeners] == [2, 1]
