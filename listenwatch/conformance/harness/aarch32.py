"""A 32-bit program for arm64 that makes one system call: no compiler for it is needed, and no library."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

EXIT, LISTEN = 1, 284  # arch/arm/tools/syscall.tbl

# ldr r0, [pc, #20]; ldr r1, [pc, #20]; ldr r7, [pc, #20], which are the three words behind the code; svc 0;
# rsb r0, r0, #0; mov r7, #EXIT; svc 0. The program's exit status is the errno.
_CODE = struct.pack("<7I", 0xE59F0014, 0xE59F1014, 0xE59F7014, 0xEF000000, 0xE2600000, 0xE3A07000 | EXIT, 0xEF000000)
_BASE, _ELF_HEADER, _PROGRAM_HEADER = 0x10000, 52, 32
_EM_ARM, _EABI5 = 40, 0x0500_0000
_READ_EXECUTE = 5


def program(number: int, first: int, second: int) -> bytes:
    """An ELF file that makes the system call and exits with 0 or the errno."""
    start = _ELF_HEADER + _PROGRAM_HEADER
    body = _CODE + struct.pack("<iii", first, second, number)
    size = start + len(body)
    identity = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIIIIIHHHHHH", 2, _EM_ARM, 1, _BASE + start, _ELF_HEADER, 0, _EABI5,
                         _ELF_HEADER, _PROGRAM_HEADER, 1, 0, 0, 0)  # fmt: skip
    segment = struct.pack("<8I", 1, 0, _BASE, _BASE, size, size, _READ_EXECUTE, _BASE)
    return identity + header + segment + body


@contextmanager
def executable(content: bytes) -> Iterator[str]:
    """A path by which this process can execute the program, as long as the context lasts."""
    fd = os.memfd_create("aarch32")
    try:
        os.write(fd, content)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
