"""Ctrl-C, taken only where it can be.

Python runs its handlers wherever it stands, and what they raise inside fork() or inside a callback
from C is printed and forgotten: the interrupt would be lost. So it is held back there.

Where output is not read, the program waits to write. Once a signal has said to hurry it waits no more.
"""

import contextlib
import select
import signal
from collections.abc import Iterator
from types import FrameType

_INTERRUPT = {signal.SIGINT}
_PATIENCE = 0.2
"""Seconds a reader has that is only slow, once a signal has said to hurry."""

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of what Ctrl-C ended, as in a shell."""

_hurried_by = 0


class Interrupted(KeyboardInterrupt):
    """The program was to hurry, and would have had to wait; ``status`` is 128 and the signal's number, as in a shell."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def hurry(number: int) -> None:
    """From now on, by this signal, nothing waits for room to write."""
    global _hurried_by
    _hurried_by = number


def raise_it(number: int, _frame: FrameType | None) -> None:
    """The handler of SIGINT: KeyboardInterrupt, and no more waiting."""
    hurry(number)
    raise KeyboardInterrupt


def wait_for_room(descriptor: int) -> None:
    """Interrupted if the program is to hurry and nobody reads ``descriptor``; otherwise write(2) itself waits.

    Within ``held`` a write is not cut short by a signal, but one that waits for a reader is ended by it.
    """
    if poll(descriptor, select.POLLOUT, 0):
        return
    interrupted = False
    if not _hurried_by and _is_held():
        try:
            with let_through():
                poll(descriptor, select.POLLOUT)
        except KeyboardInterrupt:
            interrupted = True
    if _hurried_by and not poll(descriptor, select.POLLOUT, _PATIENCE):
        raise Interrupted(_hurried_by)
    if interrupted:
        signal.raise_signal(signal.SIGINT)  # for the end of ``held``


def poll(descriptor: int, events: int, seconds: float | None = None) -> bool:
    """Whether one of the events of poll(2) came within ``seconds`` (None: wait as long as it takes)."""
    waiting = select.poll()
    waiting.register(descriptor, events)
    return bool(waiting.poll(None if seconds is None else seconds * 1000))


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold SIGINT back; one that came meanwhile raises KeyboardInterrupt at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def let_through() -> Iterator[None]:
    """Within ``held``: a place where KeyboardInterrupt may be raised."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)


def _is_held() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def as_usual() -> None:
    """In a forked child: SIGINT ends it, as it ends any program."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
