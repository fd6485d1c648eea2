"""The filter that stops listen() and nothing else, and how a process puts itself under it."""

import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.linux import libc
from listenwatch.seccomp.classic_bpf import (
    ALLOW,
    ARCHITECTURE,
    JUMP_IF_EQUAL,
    LOAD,
    NO_NEW_PRIVS,
    NOTIFY,
    NUMBER,
    RETURN,
    SPEC_ALLOW,
    X32,
    Instruction,
    argument,
    set_filter,
)

SYS_LISTEN = 4
"""What socketcall(2) is asked for as its first argument (include/uapi/linux/net.h)."""


class Abi(NamedTuple):
    """One kind of caller: AUDIT_ARCH_*, the numbers of its listen(2), and of its socketcall(2) if it has one."""

    audit_arch: int
    listen: tuple[int, ...]
    socketcall: int | None = None
    is_native: bool = True


ABIS = {
    "x86_64": (Abi(0xC000_003E, (50, 50 | X32)), Abi(0x4000_0003, (363,), 102, is_native=False)),
    "aarch64": (Abi(0xC000_00B7, (201,)), Abi(0x4000_0028, (284,), is_native=False)),
    "riscv64": (Abi(0xC000_00F3, (201,)),),
}
"""By machine, the native one first."""
_NEW_LISTENER, _WAIT_KILLABLE = 1 << 3, 1 << 5  # SECCOMP_FILTER_FLAG_*


def abis(machine: str) -> tuple[Abi, ...]:
    """The kinds of callers of a machine; ObserveError for one that is not known here."""
    if machine not in ABIS:
        raise ObserveError(f"the numbers of listen(2) on {machine} are not known here: attach mode seccomp needs them")
    return ABIS[machine]


def program(machine: str) -> tuple[Instruction, ...]:
    """NOTIFY for listen() of every kind of caller of a machine, ALLOW for all else."""
    instructions = [(LOAD, 0, 0, ARCHITECTURE)]
    for abi in abis(machine):
        block = [*_of_caller(abi), (RETURN, 0, 0, ALLOW)]
        instructions += [(JUMP_IF_EQUAL, 0, len(block), abi.audit_arch), *block]
    return (*instructions, (RETURN, 0, 0, ALLOW))


def _of_caller(abi: Abi) -> Iterator[Instruction]:
    yield (LOAD, 0, 0, NUMBER)
    for number in abi.listen:
        yield (JUMP_IF_EQUAL, 0, 1, number)
        yield (RETURN, 0, 0, NOTIFY)
    if abi.socketcall is not None:
        yield (JUMP_IF_EQUAL, 0, 3, abi.socketcall)
        yield (LOAD, 0, 0, argument(0))
        yield (JUMP_IF_EQUAL, 0, 1, SYS_LISTEN)
        yield (RETURN, 0, 0, NOTIFY)


def install() -> int:
    """Put this thread, and all it starts, under the filter; returns the descriptor of its notifications.

    Only a process without CAP_SYS_ADMIN gives up new privileges for it, as the kernel demands: under root's watch a
    setuid program keeps its bit. SPEC_ALLOW: speculation stays as it was, which kernels before v5.16 would slow down.
    """
    try:
        return _install()
    except PermissionError:
        libc.prctl(NO_NEW_PRIVS, 1)
        return _install()


def _install() -> int:
    """With WAIT_KILLABLE where the kernel has it (5.19): a signal does not interrupt a call we have taken."""
    code = program(os.uname().machine)
    try:
        return set_filter(code, _NEW_LISTENER | SPEC_ALLOW | _WAIT_KILLABLE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return set_filter(code, _NEW_LISTENER | SPEC_ALLOW)
