"""Ctrl-C, taken only where it can be.

Python runs its handlers wherever it stands, and what they raise inside fork() or inside a callback
from C is printed and forgotten: the interrupt would be lost. So it is held back there.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

_INTERRUPT = {signal.SIGINT}


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


def as_usual() -> None:
    """In a forked child: SIGINT ends it, as it ends any program."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
