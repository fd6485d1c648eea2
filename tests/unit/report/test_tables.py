"""Tables whose cells wrap: which column gives way, and that words stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.linux.text_width import width_of_text
from listenwatch.report.tables import fits, table

HEADS = ("rule", "means")
ROWS = [("port-taken", "get_port() found a conflict"), ("listens", "CLOSE to LISTEN")]

WIDE = """\
rule        means
----------  ---------------------------
port-taken  get_port() found a conflict
listens     CLOSE to LISTEN"""

NARROW = """\
rule        means
----------  ----------------
port-taken  get_port() found
            a conflict
listens     CLOSE to LISTEN"""


@pytest.mark.parametrize(("width", "text"), [(None, WIDE), (39, WIDE), (200, WIDE), (28, NARROW)])
def test_the_widest_column_gives_way(width: int | None, text: str) -> None:
    assert table(HEADS, ROWS, width) == text
    assert fits(text, width) and not fits(WIDE, 38)


def test_words_are_whole_while_there_is_room_for_them() -> None:
    words = {word for line in table(HEADS, ROWS, 12).split("\n")[2:] for word in line.split()}
    assert {"port-taken", "get_port()", "conflict"} <= words
    assert fits(table(HEADS, [("x", "/a/path/that/is/long")], 16), 18)


def test_no_rows_is_no_table_and_no_heads_are_fine() -> None:
    assert table(HEADS, [], 80) == ""
    assert table((), [("result", "0")], 80, form="plain") == "result  0"


texts = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn")), max_size=80)


@given(st.lists(st.tuples(st.text("ab-", max_size=20), texts, texts), min_size=1, max_size=4))
def test_no_line_is_wider(rows: list[tuple[str, str, str]]) -> None:
    longest = max(width_of_text(word) for row in rows for word in row[1].split() or [""])
    for width in (80, 100, 200):
        assert longest > width - 40 or fits(table(("name", "one", "other"), rows, width), width)
