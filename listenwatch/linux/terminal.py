"""Text for terminals: nothing a process chose (its name, its socket path) may steer the terminal."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TextIO

GREEN, RED, YELLOW, DIM, BOLD, RED_BOLD = "32", "31", "33", "2", "1", "1;31"
ColourChoice = Literal["auto", "always", "never"]


def escape(text: str | bytes) -> str:
    """``text`` with broken UTF-8 and whatever ``str.isprintable`` denies in backslash escapes: it may steer."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def use_colour(stream: TextIO, choice: ColourChoice = "auto") -> bool:
    """What ``--color`` chose; by itself only on a terminal, if TERM is not dumb and NO_COLOR empty or not set.

    https://no-color.org
    """
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int | None:
    """The columns of a terminal, or what COLUMNS says of it; None for anything else, where no line is too long."""
    if not stream.isatty():
        return None
    return given_columns() or os.get_terminal_size(stream.fileno()).columns or 80  # a serial line does not know


def given_columns() -> int | None:
    """What COLUMNS says; None where it says nothing."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) else None


FORWARDED = "/run/listenwatch/err"
"""In a guest, the pipe by which standard error goes to its host's."""
FORWARDED_COLUMNS = "LISTENWATCH_COLUMNS"
"""A variable in a guest's environment: how wide the terminal is that shows what comes by FORWARDED."""


def forwarded_columns(stream: TextIO) -> int | None:
    """The columns of the terminal on which a guest's host shows what is written to ``stream``; None if none does."""
    try:
        forwarded = os.path.samestat(os.fstat(stream.fileno()), Path(FORWARDED).stat())
        return int(os.environ[FORWARDED_COLUMNS]) if forwarded else None
    except (OSError, KeyError, ValueError):
        return None


def paint(text: str, colour: str, *, on: bool) -> str:
    """``text`` in a colour (an SGR parameter, "" for none) if ``on``."""
    return f"\x1b[{colour}m{text}\x1b[0m" if on and text and colour else text


def say(text: str) -> None:
    """Words to the person, on stderr: never part of the output. On a terminal they are wrapped."""
    lines: Iterable[str] = map(escape, f"listenwatch: {text}".split("\n"))
    if width := width_of(sys.stderr):
        from listenwatch.linux.text_width import wrap_lines

        lines = wrap_lines(lines, width, 4)
    print("\n".join(lines), file=sys.stderr, flush=True)


_quiet = False


def be_quiet(*, quiet: bool) -> None:
    """Whether ``inform`` and the progress say nothing from now on."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether only what went wrong is to be said."""
    return _quiet


def inform(text: str) -> None:
    """Say what is no error and leaves nothing unseen; nothing where that is not wanted (``--quiet``)."""
    if not _quiet:
        say(text)
