"""Seccomp filters for a process of a test: system calls that are answered before the kernel sees them."""

from __future__ import annotations

import ctypes
import os
import struct

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_SECCOMP_RET_ERRNO, _SECCOMP_RET_ALLOW = 0x0005_0000, 0x7FFF_0000
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # include/uapi/linux/bpf_common.h
LISTEN = {"x86_64": 50, "aarch64": 201}[os.uname().machine]
PERSONALITY = {"x86_64": 135, "aarch64": 92}[os.uname().machine]


def refuse(error: int, number: int = LISTEN) -> None:
    """From now on this process and its children get ``error`` for a system call: listen, unless told otherwise."""
    instructions = (
        struct.pack("=HBBI", _LOAD_NUMBER, 0, 0, 0),
        struct.pack("=HBBI", _JUMP_IF_EQUAL, 0, 1, number),
        struct.pack("=HBBI", _RETURN, 0, 0, _SECCOMP_RET_ERRNO | error),
        struct.pack("=HBBI", _RETURN, 0, 0, _SECCOMP_RET_ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(instructions))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(instructions), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)):
        if libc.prctl(*arguments):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
