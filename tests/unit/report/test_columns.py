"""Columns that fit: which are left out first, what a long cell does, and words that go on below."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.linux.text_width import width_of_text
from listenwatch.report.columns import Column, Layout, fitted, paragraph, text_width, wrapped

COLUMNS = (Column("PID", -5), Column("KIND", 5, 1), Column("NAME", 10), Column("SIZE", -4, 2), Column("WHY", 12))
ROW = {"PID": "7", "KIND": "tcp", "NAME": "nginx", "SIZE": "12"}


def heads(layout: Layout) -> list[str]:
    return layout.heads.split()


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (None, "PID KIND NAME SIZE WHY"), (200, "PID KIND NAME SIZE WHY"), (40, "PID KIND NAME SIZE WHY"),
        (39, "PID KIND NAME WHY"), (35, "PID KIND NAME WHY"), (34, "PID NAME SIZE WHY"), (33, "PID NAME WHY"),
        (10, "PID NAME WHY"),
    ],
)  # fmt: skip
def test_the_highest_rank_is_left_out_first_and_0_never(width: int | None, shown: str) -> None:
    assert heads(Layout(COLUMNS, width)) == shown.split()


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([ROW], "PID KIND NAME WHY"),
        ([ROW, ROW | {"PID": "8", "SIZE": "14"}], "PID NAME SIZE WHY"),  # KIND is all the same
        ([ROW | {"KIND": "-"}], "PID NAME SIZE WHY"),
        ([ROW | {"KIND": ""}, ROW | {"KIND": "-"}], "PID NAME SIZE WHY"),
    ],
)
def test_columns_that_say_nothing_go_before_any_other(rows: list[dict[str, str]], shown: str) -> None:
    assert heads(Layout.of_rows(COLUMNS, rows, 30)) == shown.split()
    assert heads(Layout.of_rows(COLUMNS, rows, None)) == ["PID", "KIND", "NAME", "SIZE", "WHY"]


def test_columns_are_as_wide_as_rows_need_up_to_their_width() -> None:
    layout = Layout.of_rows(COLUMNS, [ROW, ROW | {"PID": "4194304", "NAME": "x" * 99}], None)
    assert [column.width for column in layout.columns] == [-5, 4, 10, -4, 12]


def test_a_long_cell_takes_room_from_those_after_it() -> None:
    layout = Layout(COLUMNS[:4], 40)
    assert layout.heads == "  PID KIND  NAME       SIZE"
    assert layout.place(ROW) == ["    7 tcp   nginx        12"]
    assert layout.place(ROW | {"NAME": "x" * 12}) == [f"    7 tcp   {'x' * 12} 12"]
    assert layout.place(ROW | {"PID": "4194304"}) == ["4194304 tcp nginx        12"]


def test_what_there_is_no_room_for_goes_on_below_in_its_own_column() -> None:
    layout = Layout(COLUMNS[:4], 27)
    assert layout.place(ROW | {"NAME": "x" * 15}) == [f"    7 tcp   {'x' * 15}", f"{'':25}12"]
    assert layout.place(ROW | {"NAME": "x" * 22}) == ["    7 tcp", f"     {'x' * 22}", f"{'':25}12"]
    assert layout.place(ROW | {"NAME": "ab" * 40})[1] == f"{'ab' * 6}a…{'ba' * 6}b"
    whole = Layout(COLUMNS[:4], None).place(ROW | {"NAME": "ab" * 40})
    assert whole == [f"    7 tcp   {'ab' * 40} 12"]


def test_words_go_on_below_in_the_last_column() -> None:
    layout, start = Layout(COLUMNS, 60), " " * 28
    why = "clamped by net.core.somaxconn, stale"
    assert layout.flow(ROW, "own limit, full now") == ["    7 tcp   nginx        12 own limit, full now"]
    assert layout.flow(ROW, why) == [
        "    7 tcp   nginx        12 clamped by net.core.somaxconn,", f"{start}stale",
    ]  # fmt: skip
    assert layout.flow(ROW | {"NAME": "x" * 25}, why) == [
        f"    7 tcp   {'x' * 25} 12 clamped by", f"{start}net.core.somaxconn, stale",
    ]  # fmt: skip
    assert layout.flow(ROW | {"NAME": "x" * 40}, why) == [
        f"    7 tcp   {'x' * 40} 12", f"{start}clamped by net.core.somaxconn,", f"{start}stale",
    ]  # fmt: skip
    assert layout.flow(ROW, "") == ["    7 tcp   nginx        12"]
    painted = layout.flow(ROW, why, lambda text: f"<{text}>")
    assert painted == ["    7 tcp   nginx        12 <clamped by net.core.somaxconn,>", f"{start}<stale>"]
    assert Layout(COLUMNS, None).flow(ROW, why) == [f"    7 tcp   nginx        12 {why}"]


def test_words_stand_below_where_their_column_is_narrow() -> None:
    layout = Layout(COLUMNS, 42)
    assert layout.flow(ROW, "own limit") == ["    7 tcp   nginx        12 own limit"]
    assert layout.flow(ROW, "own limit, full now, and more") == [
        "    7 tcp   nginx        12", "    own limit, full now, and more",
    ]  # fmt: skip


cells = st.text(st.characters(exclude_categories=("C", "Z")), max_size=60)


@given(st.tuples(cells, cells, cells, cells), st.text(max_size=120).map(lambda t: "".join(c for c in t if c.isprintable())),
       st.integers(30, 120))  # fmt: skip
def test_no_row_is_wider_than_the_terminal(values: tuple[str, ...], why: str, width: int) -> None:
    row = dict(zip(("PID", "KIND", "NAME", "SIZE"), values, strict=True))
    for layout in (Layout(COLUMNS, width), Layout.of_rows(COLUMNS, [row], width)):
        lines = layout.flow(row, why, lambda text: f"\x1b[33m{text}\x1b[0m" if text else "")
        assert max(map(width_of_text, lines)) <= width
        for column in layout.columns[:-1]:
            assert width_of_text(row[column.head]) > width or row[column.head] in "\n".join(lines)


def test_lines_of_text_have_at_most_100_columns() -> None:
    assert [text_width(width) for width in (None, 60, 80, 100, 200)] == [100, 60, 80, 100, 100]
    assert wrapped("one two three", "  ", width=11) == ["  one two", "      three"]
    assert paragraph("one two three", width=9) == "one two\n    three"
    assert max(map(len, wrapped("word " * 100, width=200))) <= 100
    text = "a row   that fits\n  one two three four\n\nend"
    assert fitted(text, 17) == "a row   that fits\n  one two three\n      four\n\nend"
    assert fitted(text, None) == text
