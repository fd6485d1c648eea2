"""Tables that are printed as they come: each cell in its column, whatever the others hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Columns = Sequence[tuple[str, int]]
"""Head and width of each column; a width below 0: aligned right."""


def in_columns(cells: Iterable[str], columns: Columns) -> str:
    """The cells in their columns; one too wide takes room from those after it, so that the rest stay put."""
    text, start = "", 0
    for cell, (_, width) in zip(cells, columns, strict=False):
        place = start if width > 0 else start - width - len(cell)
        text += " " * max(1 if text else 0, place - len(text)) + cell
        start += abs(width) + 1
    return text
