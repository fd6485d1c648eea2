"""How many columns of a terminal a text takes, and texts cut and wrapped to fit."""

import re
from collections.abc import Iterable, Iterator
from textwrap import TextWrapper

_COLOURS = re.compile(r"\x1b\[[\d;]*m")
_NARROW = re.compile("[ -\u02ff→…✓✗─-╿]*")
"""Characters of one column each, of which nearly all texts are made."""
_FILLER = "\0"  # no text for a terminal has one: escape() leaves none


def width_of_text(text: str) -> int:
    """The columns a terminal shows it in: colours take none, and an ideograph takes two."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    from rich.cells import cell_len  # only here: it takes time to import

    return cell_len(text)


def shortened(text: str, width: int | None) -> str:
    """``text``, such as a path, without its middle where it is wider than that."""
    if width is None or width_of_text(text) <= width or "\x1b" in text:
        return text
    head, tail = text[: (width - 1) // 2], text[-(width // 2) :]
    while width_of_text(head) + 1 + width_of_text(tail) > width:
        head, tail = (head[:-1], tail) if width_of_text(head) >= width_of_text(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def wrap_lines(lines: Iterable[str], width: int, more: int) -> Iterator[str]:
    """Each line as it is if it fits, else wrapped: what goes on below is indented by ``more`` than the line itself."""
    for line in lines:
        if width_of_text(line) <= width:
            yield line
        else:
            yield from wrap(line, width, later=" " * (len(line) - len(line.lstrip()) + more))


def wrap(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """Lines of at most ``width`` columns, indented by ``first`` and ``later``.

    textwrap counts characters: a filler follows those that are two columns wide.
    """
    if not _NARROW.fullmatch(text):
        text = "".join(c + _FILLER * (width_of_text(c) - 1) for c in text)
    wrapper = TextWrapper(width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
    return [line.replace(_FILLER, "") for line in wrapper.wrap(text)]
