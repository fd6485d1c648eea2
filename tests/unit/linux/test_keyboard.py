"""Keys are read one by one from a terminal, which is as it was afterwards."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator

import pytest

from listenwatch.linux.keyboard import Keyboard, keys_of


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("q", ["q"]),
        ("\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]),
        ("\x1b[5~\x1b[6~\x1b[1~\x1b[F", ["page up", "page down", "home", "end"]),
        ("\x1b", ["escape"]),
        ("\x1bq", ["escape", "q"]),
        ("\r\n\x7f\x08\x15", ["enter", "enter", "backspace", "backspace", "clear"]),
        ("\x1b[1;5C\x1b[15~x", ["x"]),  # Ctrl-Right, F5
        ("\x1b[", []),
        ("\x01\x04\x9b", []),
        ("é/", ["é", "/"]),
    ],
)
def test_what_terminals_send_is_a_key_or_none(sent: str, keys: list[str]) -> None:
    assert list(keys_of(sent)) == keys


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """What a person types into, and what the program reads."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    for descriptor in (ours, theirs):
        os.close(descriptor)


def test_a_key_needs_no_enter_and_is_not_echoed(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    with Keyboard(theirs) as keyboard:
        assert keyboard.fileno() == theirs
        assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO)
        assert termios.tcgetattr(theirs)[3] & termios.ISIG, "Ctrl-C is a signal"
        os.write(ours, b"f" + "é".encode()[:1])
        assert list(keyboard.read()) == ["f"]
        os.write(ours, "é".encode()[1:])
        assert list(keyboard.read()) == ["é"], "a character may come in parts"
    assert termios.tcgetattr(theirs) == before


def test_the_terminal_is_as_it_was_after_a_failure(terminal: tuple[int, int]) -> None:
    before = termios.tcgetattr(terminal[1])
    with pytest.raises(KeyboardInterrupt), Keyboard(terminal[1]):
        raise KeyboardInterrupt
    assert termios.tcgetattr(terminal[1]) == before


def test_a_terminal_that_has_gone_is_an_end() -> None:
    ours, theirs = pty.openpty()
    with Keyboard(theirs) as keyboard:
        os.close(ours)
        with pytest.raises((EOFError, OSError)):
            list(keyboard.read())
    os.close(theirs)
