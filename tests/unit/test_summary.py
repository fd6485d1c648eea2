"""Totals are derived from the verdicts, and the exit status from the totals."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.summary import Summary, summarise
from listenwatch.verdict import Kind

kinds = st.lists(st.sampled_from(Kind))
losses = st.integers(0, 5)


@given(kinds, losses)
def test_totals_are_those_of_the_list(found: list[Kind], lost: int) -> None:
    summary = summarise(iter(found), lost)
    assert sum(summary) == len(found) + lost
    assert summary.lost == lost
    for kind, number in Counter(found).items():
        assert getattr(summary, kind.value.lower()) == number


@pytest.mark.parametrize(
    ("summary", "status", "strict"),
    [
        (Summary(1, 0, 0, 0, 0), 0, 0),
        (Summary(9, 0, 1, 0, 0), 0, 4),
        (Summary(9, 0, 0, 1, 0), 0, 4),
        (Summary(0, 0, 0, 0, 0), 4, 4),
        (Summary(0, 0, 3, 2, 0), 4, 4),
        (Summary(9, 0, 0, 0, 1), 4, 4),
        (Summary(9, 1, 0, 0, 0), 1, 1),
        (Summary(0, 1, 0, 0, 9), 1, 1),
    ],
)
def test_exit_status(summary: Summary, status: int, strict: int) -> None:
    assert summary.exit_status() == status
    assert summary.exit_status(strict=True) == strict


@given(kinds, losses, st.booleans())
def test_zero_only_if_something_agreed_and_nothing_was_missed(
    found: list[Kind], lost: int, strict: bool
) -> None:
    status = summarise(found, lost).exit_status(strict=strict)
    assert status in (0, 1, 4)
    assert (status == 1) == (Kind.DISAGREE in found)
    if status == 0:
        assert Kind.AGREE in found
        assert not lost
    if status == 0 and strict:
        assert set(found) == {Kind.AGREE}


def test_in_words() -> None:
    assert (
        str(Summary(5, 1, 2, 3, 4)) == "5 agree, 1 disagree, 2 inconclusive, 3 unmodelled, 4 lost"
    )
