"""A history as data: a tuple of operations that can be run, JSON can hold and a person can read."""

from collections.abc import Iterable
from typing import Any, NamedTuple

Argument = int | str


class Op(NamedTuple):
    """One operation: the thread that does it, its name (a function of ``calls``), a socket, and the rest.

    Thread 0 does all of its operations first; the others then start at once. ``slot`` is the
    history's number for a descriptor. An operation on a slot with nothing in it does nothing,
    except listen(), which then gets descriptor -1: so any part of a history is a history.

    A port of 1 to 9 is one of the history's few; the run adds its base to it. ``bind_unix`` binds
    to an abstract name with that number (0: one the kernel chooses). The last argument of
    ``connect`` and ``connect_port`` says whether to wait for the answer.
    """

    thread: int
    call: str
    slot: int
    arguments: tuple[Argument, ...] = ()

    def __str__(self) -> str:
        where = f"thread {self.thread}: " if self.thread else ""
        return f"{where}{self.call}({', '.join(map(str, (self.slot, *self.arguments)))})"


Operations = tuple[Op, ...]
"""All that a history does, in order."""


def threads(operations: Operations) -> tuple[int, ...]:
    """The threads after the first that the history starts."""
    return tuple(sorted({op.thread for op in operations} - {0}))


def to_json(operations: Operations) -> list[list[object]]:
    """The operations as JSON can hold them."""
    return [[op.thread, op.call, op.slot, *op.arguments] for op in operations]


def from_json(data: Iterable[Iterable[Any]]) -> Operations:
    """The operations in such a list."""
    return tuple(Op(thread, call, slot, tuple(arguments)) for thread, call, slot, *arguments in data)
