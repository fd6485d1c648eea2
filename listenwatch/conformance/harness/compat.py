"""listen() as a 32-bit program makes it: on x86 ``int 0x80`` from a few bytes of machine code, on arm64 such a program."""

import ctypes
import mmap
import os
import socket
import struct
from functools import cache

from listenwatch.conformance.harness import aarch32
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.errors import Skip
from listenwatch.model.inputs import EntryPath

# arch/x86/entry/syscalls/syscall_32.tbl
_GETPID, _SOCKETCALL, _LISTEN = 20, 102, 363
_SYS_LISTEN = 4  # the call number within socketcall, include/uapi/linux/net.h
_MAP_32BIT = 0x40

# int f(number, first, second): push rbx; mov eax, edi; mov ebx, esi; mov ecx, edx; int 0x80;
# pop rbx; ret. The System V calling convention on the outside, that of i386 system calls inside.
_CODE = bytes.fromhex("53 89f8 89f3 89d1 cd80 5b c3")


@cache
def _low_memory() -> tuple[mmap.mmap, int]:
    """Executable memory below 4 GiB holding the code, and its address; made once in each process."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_32BIT
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory[: len(_CODE)] = _CODE
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _int80(number: int, first: int, second: int) -> int:
    function = ctypes.CFUNCTYPE(*[ctypes.c_int] * 4)(_low_memory()[1])
    return int(function(number, first, second))


def listen(fd: int, backlog: int) -> int:
    """The system call ``listen`` of i386; returns 0 or the errno."""
    return -_int80(_LISTEN, fd, backlog)


def socketcall(fd: int, backlog: int) -> int:
    """``socketcall(SYS_LISTEN, ...)``, how 32-bit programs listened before v4.3; returns 0 or the errno."""
    memory, address = _low_memory()
    memory[1024:1032] = struct.pack("=ii", fd, backlog)
    return -_int80(_SOCKETCALL, _SYS_LISTEN, address + 1024)


def listen_on_record(testbed: Testbed, target: socket.socket | int, *backlogs: int) -> None:
    """The same with each backlog in turn, on record: on arm64, whose threads are 32-bit or not for good, by a program."""
    if os.uname().machine != "aarch64":
        testbed.listen(target, *backlogs, entry_path=EntryPath.COMPAT, through=listen)
        return
    fd = target if isinstance(target, int) else target.fileno()
    for backlog in backlogs:
        with aarch32.executable(aarch32.program(aarch32.LISTEN, fd, backlog)) as path:
            testbed.listen_in_program(target, backlog, [path], EntryPath.COMPAT)


def check(_testbed: Testbed) -> None:
    """Raises Skip where 32-bit system calls do not work; without their entry point the process dies."""
    machine = os.uname().machine
    if machine == "aarch64":
        _check_aarch32()
    elif machine != "x86_64":
        raise Skip(f"no 32-bit program for {machine} is known here")
    elif _int80(_GETPID, 0, 0) != os.getpid():
        raise Skip("int 0x80 does not reach the system calls of i386")


def _check_aarch32() -> None:
    with aarch32.executable(aarch32.program(aarch32.EXIT, 0, 0)) as path:
        try:
            pid = os.posix_spawn(path, [path], {})
        except OSError as error:
            raise Skip(f"this kernel, or its processor, runs no AArch32 program: {error.strerror}") from None
    if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise Skip(f"an AArch32 program ended with status {status}")


def check_socketcall(testbed: Testbed) -> None:
    """Raises Skip where 32-bit programs have no ``socketcall``."""
    check(testbed)
    if os.uname().machine != "x86_64":
        raise Skip("32-bit programs of arm64 have no socketcall()")
