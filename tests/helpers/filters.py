"""Filters of system calls, run instruction by instruction as the kernel would (net/core/filter.c)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from listenwatch.seccomp.classic_bpf import (
    JUMP_IF_ANY_BIT,
    JUMP_IF_AT_LEAST,
    JUMP_IF_EQUAL,
    LOAD,
    RETURN,
    Instruction,
)

JUMPS: dict[int, Callable[[int, int], bool]] = {
    JUMP_IF_EQUAL: lambda value, operand: value == operand,
    JUMP_IF_AT_LEAST: lambda value, operand: value >= operand,
    JUMP_IF_ANY_BIT: lambda value, operand: bool(value & operand),
}


def run(instructions: Sequence[Instruction], arch: int, number: int, *arguments: int) -> int:
    """What the filter returns for a call."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *(*arguments, *[0] * 6)[:6])
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        if code == LOAD:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == RETURN:
            return operand
        else:
            at += if_true if JUMPS[code](accumulator, operand) else if_false
