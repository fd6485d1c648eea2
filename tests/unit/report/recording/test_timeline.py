"""The time line counts every call, in a bounded number of bars, whatever the times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.report.recording.timeline import MOST, CallKind, Timeline, kind_of, time_text
from listenwatch.verdict.compare import judge
from tests.helpers.calls import BEHAVIOUR, call, disagreeing, refused, unreturned

SECOND = 10**9
NOW = 1_795_900_000 * SECOND


def test_what_a_person_looks_for() -> None:
    calls = (disagreeing(), unreturned(), refused(), call(backlog=5000, somaxconn=128), call())
    assert [kind_of(each, judge(each, BEHAVIOUR)) for each in calls] == list(CallKind)


@given(st.lists(st.tuples(st.integers(0, 2**63), st.sampled_from(CallKind)), min_size=1, max_size=300))
def test_every_call_is_in_a_bar_and_the_bars_fit(added: list[tuple[int, CallKind]]) -> None:
    timeline = Timeline()
    for time_ns, kind in added:
        timeline.add(time_ns, kind)
    bars = list(timeline.bars())
    assert timeline.kinds.total() == len(added)
    assert 1 <= timeline.length <= MOST and {bar.place for bar in bars} <= set(range(timeline.length))
    assert {timeline.bar_of(time_ns) for time_ns, _ in added} == {bar.number for bar in bars}
    for bar in bars:
        assert bar.segments[-1].top >= -0.1
        assert bar.segments[0].top + bar.segments[0].height == pytest.approx(100, abs=0.1)


def test_a_bar_says_when_and_how_many() -> None:
    timeline = Timeline()
    for second, kind in ((0, CallKind.AS_ASKED), (0, CallKind.FAILED), (60, CallKind.AS_ASKED)):
        timeline.add(NOW + second * SECOND, kind)
    first, last = timeline.bars()
    assert timeline.width_ns == 512_000_000 and timeline.highest == 2
    assert first.title.endswith(": 1 failed, 1 as asked") and last.title.endswith(": 1 as asked")
    assert [segment.kind for segment in first.segments] == [CallKind.AS_ASKED, CallKind.FAILED], "from below"
    assert timeline.span[0].startswith("2026-11-28 ")


def test_without_calls_there_is_no_span() -> None:
    assert (Timeline().span, Timeline().length, list(Timeline().bars())) == (("", ""), 0, [])


def test_a_time_that_no_calendar_has_is_a_number() -> None:
    assert time_text(1_795_900_000_123_456_789) == "2026-11-28 21:06:40.123"
    assert time_text(2**63) == "2262-04-11 23:47:16.854"
    assert time_text(2**70).endswith(" s")
