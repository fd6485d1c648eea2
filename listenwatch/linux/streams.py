"""The standard streams: there even where they were closed, messages that cannot fail, writes that a signal ends."""

import io
import os
import select
import sys
from collections.abc import Callable
from typing import Any

from listenwatch.linux import interrupt

_WRONG_WAY = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
"""How /dev/null stands in for a closed descriptor: as with the closed one, reading 0 and writing 1 fail (EBADF)."""


class Stream(io.FileIO):
    """A file, pipe or terminal to write to: waits for room as long as no signal says to hurry (``Interrupted`` then)."""

    wait_for_room: Callable[[int], None] = staticmethod(interrupt.wait_for_room)
    """Returns when the descriptor can be written; ``SignalPipe`` puts a better one here."""
    discard = False
    """Take everything for written: it failed before."""

    def write(self, data: Any, /) -> int:
        """Write some of it; never more than poll(2) promises room for."""
        if self.discard:
            return len(data)
        while True:
            Stream.wait_for_room(self.fileno())
            written: int | None = super().write(memoryview(data)[: select.PIPE_BUF])
            if written is not None:  # else: somebody else made it non-blocking, and was faster
                return written
            interrupt.poll(self.fileno(), select.POLLOUT)


class Messages(Stream):
    """Standard error: a message that cannot be written is dropped. It is no part of the result."""

    def write(self, data: Any, /) -> int:
        """Write some of it, or drop it."""
        try:
            return super().write(data)
        except (OSError, interrupt.Interrupted):
            return len(data)


def complete() -> bool:
    """Make ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` usable; returns whether standard output was open.

    No file opened later gets one of the three numbers, where messages would land in it, here or in a child.
    """
    closed = [descriptor for descriptor in _WRONG_WAY if not _is_open(descriptor)]
    for descriptor in closed:
        os.set_inheritable(os.open(os.devnull, _WRONG_WAY[descriptor]), True)  # the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  as the interpreter does
    sys.stdout = _text(Stream(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(Messages(2, "w", closefd=False), sys.stderr)
    return 1 not in closed


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _text(raw: Stream, replaced: Any) -> io.TextIOWrapper:
    """What the locale cannot show is escaped; else as the stream it replaces, None where that was closed."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=getattr(replaced, "encoding", None), errors="backslashreplace",
        line_buffering=isinstance(raw, Messages) or getattr(replaced, "line_buffering", False),
        write_through=getattr(replaced, "write_through", False),
    )  # fmt: skip


def need_descriptors(count: int = 16) -> None:
    """OSError unless so many files can still be opened: a look at the machine that lacks some finds less than there is."""
    opened: list[int] = []
    try:
        opened.extend(os.dup(1) for _ in range(count))
    finally:
        for descriptor in opened:
            os.close(descriptor)


def discard_output() -> None:
    """What could not be written stays unwritten: the interpreter, which flushes at its end, does not fail again."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, Stream):
        raw.discard = True


def flush() -> None:
    """Write what is left; what cannot be written any more is dropped."""
    try:
        sys.stdout.flush()
    except (OSError, interrupt.Interrupted):
        discard_output()
