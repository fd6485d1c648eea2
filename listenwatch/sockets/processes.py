"""Which processes hold a socket: one pass over /proc, nothing said that was not true at one moment."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

_PROC = Path("/proc")
_LONGEST = 4096  # characters kept of a command line, which may be megabytes
_CONTAINER = re.compile(
    r"(?:docker|libpod|cri-containerd|crio|containerd|nspawn|lxc)[-/.:]([0-9a-f]{12,64}|[\w.-]+)"
    r"|/([0-9a-f]{64})(?:/|$)|kubepods\S*/([0-9a-f]{64})"
)
_UNIT = re.compile(r"/([^/]+\.(?:service|socket|scope))(?=/|$)")


class Process(NamedTuple):
    """A process as it was when its descriptors were read.

    ``name`` and ``command`` are what it chose: escape them before a terminal sees them. ``start``
    is psutil's create_time: with the pid it names one process and never the next of that number.
    ``inner_pid`` is its pid in its own pid namespace, ``where`` its container or unit, empty if none.
    """

    pid: int
    start: float
    name: str
    command: str
    inner_pid: int
    where: str


class Holders(NamedTuple):
    """The processes by the inode of the socket they hold, and how many processes could not be asked."""

    by_inode: dict[int, tuple[Process, ...]]
    unreadable: int


def find_holders(inodes: Collection[int]) -> Holders:
    """Every process with a descriptor of one of these sockets.

    Threads share their process's table unless they took one of their own (CLONE_FILES), so those
    are asked too while a socket has no holder. A process that ends meanwhile is left out.
    """
    wanted = set(inodes) - {0}
    found: dict[int, list[Process]] = {}
    refused: set[int] = set()
    for threads in (False, True):
        for pid in _pids():
            held = wanted & _sockets_of(pid, refused, threads=threads)
            process = describe(pid) if held else None
            if process is None:
                continue
            for inode in held:
                if process not in found.setdefault(inode, []):
                    found[inode].append(process)
        if wanted <= set(found):
            break
    return Holders({inode: tuple(who) for inode, who in found.items()}, len(refused))


def describe(pid: int) -> Process | None:
    """The process behind a number; None if it ended while we looked, whoever has the number now."""
    try:
        process = psutil.Process(pid)
        start = process.create_time()
        with process.oneshot():
            name = process.name()
            command = " ".join(process.cmdline())[:_LONGEST]
        inner = _inner_pid(pid)
        where = place(_read(pid, "cgroup"))
        if not process.is_running():  # compares the start time too
            return None
    except (psutil.Error, OSError):
        return None
    return Process(pid, start, name, command, inner, where)


def place(cgroup: str) -> str:
    """The container or unit a /proc/PID/cgroup tells of: ``container 0123456789ab``, ``nginx.service``."""
    lines = [line.split(":", 2) for line in cgroup.splitlines()]
    paths = [path for _, controllers, path in lines if controllers in ("", "name=systemd")]
    paths += [path for _, _, path in lines]
    for path in paths:
        if found := _CONTAINER.search(path):
            name = next(group for group in found.groups() if group)
            return f"container {name.removesuffix('.scope')[:12]}"
    for path in paths:
        if units := _UNIT.findall(path):
            unit: str = units[-1]
            return unit
    return ""


def _pids() -> Iterator[int]:
    with os.scandir(_PROC) as entries:
        yield from (int(entry.name) for entry in entries if entry.name.isdecimal())


def _sockets_of(pid: int, refused: set[int], *, threads: bool) -> set[int]:
    """The inodes of the sockets it holds; of its other threads' tables if ``threads``."""
    found: set[int] = set()
    process = _PROC / str(pid)
    folders = [process / "fd"]
    try:
        if threads:
            tasks = (process / "task").iterdir()
            folders = [task / "fd" for task in tasks if task.name != process.name]
        for folder in folders:
            found |= _sockets_in(folder)
    except PermissionError:
        refused.add(pid)
    except OSError:  # it ended
        pass
    return found


def _sockets_in(folder: Path) -> set[int]:
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # closed while we looked
                target = os.readlink(entry.path)  # noqa: PTH115  one for each descriptor of the machine
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
    return found


def _inner_pid(pid: int) -> int:
    found = re.search(r"^NSpid:.*\t(\d+)$", _read(pid, "status"), re.MULTILINE)
    return int(found[1]) if found else pid


def _read(pid: int, file: str) -> str:
    return (_PROC / str(pid) / file).read_bytes().decode("utf-8", "backslashreplace")
