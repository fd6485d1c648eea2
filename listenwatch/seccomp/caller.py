"""Who makes a call that waits, by /proc, and the socket behind its descriptor."""

import contextlib
import os
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from listenwatch.linux import libc
from listenwatch.linux.cgroup_owner import unified_path
from listenwatch.linux.cgroup_paths import Mount, unified_mount
from listenwatch.model.socket_c import as_int
from listenwatch.seccomp.filter import abis
from listenwatch.seccomp.notification import Notification

_PIDFD_GETFD = 438
_KCMP, _KCMP_FILES = {"x86_64": 312, "aarch64": 272, "riscv64": 272}, 2
_PIDFD_THREAD = os.O_EXCL  # since v6.9
_LABEL = "attr/current"


class Asked(NamedTuple):
    """The arguments of a listen()."""

    fd: int
    backlog: int


class Caller(NamedTuple):
    """A thread, its process and its user, as our namespaces number them; ``cgroup_id`` 0: not known."""

    pid: int
    tid: int
    uid: int
    comm: bytes
    cgroup_id: int


def caller_of(tid: int) -> Caller:
    """By a thread that waits; OSError or ValueError where /proc does not show it."""
    folder = Path("/proc", str(tid))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text(errors="replace").splitlines())
    comm = (folder / "comm").read_bytes().removesuffix(b"\n")
    return Caller(int(status["Tgid"]), tid, int(status["Uid"].split()[0]), comm, _cgroup_id(folder))


def _cgroup_id(folder: Path) -> int:
    """The number of its cgroup, which is the inode of the cgroup's folder (kernfs)."""
    with contextlib.suppress(OSError):
        path, mount = unified_path((folder / "cgroup").read_bytes().decode("utf-8", "surrogateescape")), _mount()
        if path is not None and mount and path.startswith(mount.root):
            return Path(mount.folder + path[len(mount.root) :]).stat().st_ino
    return 0


@lru_cache
def _mount() -> Mount | None:
    return unified_mount(Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))


def is_native(notification: Notification, machine: str) -> bool:
    """Whether it is a call by the machine's own convention, and not of a 32-bit program."""
    return notification.audit_arch == abis(machine)[0].audit_arch


def asked(notification: Notification, machine: str) -> Asked:
    """What listen() was given; OSError or struct.error where it lies in memory that we may not read."""
    abi = next(abi for abi in abis(machine) if abi.audit_arch == notification.audit_arch)
    values = notification.arguments[:2]
    if notification.number == abi.socketcall:
        with Path("/proc", str(notification.tid), "mem").open("rb", buffering=0) as memory:
            memory.seek(notification.arguments[1])
            values = struct.unpack("=II", memory.read(8))
    return Asked(*map(as_int, values))


def duplicate(caller: Caller, fd: int) -> int | None:
    """A descriptor of our own for the same open file; None where the caller has none, or we may not have it."""
    try:
        process = _open_table(caller)
    except OSError:
        return None
    try:
        return libc.syscall(_PIDFD_GETFD, process, fd, 0, what="pidfd_getfd")
    except OSError:
        return None
    finally:
        os.close(process)


def _open_table(caller: Caller) -> int:
    """What pidfd_getfd(2) takes for the caller's descriptors: the thread itself, before v6.9 its process.

    A thread may have a table of its own (CLONE_FILES, unshare(2)): then the process will not do.
    """
    try:
        return os.pidfd_open(caller.tid, _PIDFD_THREAD)
    except OSError:
        if caller.tid != caller.pid:
            number = _KCMP[os.uname().machine]
            if libc.syscall(number, caller.tid, caller.pid, _KCMP_FILES, 0, 0, what="kcmp"):
                raise
        return os.pidfd_open(caller.pid)


def has_our_label(tid: int) -> bool:
    """Whether security modules that go by a label would answer the caller as they answer us."""
    return _label(str(tid)) == _label("thread-self")


def _label(process: str) -> bytes | None:
    try:
        return Path("/proc", process, _LABEL).read_bytes()
    except OSError:  # no such module, or none that shows labels
        return None
