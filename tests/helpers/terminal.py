"""A command on a terminal of its own: what stands on it, keys typed into it, and how it was left."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyte

from tests import ROOT

PATIENCE = 300
"""Seconds after which a test that hangs is ended: no measure of speed."""


class Terminal:
    """Runs ``listenwatch ARGUMENTS``; ``before`` is how the terminal was set."""

    def __init__(self, arguments: tuple[str, ...], columns: int, lines: int) -> None:
        self._ours, self._theirs = pty.openpty()
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.messages = ""
        self.resize(columns, lines)
        self.before = self.settings()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "listenwatch", *arguments], cwd=ROOT, stdin=self._theirs, stdout=self._theirs,
            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        )  # fmt: skip

    def settings(self) -> list[Any]:
        """What ``stty`` would tell."""
        return termios.tcgetattr(self._theirs)

    def resize(self, columns: int, lines: int) -> None:
        """As a window manager does; the kernel sends SIGWINCH."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    @property
    def lines(self) -> list[str]:
        """What stands there."""
        return [line.rstrip() for line in self._screen.display]

    def until(self, shows: Callable[[list[str]], bool]) -> list[str]:
        """What stands there once it shows that."""
        deadline = time.monotonic() + PATIENCE
        while not shows(self.lines):
            assert time.monotonic() < deadline, "\n".join(self.lines)
            self._read(0.1)
        return self.lines

    def _read(self, seconds: float) -> None:
        while select.select([self._ours], [], [], seconds)[0]:
            part = os.read(self._ours, 65536)
            self.written += part
            self._stream.feed(part)
            seconds = 0

    def end(self) -> int:
        """The exit status, once all it wrote has been read."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it did not end"
            self._read(0.05)
        self._read(0)
        assert self.process.stderr
        self.messages = self.process.stderr.read().decode()
        return self.process.returncode

    def hang_up(self) -> None:
        """As when its window is closed."""
        os.close(self._ours)
        os.close(self._theirs)
        self._ours = self._theirs = -1

    def close(self) -> None:
        """End it for certain."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        assert self.process.stderr
        self.process.stderr.close()
        if self._ours >= 0:
            self.hang_up()


@contextmanager
def on_terminal(*arguments: str, columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    """One that ends with the test."""
    terminal = Terminal(arguments, columns, lines)
    try:
        yield terminal
    finally:
        terminal.close()
