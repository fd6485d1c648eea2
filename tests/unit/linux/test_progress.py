"""Progress changes on a terminal and leaves nothing behind there, also when interrupted; elsewhere a line comes now and then."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from listenwatch.linux import terminal
from listenwatch.linux.progress import LINE_EVERY, Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")


def screen(written: str) -> list[str]:
    """What stands on a terminal that was sent this, of what is used here."""
    lines, row = [""], 0
    position = 0
    while position < len(written):
        character = written[position]
        if character == "\x1b":
            end = next(n for n in range(position + 2, len(written)) if written[n].isalpha())
            command = written[position + 2 : end + 1]
            if command == "2K":
                lines[row] = ""
            elif command == "1A":
                row -= 1
            else:
                assert command in ("?25l", "?25h"), command
            position = end + 1
            continue
        if character == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif character != "\r":
            lines[row] += character
        position += 1
    return [line for line in lines if line]


def test_it_changes_and_leaves_nothing() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress.show("1/3 first", now=True)
        progress.show("2/3 second", "and more", now=True)
        assert screen(stream.getvalue()) == ["2/3 second", "and more"]
    assert screen(stream.getvalue()) == []
    assert stream.getvalue().count("\x1b[?25h") == stream.getvalue().count("\x1b[?25l") == 1, "the cursor is back"


def test_what_comes_too_often_is_left_out() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        for number in range(100):
            progress.show(f"{number}/100")
    assert 1 <= stream.getvalue().count("/100") < 50


def test_a_line_is_cut_to_the_width_and_steers_nothing() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress.show("x" * 50 + "\x1b[2J", now=True)
        progress.show("\x1b[2J", now=True)
        (line,) = screen(stream.getvalue())
        assert line == r"\x1b[2J"


def test_it_is_gone_after_an_interrupt() -> None:
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(stream) as progress:
        progress.show("1/3 first", now=True)
        raise KeyboardInterrupt
    assert screen(stream.getvalue()) == []


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_what_is_done_at_once_says_nothing_elsewhere(stream: io.StringIO, quiet: bool) -> None:
    with Progress(stream, quiet=quiet) as progress:
        progress.show("1/3 first", now=True)
    assert stream.getvalue() == ""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is."""
    now = [1000.0]
    monkeypatch.setattr("listenwatch.linux.progress.time.monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        for number in range(1, 101):
            clock[0] += LINE_EVERY / 40
            progress.show(f"scenario {number} of 100: \x1b[2J", now=True)
    assert stream.getvalue().splitlines() == [
        r"listenwatch: scenario 40 of 100: \x1b[2J", r"listenwatch: scenario 80 of 100: \x1b[2J",
    ]  # fmt: skip


@pytest.mark.parametrize("of_all", [False, True])
def test_quiet_says_nothing_however_long_it_takes(of_all: bool, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_quiet", of_all)
    for stream in (io.StringIO(), Terminal()):
        with Progress(stream, quiet=not of_all) as progress:
            clock[0] += 10 * LINE_EVERY
            progress.show("1/3 first", now=True)
        assert stream.getvalue() == ""


def test_nothing_comes_after_the_stop() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress.show("1/3 first", now=True)
        progress.stop()
        before = stream.getvalue()
        progress.show("2/3 second", now=True)
    assert stream.getvalue() == before
    assert screen(before) == []


FORWARD = """
from listenwatch.linux.progress import Progress
with Progress() as progress:
    progress.show("half way " + "x" * 40, now=True)
"""


@pytest.mark.parametrize(("columns", "goes_there"), [("30", True), ("", True), ("30", False)])
def test_in_a_guest_the_terminal_of_its_host_counts(columns: str, goes_there: bool, tmp_path: Path) -> None:
    """``stderr`` is a pipe there: the one that goes to the terminal, or another."""
    pipe = tmp_path / "err"
    os.mkfifo(pipe)
    code = f"from listenwatch.linux import terminal; terminal.FORWARDED = {str(pipe)!r}\n{FORWARD}"
    environment = {**os.environ, terminal.FORWARDED_COLUMNS: columns}
    if goes_there:
        line = ["sh", "-c", 'cat <"$0" & exec "$1" -c "$2" 2>"$0"', str(pipe), sys.executable, code]
    else:
        line = ["sh", "-c", '"$1" -c "$2" 2>&1 | cat', str(pipe), sys.executable, code]
    done = subprocess.run(line, env=environment, capture_output=True, timeout=30, check=True)
    shown = done.stdout.decode()
    assert ("half way xxxx" in shown) is bool(columns and goes_there)
    if shown:
        assert "half way " + "x" * 20 + "…" in shown, "cut to 30 columns"
        assert screen(shown) == []


SHOW = """
import sys, threading
from listenwatch.linux.progress import Progress
with Progress() as progress:
    progress.show("half way", now=True)
    print("threads", threading.active_count(), "rich" in sys.modules)
"""


def test_rich_is_imported_for_a_terminal_only_and_starts_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("threads 1 False\n", "")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", SHOW], stdout=subprocess.PIPE, stderr=theirs, text=True, check=True
        )
        assert done.stdout == "threads 1 True\n", "standard output is never touched"
        shown = b""
        while b"half way" not in shown:  # the kernel hands over what was written bit by bit
            assert select.select([ours], [], [], 10)[0], shown
            shown += os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
