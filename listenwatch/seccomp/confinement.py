"""What a process may not do any more once it only watches: a filter over all of it, for good.

A list of what is forbidden, not of what is allowed. Which calls a C library makes for the same function changes with
its version, and one that is not allowed would end a watch that did no harm; what must never be done is the same everywhere.
"""

import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.linux import libc
from listenwatch.linux.libc import CLONE_NEWNET
from listenwatch.seccomp.classic_bpf import (
    ALLOW,
    ARCHITECTURE,
    JUMP_IF_ANY_BIT,
    JUMP_IF_AT_LEAST,
    JUMP_IF_EQUAL,
    LOAD,
    NO_NEW_PRIVS,
    NUMBER,
    RETURN,
    SPEC_ALLOW,
    X32,
    Instruction,
    argument,
    failing,
    set_filter,
)
from listenwatch.seccomp.filter import abis


class Numbers(NamedTuple):
    """The number of a system call on x86_64, and where the generic table holds: aarch64, riscv64. None: there is none."""

    x86_64: int | None
    generic: int | None

    def on(self, machine: str) -> int | None:
        """That of a machine (uname -m)."""
        return self.x86_64 if machine == "x86_64" else self.generic


_TABLE: dict[str, tuple[int | None, int | None]] = {
    # another program, another process
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # other processes' memory, registers and descriptors
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "userfaultfd": (323, 282),
    # programs in the kernel, its modules, another kernel
    "perf_event_open": (298, 241), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    # io_uring would do what this filter does not see
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # namespaces and file systems
    "unshare": (272, 97), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "move_mount": (429, 429), "mount_setattr": (442, 442), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # files by handle, whatever their folders allow; every access of everybody
    "open_by_handle_at": (304, None), "fanotify_init": (300, 262),
    # keys
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # the machine
    "reboot": (169, 142), "syslog": (103, 116), "sethostname": (170, 161), "setdomainname": (171, 162),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "iopl": (172, None), "ioperm": (173, None),
    # files: made, changed, removed
    "creat": (85, None), "mknod": (133, None), "mknodat": (259, 33), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "truncate": (76, 45), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None),
    "fchown": (93, 55), "fchownat": (260, 54), "lchown": (94, None), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
}  # fmt: skip
FORBIDDEN = {name: Numbers(*numbers) for name, numbers in _TABLE.items()}
"""Calls that fail with EPERM, whatever they are asked for."""

_FORBIDDEN, _NOT_THERE = failing(errno.EPERM), failing(errno.ENOSYS)
_BPF, _SETNS, _CLONE, _OPENAT, _OPEN = Numbers(321, 280), Numbers(308, 268), Numbers(56, 220), Numbers(257, 56), Numbers(2, None)
_UNREADABLE = Numbers(435, 435), Numbers(437, 437)
"""clone3 and openat2: what they are asked for lies in memory. The C library then makes the older call."""
_ON_MAPS = 1, 2, 3, 4, 15, 25
"""Commands of bpf(2): look up, update, delete, next key; what an object is (enum bpf_cmd, BPF_OBJ_GET_INFO_BY_FD); and
take all there is (BPF_MAP_LOOKUP_AND_DELETE_BATCH).
"""
_CLONE_THREAD = 0x0001_0000
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TSYNC = 1  # SECCOMP_FILTER_FLAG_TSYNC


def confine() -> None:
    """Put every thread of this process, and all it starts, under the filter; OSError where the kernel refuses.

    It also gives up gaining privileges by a program that has them. ObserveError on a machine whose numbers are not known.
    """
    code = program(os.uname().machine)
    libc.prctl(NO_NEW_PRIVS, 1)
    if set_filter(code, _TSYNC | SPEC_ALLOW):
        raise OSError(errno.EBUSY, "seccomp: a thread is under another filter")


def program(machine: str) -> tuple[Instruction, ...]:
    """The filter of a machine. Calls by any other convention than its own fail: nothing here makes one."""
    return (
        (LOAD, 0, 0, ARCHITECTURE), (JUMP_IF_EQUAL, 1, 0, abis(machine)[0].audit_arch), (RETURN, 0, 0, _FORBIDDEN),
        (LOAD, 0, 0, NUMBER), (JUMP_IF_AT_LEAST, 0, 1, X32), (RETURN, 0, 0, _FORBIDDEN),
        *_in_any_case(machine), *_by_argument(machine), (RETURN, 0, 0, ALLOW),
    )  # fmt: skip


def _in_any_case(machine: str) -> Iterator[Instruction]:
    answers = [*((numbers, _FORBIDDEN) for numbers in FORBIDDEN.values()), *((numbers, _NOT_THERE) for numbers in _UNREADABLE)]
    for numbers, answer in answers:
        if (number := numbers.on(machine)) is not None:
            yield (JUMP_IF_EQUAL, 0, 1, number)
            yield (RETURN, 0, 0, answer)


def _by_argument(machine: str) -> Iterator[Instruction]:
    """To read and write maps; to enter network namespaces; threads, and no processes; files to read."""
    yield from _allowed(_BPF.on(machine), 0, JUMP_IF_EQUAL, _ON_MAPS)
    yield from _allowed(_SETNS.on(machine), 1, JUMP_IF_EQUAL, (CLONE_NEWNET,))
    yield from _allowed(_CLONE.on(machine), 0, JUMP_IF_ANY_BIT, (_CLONE_THREAD,))
    yield from _allowed(_OPENAT.on(machine), 2, JUMP_IF_ANY_BIT, (_TO_WRITE,), turned=True)
    yield from _allowed(_OPEN.on(machine), 1, JUMP_IF_ANY_BIT, (_TO_WRITE,), turned=True)


def _allowed(
    number: int | None, which: int, test: int, operands: tuple[int, ...], *, turned: bool = False
) -> Iterator[Instruction]:
    """A call is allowed if its argument passes one of the tests, or with ``turned`` if it passes none."""
    if number is None:
        return
    yes, no = (_FORBIDDEN, ALLOW) if turned else (ALLOW, _FORBIDDEN)
    yield (JUMP_IF_EQUAL, 0, 2 + 2 * len(operands), number)
    yield (LOAD, 0, 0, argument(which))
    for operand in operands:
        yield (test, 0, 1, operand)
        yield (RETURN, 0, 0, yes)
    yield (RETURN, 0, 0, no)
