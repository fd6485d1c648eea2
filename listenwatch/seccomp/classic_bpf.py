"""Filters of system calls as the kernel takes them: classic BPF over ``struct seccomp_data`` (seccomp(2))."""

import ctypes
import os
import struct
from collections.abc import Sequence

from listenwatch.linux import libc

Instruction = tuple[int, int, int, int]
"""``struct sock_filter``: code, jump if true, jump if false, operand."""

LOAD, RETURN = 0x20, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_RET|BPF_K
JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_ANY_BIT = 0x15, 0x35, 0x45  # BPF_JMP|BPF_K with BPF_JEQ, BPF_JGE, BPF_JSET
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
ALLOW, NOTIFY, _ERROR = 0x7FFF_0000, 0x7FC0_0000, 0x0005_0000  # SECCOMP_RET_ALLOW, _USER_NOTIF, _ERRNO
X32 = 0x4000_0000
"""__X32_SYSCALL_BIT: numbers of calls by x86's third convention, which has the architecture of the first."""
SPEC_ALLOW = 1 << 2
"""SECCOMP_FILTER_FLAG_SPEC_ALLOW: speculation stays as it was, which kernels before v5.16 would slow down."""
NO_NEW_PRIVS = 38
"""PR_SET_NO_NEW_PRIVS, an option of prctl(2)."""

_SECCOMP = {"x86_64": 317, "aarch64": 277, "riscv64": 277}
_SET_MODE_FILTER = 1


def argument(number: int) -> int:
    """Where the low half of an argument of the call lies; all machines with a filter here are little-endian."""
    return 16 + 8 * number


def failing(error: int) -> int:
    """What a filter returns to have the call fail with an errno."""
    return _ERROR | error


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def set_filter(program: Sequence[Instruction], flags: int) -> int:
    """seccomp(SECCOMP_SET_MODE_FILTER): what it returns; OSError where the kernel refuses."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    filter_program = _Program(len(code) // 8, code)
    number = _SECCOMP[os.uname().machine]
    return libc.syscall(number, _SET_MODE_FILTER, flags, ctypes.byref(filter_program), what="seccomp")
