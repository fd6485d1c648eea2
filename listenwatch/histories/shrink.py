"""The smallest program that still disagrees: takes operations out, then makes the rest plainer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence

from listenwatch.histories.program import Op, Program

Oracle = Callable[[Sequence[Program]], Sequence[bool]]
"""Which of these programs still disagree. Asked many at once, as running them together is cheap."""

_ROUNDS = 20
_PLAIN = {
    "open_socket": ((int(socket.AF_INET), int(socket.SOCK_STREAM), 0),),
    "listen": ((1,), (5,), (128,), (4096,), (65536,), (-1,)),
    "bind": (("127.0.0.1", 0), ("127.0.0.1", 1)),
    "connect_port": (("127.0.0.1", 1, 1),),
    "shutdown": ((2,),),
}
"""What the arguments of an operation may as well be, the plainest first."""


def shrink(program: Program, disagrees: Oracle) -> Program:
    """A program from which nothing more can be taken; the same one if it does not disagree any more."""
    if not disagrees([program])[0]:
        return program
    for _ in range(_ROUNDS):
        before = program
        program = _plainer(_fewer(program, disagrees), disagrees)
        if program == before:
            break
    return _first([_renumbered(program)], disagrees) or program


def _first(candidates: Sequence[Program], disagrees: Oracle) -> Program | None:
    """The first of these that still disagrees."""
    answers = disagrees(candidates) if candidates else ()
    return next((c for c, answer in zip(candidates, answers, strict=True) if answer), None)


def _fewer(program: Program, disagrees: Oracle) -> Program:
    """Without every run of operations that is not needed: halves first, then ever shorter runs, single ones last."""
    length = max(1, len(program) // 2)
    while True:
        smaller = _first(list(_without_runs(program, length)), disagrees)
        if smaller is not None:
            program = smaller
            length = max(1, min(length, len(program) // 2))
        elif length == 1:
            return program
        else:
            length //= 2


def _without_runs(program: Program, length: int) -> Iterator[Program]:
    """The program without each run of so many operations; the last ones are the likeliest not to matter."""
    for start in reversed(range(0, len(program), length)):
        rest = program[:start] + program[start + length :]
        if rest:
            yield rest


def _plainer(program: Program, disagrees: Oracle) -> Program:
    """With the plainest arguments that still disagree, in the first thread where that will do."""
    single = tuple(op._replace(thread=0) for op in program)
    if single != program:
        program = _first([single], disagrees) or program
    for position, op in enumerate(program):
        candidates = [
            (*program[:position], plain, *program[position + 1 :]) for plain in _plainer_ops(op)
        ]
        program = _first(candidates, disagrees) or program
    return program


def _plainer_ops(op: Op) -> Iterator[Op]:
    for arguments in _PLAIN.get(op.call, ()):
        if arguments == op.arguments:
            return
        yield op._replace(arguments=arguments)


def _renumbered(program: Program) -> Program:
    """With the slots counted from 0 in the order they appear."""
    numbers: dict[int, int] = {-1: -1}

    def number(slot: int) -> int:
        return numbers.setdefault(slot, len(numbers) - 1)

    renumbered = []
    for op in program:
        slot, arguments = number(op.slot), op.arguments
        if op.call in ("connect", "accept", "duplicate"):
            arguments = (number(int(arguments[0])), *arguments[1:])
        renumbered.append(op._replace(slot=slot, arguments=arguments))
    return tuple(renumbered)
