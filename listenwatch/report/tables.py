"""Tables whose rows are all known and whose cells wrap, so that they fit; words are never broken."""

from collections.abc import Callable, Sequence

from tabulate import tabulate

from listenwatch.linux.text_width import width_of_text, wrap

_GAP = 2  # between columns, and what tabulate adds to a head
_LEAST = 10


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, *, form: str = "simple"
) -> str:
    """The table; nothing if it has no rows. Where there is too little room the widest column gives way first.

    ``width`` None is any. Where even the longest words have no room, those of the last column are broken.
    """
    if not rows:
        return ""
    columns = list(zip(*rows, strict=True))
    least = [width_of_text(head) + _GAP for head in heads] or [0] * len(columns)
    floors = [max(low, _longest(cells, str.split)) for low, cells in zip(least, columns, strict=True)]
    sizes = [max(low, _longest(cells, str.splitlines)) for low, cells in zip(least, columns, strict=True)]
    room = sum(sizes) if width is None else width - _GAP * (len(columns) - 1)
    while sum(sizes) > room and sizes != floors:
        widest = max(range(len(sizes)), key=lambda n: sizes[n] if sizes[n] > floors[n] else 0)
        sizes[widest] -= 1
    sizes[-1] = max(_LEAST, sizes[-1] - max(0, sum(sizes) - room))
    laid_out = [[_cell(cell, size) for cell, size in zip(row, sizes, strict=True)] for row in rows]
    return tabulate(laid_out, heads, tablefmt=form, disable_numparse=True)


def fits(text: str, width: int | None) -> bool:
    """Whether no line is wider."""
    return width is None or max(map(width_of_text, text.split("\n"))) <= width


def _longest(cells: Sequence[str], split: Callable[[str], list[str]]) -> int:
    return max((width_of_text(part) for cell in cells for part in split(cell)), default=0)


def _cell(cell: str, size: int) -> str:
    return "\n".join(line for part in cell.splitlines() for line in wrap(part, size))
