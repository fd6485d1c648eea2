"""Columns of a terminal, not characters, are counted."""

from __future__ import annotations

import pytest

from listenwatch.linux.text_width import shortened, width_of_text, wrap


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("511→128 …", 9), ("\x1b[1;31mDISAGREE\x1b[0m", 8), ("漢字", 4), ("e\u0301", 1), ("", 0)],
)
def test_columns_a_text_takes(text: str, columns: int) -> None:
    assert width_of_text(text) == columns


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("/run/x.sock", 11, "/run/x.sock"), ("/run/x.sock", 10, "/run….sock"), ("/run/x.sock", 9, "/run…sock"),
        ("/run/x.sock", None, "/run/x.sock"), ("漢字漢字漢字", 9, "漢字…漢字"), ("漢字漢字漢字", 8, "漢…漢字"),
    ],
)  # fmt: skip
def test_the_middle_of_a_path_is_left_out(text: str, width: int | None, shown: str) -> None:
    assert shortened(text, width) == shown


def test_lines_have_at_most_so_many_columns() -> None:
    assert wrap("one two three", 11, "  ", "      ") == ["  one two", "      three"]
    wide = wrap("漢字 " * 30, 20)
    assert max(map(width_of_text, wide)) <= 20 and "".join(wide).replace(" ", "") == "漢字" * 30
