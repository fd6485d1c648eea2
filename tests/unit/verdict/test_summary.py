"""Totals are derived from the verdicts, and the exit status from the totals."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.summary import Summary, summarise, worst

kinds = st.lists(st.sampled_from(VerdictKind))
losses = st.integers(0, 5)


@given(kinds, losses)
def test_totals_are_those_of_the_list(found: list[VerdictKind], lost: int) -> None:
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
        (Summary(9, 0, 1, 1, 0), 0, 4),
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


@pytest.mark.parametrize(
    ("summary", "status", "strict"),
    [
        (Summary(0, 0, 0, 0, 0), 0, 4),
        (Summary(0, 0, 0, 0, 1), 4, 4),
        (Summary(0, 0, 1, 0, 0), 4, 4),
        (Summary(0, 0, 0, 1, 0), 4, 4),
        (Summary(0, 1, 0, 0, 0), 1, 1),
        (Summary(1, 0, 0, 0, 0), 0, 0),
    ],
)
def test_where_nothing_need_happen(summary: Summary, status: int, strict: int) -> None:
    assert summary.exit_status(may_be_empty=True) == status
    assert summary.exit_status(may_be_empty=True, strict=True) == strict
    assert summary.exit_status(may_be_empty=True, strict=True, all_seen=False) == (strict or 4)


@given(kinds, losses, st.booleans(), st.booleans())
def test_what_fails_comes_after_a_disagreement_and_before_all_else(
    found: list[VerdictKind], lost: int, strict: bool, may_be_empty: bool
) -> None:
    summary = summarise(found, lost)
    expected = 1 if VerdictKind.DISAGREE in found else 5
    assert summary.exit_status(strict=strict, fails=True, may_be_empty=may_be_empty) == expected


@given(kinds, losses, st.booleans())
def test_zero_only_if_something_agreed_and_nothing_was_missed(
    found: list[VerdictKind], lost: int, strict: bool
) -> None:
    status = summarise(found, lost).exit_status(strict=strict)
    assert status in (0, 1, 4)
    assert (status == 1) == (VerdictKind.DISAGREE in found)
    if status == 0:
        assert VerdictKind.AGREE in found
        assert not lost
    if status == 0 and strict:
        assert set(found) == {VerdictKind.AGREE}


def test_in_words() -> None:
    assert (
        str(Summary(5, 1, 2, 3, 4)) == "5 agree, 1 disagree, 2 inconclusive, 3 unmodelled, 4 lost"
    )


@pytest.mark.parametrize(
    ("statuses", "status"),
    [((), 0), ((0, 0), 0), ((0, 4, 0), 4), ((4, 1), 1), ((0, 1), 1), ((2, 0), 0)],
)
def test_several_runs_have_the_worst_status(statuses: tuple[int, ...], status: int) -> None:
    assert worst(iter(statuses)) == status


def test_strict_wants_every_call_to_be_seen() -> None:
    summary = summarise([VerdictKind.AGREE], 0)
    assert summary.exit_status(strict=True) == 0
    assert summary.exit_status(all_seen=False) == 0
    assert summary.exit_status(strict=True, all_seen=False) == 4
