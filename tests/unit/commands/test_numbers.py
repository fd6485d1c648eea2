"""Numbers and times among the arguments: what people type is taken, what is none is refused with what to give."""

from __future__ import annotations

import argparse

import pytest

from listenwatch.commands import numbers


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", "", "1e999"])
def test_a_quantity_is_a_finite_number_above_0(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a number above 0"):
        numbers.positive(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", ""])
def test_a_count_is_a_whole_number_above_0(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a whole number above 0"):
        numbers.positive_int(text)


def test_numbers_above_0() -> None:
    assert numbers.positive("0.5") == 0.5
    assert numbers.positive_int("3") == 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("0.5", 0.5), (".5", 0.5), ("1e2", 100), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172_800),
        ("1d2h3m4s5ms", 93_784.005), ("200ms", 0.2), ("1m200ms", 60.2), ("90m", 5400), ("0h1s", 1),
        ("9" * 400 + "d", numbers.LONGEST), ("99999999999999", numbers.LONGEST),
    ],
)  # fmt: skip
def test_a_time(text: str, seconds: float) -> None:
    assert numbers.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "nan", "inf", "", "x", "5x", "m", "0s", "0h0m", "-5m", "1m1h", "1m1m", "1h30", "5 m", " 5m", "5M", "1_0s", "1.m", "٣m", "5min", "5m "],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"not a time above 0: .* such as 90s, 5m, 1h30m, 2d"):
        numbers.seconds(text)


def test_lists() -> None:
    assert numbers.integers("1") == [1]
    assert numbers.integers("1,22,333") == [1, 22, 333]
    assert numbers.ports("80,8080") == [80, 8080]


@pytest.mark.parametrize("text", ["", ",", "1,", ",1", "1,,2", "1;2", "1, 2", "a"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a whole number: "):
        numbers.integers(text)
    with pytest.raises(argparse.ArgumentTypeError, match="not a port: "):
        numbers.ports(text)
