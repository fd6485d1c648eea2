"""The poll loop of a command that watches: wakes for what can be read, and ends when it should."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from listenwatch.linux import interrupt
from listenwatch.linux.interrupt import Interrupted
from listenwatch.linux.streams import Stream

if TYPE_CHECKING:
    from listenwatch.linux.command_tree import CommandTree

STDOUT = 1
LONGEST = 86_400.0
"""Seconds that poll(2) is asked for at a time: its argument is an int of milliseconds."""
GRACE = 0.5
"""Seconds the rest of an interrupted command's processes have to end with it."""


class Ending(Protocol):
    """When a watch is over."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody asked for it, and waits."""

    def register(self, poll: select.poll) -> None:
        """Add the descriptors that wake it."""

    def left(self) -> float | None:
        """Seconds until ``is_over`` has to be asked again; None: only a descriptor changes its answer."""

    def is_over(self, woken: set[int]) -> bool:
        """Whether it is over, now that these descriptors woke us."""


def wake_ups(
    ending: Ending, readable: Sequence[int] = (),
    patience: Callable[[], float | None] = lambda: None,
) -> Iterator[None]:
    """Yield each time one of ``readable`` may be read, or ``patience`` (seconds) has run out, until the end."""
    poll = select.poll()
    for descriptor in readable:
        poll.register(descriptor, select.POLLIN)
    ending.register(poll)
    woken: set[int] = set()
    while not ending.is_over(woken):
        waits = [wait for wait in (ending.left(), patience()) if wait is not None]
        woken = {fd for fd, _ in poll.poll(max(0.0, min(*waits, LONGEST)) * 1000 if waits else None)}
        yield


class SignalPipe:
    """The signals that end us, and ``others``, caught from its creation to ``close``; main thread only.

    The first of those that end us waits for output to be read. At the second, whatever would wait to write is
    ``Interrupted``.
    """

    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, others: Sequence[signal.Signals] = (signal.SIGCHLD,)) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._came: list[int] = []
        self.ending = 0
        """How many signals that end us have come."""
        self._opening = False
        self._handlers = {
            number: signal.signal(number, self._handle)
            for number in (*self.ENDING, *others)
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN  # nohup
        }
        self._wakeup = signal.set_wakeup_fd(self._write)
        Stream.wait_for_room = staticmethod(self._wait_for_room)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._opening and number in self.ENDING:
            raise Interrupted(number)

    @contextlib.contextmanager
    def ends_opening(self) -> Iterator[None]:
        """While files are opened, which for a FIFO waits until somebody reads it: a signal is ``Interrupted`` at once."""
        self._opening = True
        try:
            yield
        finally:
            self._opening = False

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read

    def take(self) -> set[int]:
        """The signals that came since the last call."""
        self._collect()
        came, self._came = set(self._came), []
        return came

    def _collect(self) -> None:
        with contextlib.suppress(BlockingIOError):
            numbers = os.read(self._read, 4096)
            self._came += numbers
            for number in numbers:
                if number in self.ENDING:
                    self.ending += 1
                    if self.ending > 1:
                        interrupt.hurry(number)

    def _wait_for_room(self, descriptor: int) -> None:
        """As ``interrupt.wait_for_room``, and waits itself: a signal just before write(2) is not missed."""
        while True:
            self._collect()
            interrupt.wait_for_room(descriptor)
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.register(self._read, select.POLLIN)
            if any(ready == descriptor for ready, _ in poll.poll()):
                return

    def close(self) -> None:
        """Put the previous handlers back."""
        Stream.wait_for_room = staticmethod(interrupt.wait_for_room)
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)


class UntilInterrupted:
    """Over by a signal, after ``duration`` seconds, with the command followed, or without a reader.

    A command gets the signal too (by the terminal, or SIGTERM from us) and may end by itself: a
    first signal waits for it, a second one does not. BrokenPipeError once nobody reads our output.
    """

    def __init__(
        self, signals: SignalPipe, duration: float | None = None, tree: CommandTree | None = None
    ) -> None:
        self._signals, self._tree = signals, tree
        self._deadline = None if duration is None else time.monotonic() + duration
        self._interrupted = False

    @property
    def interrupted(self) -> bool:
        """Whether a signal has come."""
        return self._interrupted

    def register(self, poll: select.poll) -> None:
        """A signal, and an output without a reader, which poll reports unasked."""
        poll.register(self._signals.fileno(), select.POLLIN)
        poll.register(STDOUT, 0)

    def left(self) -> float | None:
        """Seconds of the duration that are left, or until the next look at the command's processes."""
        look = None if self._tree is None else self._tree.look_in()
        return min((wait for wait in (self._left(), look) if wait is not None), default=None)

    def _left(self) -> float | None:
        return None if self._deadline is None else self._deadline - time.monotonic()

    def is_over(self, woken: set[int]) -> bool:
        """Take the signals that came, pass SIGTERM on to the command, and say whether to end."""
        if STDOUT in woken:
            raise BrokenPipeError
        came = self._signals.take()
        if self._tree is not None:
            self._tree.look()
        if self._tree is not None and signal.SIGCHLD in came:
            self._tree.reap()
            if self._tree.ended:
                return True
        if came - {signal.SIGCHLD}:
            self._interrupted = True
            if self._tree is None or self._signals.ending > 1:
                return True
            if signal.SIGTERM in came:
                self._tree.pass_on(signal.SIGTERM)
        if self.interrupted and self._tree is not None and self._tree.status is not None:
            left = self._left()
            self._deadline = time.monotonic() + (GRACE if left is None else min(left, GRACE))
        left = self._left()
        return left is not None and left <= 0


class UntilStopped:
    """Over with a process, or by ``stop``, from whatever thread."""

    interrupted = False

    def __init__(self, pid: int | None = None) -> None:
        self._stopped = os.eventfd(0)
        self._enders = {self._stopped} if pid is None else {self._stopped, os.pidfd_open(pid)}

    def register(self, poll: select.poll) -> None:
        """Both stay readable once it is over."""
        for descriptor in self._enders:
            poll.register(descriptor, select.POLLIN)

    def left(self) -> None:
        """As long as it takes."""

    def is_over(self, woken: set[int]) -> bool:
        """Whether either has come."""
        return bool(self._enders & woken)

    def stop(self) -> None:
        """End it."""
        os.eventfd_write(self._stopped, 1)

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in self._enders:
            os.close(descriptor)
