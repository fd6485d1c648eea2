"""A history as data: a tuple of operations that a program can run, JSON can hold and a person can read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from listenwatch.errors import RecordingError

Argument = int | str


class Op(NamedTuple):
    """One operation: the thread that does it, its name (a function of ``calls``), a socket, and the rest.

    Thread 0 does all of its operations first; the others then start at once. ``slot`` is the
    program's number for a descriptor. An operation on a slot with nothing in it does nothing,
    except listen(), which then gets descriptor -1: so any part of a program is a program.
    """

    thread: int
    call: str
    slot: int
    arguments: tuple[Argument, ...] = ()

    def __str__(self) -> str:
        where = f"thread {self.thread}: " if self.thread else ""
        return f"{where}{self.call}({', '.join(map(str, (self.slot, *self.arguments)))})"


Program = tuple[Op, ...]

FORMS = {
    "open_socket": (int, int, int),
    "open_file": (),
    "option": (int, int, int),
    "device": (str,),
    "bind": (str, int),
    "bind_unix": (int,),
    "listen": (int,),
    "connect": (int, int),
    "connect_port": (str, int, int),
    "disconnect": (),
    "accept": (int,),
    "shutdown": (int,),
    "close": (),
    "reset": (),
    "duplicate": (int,),
    "sysctl": (str, str),
    "namespace": (int,),
}
"""The operations by name, and the types of what follows the slot.

A port of 1 to 9 is one of the program's few; the run adds its base to it. ``bind_unix`` binds to an
abstract name with that number (0: one the kernel chooses). The last argument of ``connect`` and
``connect_port`` says whether to wait for the answer.
"""


def threads(program: Program) -> tuple[int, ...]:
    """The threads beside the first that the program starts."""
    return tuple(sorted({op.thread for op in program} - {0}))


def to_json(program: Program) -> list[list[object]]:
    """The program as JSON can hold it."""
    return [[op.thread, op.call, op.slot, *op.arguments] for op in program]


def from_json(data: Iterable[Iterable[object]]) -> Program:
    """The program in such a list; RecordingError if it is none."""
    return tuple(_op(*row) for row in data)


def _op(thread: object, call: object, slot: object, *arguments: object) -> Op:
    form = FORMS.get(call) if isinstance(call, str) else None
    types = tuple(type(argument) for argument in arguments)
    if form is None or types != form or not isinstance(thread, int) or not isinstance(slot, int):
        raise RecordingError(f"not an operation of a program: {call} {types}")
    return Op(thread, str(call), slot, tuple(a for a in arguments if isinstance(a, int | str)))
