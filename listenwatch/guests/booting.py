"""What is said while a guest boots: on a terminal for how long it does, and at the end how long it took."""

import sys
import time
from types import TracebackType
from typing import Self

from listenwatch.guests.apt import Progress
from listenwatch.linux.progress import Progress as LiveProgress
from listenwatch.linux.terminal import FORWARDED_COLUMNS, forwarded_columns, width_of


class Booting:
    """A context manager, to be called again and again, and once when the command has ``started``.

    From then on it says nothing more: what the command prints follows.
    """

    def __init__(self, say: Progress) -> None:
        self._say, self._live = say, LiveProgress()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._live.shown:
            self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def __call__(self, *, started: bool) -> None:
        seconds = time.monotonic() - self._began
        if started:
            self._live.stop()
            self._say(f"booted in {seconds:.1f} s, running the command")
        elif self._live.shown:
            self._live.show(f"booting, {seconds:.0f} s", now=True)


def shown_on() -> dict[str, str]:
    """The variable by which a command in the guest knows the terminal that shows its standard error; empty for none."""
    columns = width_of(sys.stderr) or forwarded_columns(sys.stderr)
    return {FORWARDED_COLUMNS: str(columns or "")}
