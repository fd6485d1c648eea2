"""The filter that stops listen() and nothing else, as classic BPF, and how a process puts itself under it."""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.linux import libc

Instruction = tuple[int, int, int, int]
"""``struct sock_filter``: code, jump if true, jump if false, operand."""

LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the low half, little-endian
ALLOW, NOTIFY = 0x7FFF_0000, 0x7FC0_0000  # SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF
SYS_LISTEN = 4
"""What socketcall(2) is asked for as its first argument (include/uapi/linux/net.h)."""


class Abi(NamedTuple):
    """One kind of caller: AUDIT_ARCH_*, the numbers of its listen(2), and of its socketcall(2) if it has one."""

    audit_arch: int
    listen: tuple[int, ...]
    socketcall: int | None = None
    is_native: bool = True


_X32 = 0x4000_0000  # __X32_SYSCALL_BIT
ABIS = {
    "x86_64": (Abi(0xC000_003E, (50, 50 | _X32)), Abi(0x4000_0003, (363,), 102, is_native=False)),
    "aarch64": (Abi(0xC000_00B7, (201,)), Abi(0x4000_0028, (284,), is_native=False)),
    "riscv64": (Abi(0xC000_00F3, (201,)),),
}
"""By machine, the native one first."""
_SECCOMP = {"x86_64": 317, "aarch64": 277, "riscv64": 277}

_SET_MODE_FILTER = 1
_SPEC_ALLOW, _NEW_LISTENER, _WAIT_KILLABLE = 1 << 2, 1 << 3, 1 << 5  # SECCOMP_FILTER_FLAG_*
_PR_SET_NO_NEW_PRIVS = 38


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
        yield (LOAD, 0, 0, FIRST_ARGUMENT)
        yield (JUMP_IF_EQUAL, 0, 1, SYS_LISTEN)
        yield (RETURN, 0, 0, NOTIFY)


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install() -> int:
    """Put this thread, and all it starts, under the filter; returns the descriptor of its notifications.

    Only a process without CAP_SYS_ADMIN gives up new privileges for it, as the kernel demands: under root's watch a
    setuid program keeps its bit. SPEC_ALLOW: speculation stays as it was, which kernels before v5.16 would slow down.
    """
    try:
        return _install()
    except PermissionError:
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1)
        return _install()


def _install() -> int:
    """With WAIT_KILLABLE where the kernel has it (5.19): a signal does not interrupt a call we have taken."""
    try:
        return _seccomp(_NEW_LISTENER | _SPEC_ALLOW | _WAIT_KILLABLE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _seccomp(_NEW_LISTENER | _SPEC_ALLOW)


def _seccomp(flags: int) -> int:
    machine = os.uname().machine
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program(machine))
    filter_program = _Program(len(code) // 8, code)
    return libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, flags, ctypes.byref(filter_program), what="seccomp")
