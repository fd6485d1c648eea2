"""Nothing a process chose steers the terminal; colour only where it helps."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.linux.terminal import escape, paint, say, use_colour, width_of


@given(st.text() | st.binary())
def test_nothing_but_printable_characters_is_left(text: str | bytes) -> None:
    shown = escape(text)
    assert shown.isprintable()
    for character in shown:
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn")


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z"))))
def test_printable_text_stays(text: str) -> None:
    assert escape(text) == text
    assert escape(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nginx: worker", "nginx: worker"),
        (b"caf\xc3\xa9", "café"),
        (b"\x1b[31m", r"\x1b[31m"),
        (b"\x9b31m", r"\x9b31m"),  # CSI in one byte: not UTF-8
        ("\x9b31m", r"\x9b31m"),  # and as U+009B
        (b"\xff\xfe", r"\xff\xfe"),
        ("a\nb\r\tc\x00\x07\x7f", r"a\nb\r\tc\x00\x07\x7f"),
        ("\u202edoc.exe", r"\u202edoc.exe"),
        ("\u200b\u2028\ufeff", r"\u200b\u2028\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\udcff"),
    ],
)
def test_escapes(text: str | bytes, shown: str) -> None:
    assert escape(text) == shown


def test_paint() -> None:
    assert paint("x", "31", on=True) == "\x1b[31mx\x1b[0m"
    assert paint("x", "31", on=False) == "x"
    assert paint("", "31", on=True) == ""


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),  # https://no-color.org: "and not an empty string"
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_on_a_terminal_only(
    environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    master, slave = pty.openpty()
    with os.fdopen(master, "rb"), os.fdopen(slave, "w") as terminal:
        assert use_colour(terminal) is colour
        assert use_colour(terminal, "always") and not use_colour(terminal, "never")
    assert not use_colour(io.StringIO()) and use_colour(io.StringIO(), "always")


@pytest.mark.parametrize(
    ("size", "given", "width"), [(100, None, 100), (0, None, 80), (100, "60", 60), (100, "0", 100), (100, "x", 100)]
)
def test_width_of_a_terminal(size: int, given: str | None, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if given is not None:
        monkeypatch.setenv("COLUMNS", given)
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, size))
    with os.fdopen(master, "rb"), os.fdopen(slave, "w") as terminal:
        assert width_of(terminal) == width
    assert width_of(io.StringIO()) is None


def test_say_goes_to_stderr_and_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    say("two\nlines \x1b[31m\r")
    assert capsys.readouterr() == ("", "listenwatch: two\nlines \\x1b[31m\\r\n")
    assert sys.stderr is not None


def test_say_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 30))
    monkeypatch.delenv("COLUMNS", raising=False)
    with os.fdopen(master, "rb") as screen, os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        say("a line of more than thirty columns\nand another")
        expected = "listenwatch: a line of more\r\n    than thirty columns\r\nand another\r\n"
        assert screen.read(len(expected)).decode() == expected
