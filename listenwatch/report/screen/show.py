"""The loop of the screen: a look every interval in a thread, keys and signals at once, the terminal as it was at the end."""

import contextlib
import os
import select
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from rich.console import Console, ConsoleDimensions
from rich.live import Live

from listenwatch.linux.keyboard import Keyboard
from listenwatch.linux.wakeups import SignalPipe
from listenwatch.report.screen.draw import draw
from listenwatch.report.screen.view import View
from listenwatch.sockets.sampling import Sample, Sampler


class Screen:
    """A context manager: the terminal's other screen, and its keys where standard input is a terminal too."""

    def __init__(self, *, colour: bool) -> None:
        console = Console(file=sys.stdout, no_color=not colour, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False,
            vertical_overflow="crop",
        )  # fmt: skip
        self.keyboard = Keyboard(sys.stdin.fileno()) if sys.stdin.isatty() else None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            if self.keyboard:
                opened.enter_context(self.keyboard)
            opened.enter_context(self._live)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def show(self, sample: Sample | None, view: View) -> None:
        """Draw it in place, as large as the terminal is now: COLUMNS and LINES, which rich would heed, stay as they are."""
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        width, height = columns or 80, lines or 24  # 0: a serial line, of which nobody knows
        self._live.console.size = ConsoleDimensions(width, height)
        self._live.update(draw(sample, view, width, height), refresh=True)

    def suspend(self) -> None:
        """What Ctrl-Z asks for: the shell gets its terminal, and we get it back when we go on."""
        self.__exit__()
        signal.raise_signal(signal.SIGSTOP)
        self.__enter__()


class Looks:
    """A context manager: takes samples in a thread, one each ``interval`` seconds, so that no key waits for a look."""

    def __init__(self, sampler: Sampler, interval: float) -> None:
        self._sampler, self._interval = sampler, interval
        self._future: Future[Sample] | None = None
        self._due = time.monotonic()

    def __enter__(self) -> Self:
        self._finished = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = ThreadPoolExecutor(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        os.close(self._finished)

    def fileno(self) -> int:
        """Readable when a look is over."""
        return self._finished

    def begin(self) -> float | None:
        """Begin a look if it is time; seconds until it is, None while one is under way."""
        left = self._due - time.monotonic()
        if self._future is None and left <= 0:
            self._due = time.monotonic() + self._interval
            self._future = self._thread.submit(self._sampler.take)
            self._future.add_done_callback(lambda _: os.eventfd_write(self._finished, 1))
        return None if self._future else max(0.0, left)

    def taken(self) -> Sample | None:
        """The sample of the look that is over, once; raises what it raised."""
        if self._future is None or not self._future.done():
            return None
        with contextlib.suppress(BlockingIOError):  # it is done a moment before it says so
            os.eventfd_read(self._finished)
        future, self._future = self._future, None
        return future.result()


def show_screen(
    sampler: Sampler, view: View, interval: float, count: int | None = None, *, colour: bool = True
) -> tuple[int, Sample | None]:
    """Refresh until a key, a signal or ``count`` samples end it: the signal that did, 0 if none, and the last sample."""
    sample: Sample | None = None
    with (
        contextlib.closing(SignalPipe((signal.SIGWINCH, signal.SIGTSTP))) as signals,
        Looks(sampler, interval) as looks, Screen(colour=colour) as screen,
    ):  # fmt: skip
        while not view.over and count != 0:
            screen.show(sample, view)
            woken, came = set[int](), signals.take()
            if not came:  # else it came, and was taken note of, while the screen was written: nothing would wake us
                woken = _wait(looks, signals, screen.keyboard, paused=view.paused)
                came = signals.take()
            if ending := came & set(SignalPipe.ENDING):
                return min(ending), sample
            if signal.SIGTSTP in came:
                screen.suspend()
            if screen.keyboard and screen.keyboard.fileno() in woken:
                try:
                    for key in screen.keyboard.read():
                        view.press(key)
                except (EOFError, OSError):  # the terminal has gone
                    return signal.SIGHUP, sample
            if (taken := looks.taken()) and not view.paused:
                sample = taken
                count = None if count is None else count - 1
    return 0, sample


def _wait(looks: Looks, signals: SignalPipe, keyboard: Keyboard | None, *, paused: bool) -> set[int]:
    """Begin a look when one is due; the descriptors that can be read by then."""
    poll = select.poll()
    for descriptor in (looks.fileno(), signals.fileno(), *((keyboard.fileno(),) if keyboard else ())):
        poll.register(descriptor, select.POLLIN)
    left = None if paused else looks.begin()
    return {descriptor for descriptor, _ in poll.poll(None if left is None else left * 1000)}
