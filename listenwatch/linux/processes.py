"""Which processes hold a socket: one pass over /proc; a process that changes meanwhile is left out."""

import contextlib
import fnmatch
import os
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from listenwatch.linux.cgroup_owner import NOBODY, Owner
from listenwatch.linux.owners import owner_of_process

_PROC = Path("/proc")
_INITIAL = 0xEFFF_FFFC
"""The inode number of the machine's own pid namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h)."""
_LONGEST = 4096  # characters kept of a command line, which may be megabytes


class Process(NamedTuple):
    """A process as it was when its descriptors were read.

    ``name`` and ``command`` are what it chose: escape them before a terminal sees them. ``start``
    is psutil's create_time: with the pid it names one process and never the next of that number.
    ``inner_pid`` is its pid in its own pid namespace, ``owner`` its unit, container and pod.
    """

    pid: int
    start: float
    name: str
    command: str
    inner_pid: int
    owner: Owner = NOBODY


class Holders(NamedTuple):
    """The processes by the inode of the socket they hold, and how many processes could not be asked."""

    by_inode: dict[int, tuple[Process, ...]]
    unreadable: int


@cache
def shows_every_process() -> bool:
    """Whether /proc is that of the machine's own pid namespace; also True where this user may not know."""
    try:
        return (_PROC / "1/ns/pid").stat().st_ino == _INITIAL
    except OSError:
        return True


def find_holders(inodes: Collection[int]) -> Holders:
    """Every process that holds one of these sockets; threads' own tables (CLONE_FILES) are read if none does."""
    wanted = set(inodes) - {0}
    by_inode: dict[int, list[Process]] = {}
    refused: set[int] = set()
    for threads in (False, True):
        for pid in _pids():
            held = wanted & _sockets_of(pid, refused, threads=threads)
            process = describe(pid) if held else None
            if process is None:
                continue
            for inode in held:
                if process not in by_inode.setdefault(inode, []):
                    by_inode[inode].append(process)
        if wanted <= set(by_inode):
            break
    return Holders({inode: tuple(held_by) for inode, held_by in by_inode.items()}, len(refused))


def describe(pid: int) -> Process | None:
    """The process behind a number; None if it ended while we looked, whoever has the number now."""
    import psutil  # slow to import, and ``watch`` needs only the names

    try:
        process = psutil.Process(pid)
        start = process.create_time()
        with process.oneshot():
            name = process.name()
            command = " ".join(process.cmdline())[:_LONGEST]
        inner = _inner_pid(pid)
        owner = owner_of_process(pid)
        if not process.is_running():  # compares the start time too
            return None
    except (psutil.Error, OSError):
        return None
    return Process(pid, start, name, command, inner, owner)


def descendants(pid: int) -> list[int]:
    """The processes whose parent it is, and theirs; those that end meanwhile may be among them, dead ones too.

    As psutil has it, which takes longer to import than many a command that is followed runs.
    """
    children: dict[int, list[int]] = {}
    for process in _pids():
        with contextlib.suppress(OSError):
            parent = int(_read(process, "stat").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(process)
    tree, at = [pid], 0
    while at < len(tree):
        tree += children.get(tree[at], ())
        at += 1
    return tree[1:]


def name_matches(name: str | bytes, wanted: str) -> bool:
    """Whether ``wanted`` is part of the name, or as a shell's pattern (``redis*``) matches all of it."""
    if any(character in wanted for character in "*?["):
        return fnmatch.fnmatchcase(os.fsdecode(name), wanted)
    return os.fsencode(wanted) in os.fsencode(name)


def _pids() -> Iterator[int]:
    with os.scandir(_PROC) as entries:
        yield from (int(entry.name) for entry in entries if entry.name.isdecimal())


def _sockets_of(pid: int, refused: set[int], *, threads: bool) -> set[int]:
    """The inodes of the sockets it holds; of its other threads' tables if ``threads``."""
    inodes: set[int] = set()
    process = _PROC / str(pid)
    folders = [process / "fd"]
    try:
        if threads:
            tasks = (process / "task").iterdir()
            folders = [task / "fd" for task in tasks if task.name != process.name]
        for folder in folders:
            inodes |= _sockets_in(folder)
    except PermissionError:
        refused.add(pid)
    except OSError:  # it ended
        pass
    return inodes


def _sockets_in(folder: Path) -> set[int]:
    inodes = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # closed while we looked
                target = os.readlink(entry.path)  # noqa: PTH115  one for each descriptor of the machine
                if target.startswith("socket:["):
                    inodes.add(int(target[8:-1]))
    return inodes


def _inner_pid(pid: int) -> int:
    match = re.search(r"^NSpid:.*\t(\d+)$", _read(pid, "status"), re.MULTILINE)
    return int(match[1]) if match else pid


def _read(pid: int, file: str) -> str:
    return (_PROC / str(pid) / file).read_bytes().decode("utf-8", "backslashreplace")
