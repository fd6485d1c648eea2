"""Text laid out for a terminal: the columns there is room for, cells in them as they come, and wrapped lines.

A width is a terminal's in columns, or None for what is no terminal: there every column is shown, each
row is one line, and nothing is cut.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, Self

from listenwatch.linux.text_width import shortened, width_of_text, wrap, wrap_lines

WIDTH = 100
"""The most columns of a line that is to be read, however wide the terminal; and those where there is none."""
_LEAST_COLUMN = 24  # columns that are worth wrapping a text in


class Column(NamedTuple):
    """A column of a table.

    ``width`` is what its cells usually need, below 0: aligned right. Of those that do not fit, the
    highest ``rank`` is left out first, and 0 never.
    """

    head: str
    width: int
    rank: int = 0

    @property
    def size(self) -> int:
        return abs(self.width)


class Layout:
    """The columns of a table, without those there is no room for."""

    def __init__(self, columns: Sequence[Column], width: int | None) -> None:
        self.width = width
        shown = {column for column in columns if not column.rank}
        for column in sorted((column for column in columns if column.rank), key=lambda column: column.rank):
            if width is None or _total((*shown, column)) <= width:
                shown.add(column)
        self.columns = tuple(column for column in columns if column in shown)
        self.spare = 0 if width is None else max(0, width - _total(self.columns))

    @classmethod
    def of_rows(cls, columns: Sequence[Column], rows: Sequence[Mapping[str, str]], width: int | None) -> Self:
        """Columns as wide as these rows need, up to the width each has, which one of words keeps.

        Left out before any other are those that say nothing: all ``-`` or empty, then all the same.
        """
        sized, highest = [], max(column.rank for column in columns)
        for column in columns:
            cells = {row[column.head] for row in rows if column.head in row}
            says_nothing = 2 if cells <= {"", "-"} else len(rows) > 1 and len(cells) == 1
            most = max(map(width_of_text, cells), default=column.size)
            size = max(len(column.head), min(column.size, most))
            rank = column.rank and column.rank + says_nothing * highest
            sized.append(Column(column.head, size if column.width > 0 else -size, rank))
        return cls(sized, width)

    @property
    def heads(self) -> str:
        """The heads of the columns, each in its own."""
        return "\n".join(self.place({column.head: column.head for column in self.columns}))

    def shows(self, head: str) -> bool:
        """Whether there is room for the column."""
        return any(column.head == head for column in self.columns)

    def room_of(self, head: str) -> int | None:
        """How wide a cell may be that is to take no room from others; None: as wide as it is."""
        sizes = {column.head: column.size for column in self.columns}
        return None if self.width is None else sizes[head] + self.spare

    def place(self, cells: Mapping[str, str]) -> list[str]:
        """The row in one line, or more where identifiers are so long that one does not hold it.

        A cell too wide takes room from those after it, so that the rest stay put.
        """
        return self._place(cells, self.columns)

    def flow(self, cells: Mapping[str, str], text: str, painted: Callable[[str], str] = str) -> list[str]:
        """The row with ``text`` in the last column, which is for words: they go on in lines below."""
        columns = self.columns[:-1]
        lines = self._place(cells, columns)
        start = _total(columns) + 1
        if self.width is None:
            gap = " " * max(1, start - width_of_text(lines[-1]))
            return [f"{lines[-1]}{gap}{painted(text)}".rstrip()]
        at = max(start, width_of_text(lines[-1]) + 1)
        if at + width_of_text(text) > self.width:
            if self.width - start < _LEAST_COLUMN:
                return [*lines, *map(painted, wrap(text, self.width, "    ", "    "))]
            longest = max(map(width_of_text, text.split()))
            if self.width - at < min(longest, self.width - start):
                lines.append("")
                at = start
        first, *rest = wrap(text, self.width, " " * at, " " * start) or [""]
        gap = " " * (at - width_of_text(lines[-1]))
        lines[-1] = f"{lines[-1]}{gap}{painted(first.strip())}".rstrip()
        return [*lines, *(f"{' ' * start}{painted(line.strip())}" for line in rest)]

    def _place(self, cells: Mapping[str, str], columns: Sequence[Column]) -> list[str]:
        lines, text = [], ""
        starts = accumulate((column.size + 1 for column in columns), initial=0)
        for column, start in zip(columns, starts, strict=False):
            cell = cells[column.head] if self.width is None else shortened(cells[column.head], self.width)
            size, end = width_of_text(cell), width_of_text(text)
            at = start if column.width > 0 else start + column.size - size
            pad = max(1 if text else 0, at - end)
            if self.width is not None and end and size and end + pad + size > self.width:
                lines.append(text.rstrip())
                text, pad = "", max(0, min(at, self.width - size))
            text += " " * pad + cell
        return [*lines, text.rstrip()]


def _total(columns: Iterable[Column]) -> int:
    return sum(column.size + 1 for column in columns) - 1


def number_cell(value: int | None) -> str:
    """A cell for a number; ``-`` for None."""
    return "-" if value is None else str(value)


def text_width(width: int | None) -> int:
    """How wide the lines of a text are on a terminal of this width, or where there is none."""
    return min(width or WIDTH, WIDTH)


def wrapped(text: str, indent: str = "", *, later: str = "    ", width: int | None = None) -> list[str]:
    """Lines of at most ``text_width(width)`` columns; those after the first have ``later`` too before them."""
    return wrap(text, text_width(width), indent, indent + later)


def paragraph(text: str, indent: str = "", *, width: int | None = None) -> str:
    """The same as one text."""
    return "\n".join(wrapped(text, indent, width=width))


def fitted(text: str, width: int | None) -> str:
    """``text`` with its lines of at most ``text_width(width)`` columns: what goes on below is indented by 4 more."""
    return "\n".join(wrap_lines(text.split("\n"), text_width(width), 4))
