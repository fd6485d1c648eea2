"""The smallest history that still disagrees: takes operations out, then makes the rest plainer."""

import socket
from collections.abc import Callable, Iterator, Sequence

from listenwatch.conformance.histories.operations import Op, Operations

Oracle = Callable[[Sequence[Operations]], Sequence[bool]]
"""Which of these candidates still disagree. Asked many at once, as running them together is cheap."""

_ROUNDS = 20
_PLAIN = {
    "open_socket": ((int(socket.AF_INET), int(socket.SOCK_STREAM), 0),),
    "listen": ((1,), (5,), (128,), (4096,), (65536,), (-1,)),
    "bind": (("127.0.0.1", 0), ("127.0.0.1", 1)),
    "connect_port": (("127.0.0.1", 1, 1),),
    "shutdown": ((2,),),
}
"""What the arguments of an operation may as well be, the plainest first."""


def shrink(operations: Operations, disagrees: Oracle) -> Operations:
    """Operations of which none can be taken away; the same one if it does not disagree any more."""
    if not disagrees([operations])[0]:
        return operations
    for _ in range(_ROUNDS):
        before = operations
        operations = _plainer(_fewer(operations, disagrees), disagrees)
        if operations == before:
            break
    return _first([_renumbered(operations)], disagrees) or operations


def _first(candidates: Sequence[Operations], disagrees: Oracle) -> Operations | None:
    """The first of these that still disagrees."""
    answers = disagrees(candidates) if candidates else ()
    return next((c for c, answer in zip(candidates, answers, strict=True) if answer), None)


def _fewer(operations: Operations, disagrees: Oracle) -> Operations:
    """Without every run of operations that is not needed: halves first, then ever shorter runs, single ones last."""
    length = max(1, len(operations) // 2)
    while True:
        smaller = _first(list(_without_runs(operations, length)), disagrees)
        if smaller is not None:
            operations = smaller
            length = max(1, min(length, len(operations) // 2))
        elif length == 1:
            return operations
        else:
            length //= 2


def _without_runs(operations: Operations, length: int) -> Iterator[Operations]:
    """The operations without each run of so many operations; the last ones are the likeliest not to matter."""
    for start in reversed(range(0, len(operations), length)):
        rest = operations[:start] + operations[start + length :]
        if rest:
            yield rest


def _plainer(operations: Operations, disagrees: Oracle) -> Operations:
    """With the plainest arguments that still disagree, in the first thread where that will do."""
    single = tuple(op._replace(thread=0) for op in operations)
    if single != operations:
        operations = _first([single], disagrees) or operations
    for position, op in enumerate(operations):
        before, after = operations[:position], operations[position + 1 :]
        candidates = [(*before, plain, *after) for plain in _plainer_ops(op)]
        operations = _first(candidates, disagrees) or operations
    return operations


def _plainer_ops(op: Op) -> Iterator[Op]:
    for arguments in _PLAIN.get(op.call, ()):
        if arguments == op.arguments:
            return
        yield op._replace(arguments=arguments)


def _renumbered(operations: Operations) -> Operations:
    """With the slots counted from 0 in the order they appear."""
    numbers: dict[int, int] = {-1: -1}

    def number(slot: int) -> int:
        return numbers.setdefault(slot, len(numbers) - 1)

    renumbered = []
    for op in operations:
        slot, arguments = number(op.slot), op.arguments
        if op.call in ("connect", "accept", "duplicate"):
            arguments = (number(int(arguments[0])), *arguments[1:])
        renumbered.append(op._replace(slot=slot, arguments=arguments))
    return tuple(renumbered)
