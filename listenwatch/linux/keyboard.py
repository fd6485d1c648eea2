"""Single keys from a terminal, unseen and without Enter; the terminal is as it was whatever happens."""

import codecs
import contextlib
import os
import termios
import tty
from collections.abc import Iterator
from typing import Self

NAMED = {
    "\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down", "\x1b[5~": "page up", "\x1b[6~": "page down",
    "\x1b[H": "home", "\x1bOH": "home", "\x1b[1~": "home", "\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end",
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape", "\x15": "clear",
}  # fmt: skip
"""Keys that are no character, by what terminals send for them (terminfo: kcuu1 ...; ECMA-48), and Ctrl-U."""


class Keyboard:
    """A context manager over a terminal's descriptor. Ctrl-C and Ctrl-Z still make signals."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def fileno(self) -> int:
        """Readable when a key was pressed."""
        return self._descriptor

    def read(self) -> Iterator[str]:
        """The keys pressed, each a character or a name of NAMED; EOFError where the terminal has gone."""
        pressed = os.read(self._descriptor, 1024)
        if not pressed:
            raise EOFError
        yield from keys_of(self._decoder.decode(pressed))


def keys_of(text: str) -> Iterator[str]:
    """What was pressed; a sequence that no key here sends counts as none."""
    place = 0
    while place < len(text):
        end = _end_of_sequence(text, place) if text[place] == "\x1b" else place + 1
        pressed = text[place:end]
        if key := NAMED.get(pressed) or (pressed if pressed.isprintable() else ""):
            yield key
        place = end


def _end_of_sequence(text: str, start: int) -> int:
    """Where what an escape begins ends: CSI parameters and a final byte, SS3 and one character, or Escape alone."""
    kind = text[start + 1 : start + 2]
    if kind == "O":
        return start + 3
    if kind != "[":
        return start + 1
    end = start + 2
    while end < len(text) and not "@" <= text[end] <= "~":
        end += 1
    return end + 1
