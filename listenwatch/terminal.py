"""Text for terminals: nothing a process chose (its name, its socket path) may steer the terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO

GREEN, RED, YELLOW, DIM, BOLD = "32", "31", "33", "2", "1"


def escape(text: str | bytes) -> str:
    """``text`` with control characters, escape sequences and broken UTF-8 shown as backslash escapes.

    Also what reorders or hides text (bidirectional controls, zero-width characters): whatever
    ``str.isprintable`` denies.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def use_colour(stream: TextIO) -> bool:
    """Colour only on a terminal, and not where NO_COLOR is set (https://no-color.org) or TERM is dumb."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int | None:
    """The columns of a terminal; None for anything else."""
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None


def paint(text: str, colour: str, *, on: bool) -> str:
    """``text`` in a colour (an SGR parameter) if ``on``."""
    return f"\x1b[{colour}m{text}\x1b[0m" if on and text else text


def say(text: str) -> None:
    """Words to the person, on stderr: never part of the output."""
    print("listenwatch:", "\n".join(map(escape, text.split("\n"))), file=sys.stderr, flush=True)
