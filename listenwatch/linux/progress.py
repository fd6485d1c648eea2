"""What is going on, on stderr: on a terminal lines that change, and of which nothing is left; elsewhere a line now and then."""

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from listenwatch.linux.terminal import escape, forwarded_columns, is_quiet

if TYPE_CHECKING:
    from rich.live import Live

AT_MOST_EVERY = 0.1
"""Seconds between two looks of the terminal."""
LINE_EVERY = 10.0
"""Seconds between two lines where there is no terminal: a pipe, a file, the log of a CI job."""


class Progress:
    """A context manager; says nothing if ``quiet``, or if nothing but faults is to be said.

    ``shown``: on a terminal, be it that of a guest's host. rich is imported only there: it takes longer than
    listenwatch itself. It starts no thread here, as a process that forks must not have any.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._columns = None if self._stream.isatty() else forwarded_columns(self._stream)
        self.quiet = quiet or is_quiet()
        self.shown = not self.quiet and (self._stream.isatty() or self._columns is not None)
        self._live: Live | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        if self.shown:
            from rich.console import Console
            from rich.live import Live

            forced = None if self._columns is None else True
            self._live = Live(
                console=Console(file=self._stream, force_terminal=forced, width=self._columns), auto_refresh=False,
                transient=True, redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        else:
            self._next = time.monotonic() + LINE_EVERY
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take from the terminal what is shown; from then on nothing is."""
        self.quiet = True
        if self._live:
            self._live.stop()
            self._live = None

    def show(self, *lines: str, now: bool = False) -> None:
        """Show these lines instead of the last ones; not each time, unless a terminal is to do it ``now``, if it is often."""
        if self.quiet or not ((now and self._live) or time.monotonic() >= self._next):
            return
        text = "\n".join(map(escape, lines))
        if self._live:
            from rich.text import Text

            self._next = time.monotonic() + AT_MOST_EVERY
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
        else:
            self._next = time.monotonic() + LINE_EVERY
            print("listenwatch:", text, file=self._stream, flush=True)
