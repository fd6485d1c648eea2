"""What a process does at one moment, thread by thread; two samples show what it did in between."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import psutil

MOST_THREADS = 512
"""Threads that are read of one process."""
_TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")
_NO_LIMIT = "unlimited"
_TRAP = ("get_signal", "do_freezer_trap")


class Thread(NamedTuple):
    """A thread: ``state`` is the letter of proc(5), ``waits_in`` the kernel function it sleeps in, empty if not known.

    ``ran_ns`` is the processor time it had since it began, ``delayed_ns`` how long it was ready to run and did
    not: 0 where the kernel does not keep it (CONFIG_SCHED_INFO).
    """

    tid: int
    state: str
    waits_in: str
    ran_ns: int
    delayed_ns: int


class ProcessSample(NamedTuple):
    """A process at ``taken`` (``time.monotonic()``). ``start`` tells it from the next of that number.

    ``tracer`` is the process that traces it, 0 if none does; ``frozen`` is its cgroup's state. ``descriptors`` is how many it has open,
    ``most_descriptors`` how many it may (RLIMIT_NOFILE, the soft limit), ``hard_limit`` to how many it may raise
    that; None where not known, or without a limit.
    """

    pid: int
    start: int
    taken: float
    threads: tuple[Thread, ...]
    tracer: int
    frozen: bool
    descriptors: int | None
    most_descriptors: int | None
    hard_limit: int | None


def sample(pid: int) -> ProcessSample | None:
    """A sample of a process; None where it has ended, or may not be looked at."""
    folder = Path("/proc", str(pid))
    try:
        status = (folder / "status").read_text(errors="replace")
        taken, threads = time.monotonic(), tuple(_threads(folder))
        start = int(_stat(folder)[19])
        soft, hard = _descriptor_limits((folder / "limits").read_text())
        frozen = _is_frozen((folder / "cgroup").read_text(errors="surrogateescape"), threads)
    except (OSError, ValueError):
        return None
    match = re.search(r"^TracerPid:\t(\d+)$", status, re.MULTILINE)
    tracer = int(match[1]) if match else 0
    return ProcessSample(pid, start, taken, threads, tracer, frozen, _descriptors(pid), soft, hard)


def _threads(process: Path) -> Iterator[Thread]:
    with os.scandir(process / "task") as entries:
        for entry in islice(entries, MOST_THREADS):
            folder = Path(entry.path)
            try:
                fields = _stat(folder)
                ran, delayed = _times(folder, fields)
                yield Thread(int(entry.name), fields[0], _waits_in(folder), ran, delayed)
            except OSError:  # the thread ended
                continue


def _stat(folder: Path) -> list[str]:
    """The fields of proc(5)'s stat from the third on: a name may hold spaces and parentheses."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _times(folder: Path, fields: list[str]) -> tuple[int, int]:
    """Nanoseconds it ran and waited for a processor (Documentation/scheduler/sched-stats.rst)."""
    try:
        ran, delayed, _ = map(int, (folder / "schedstat").read_text().split())
    except FileNotFoundError:
        ran = delayed = 0
    return ran or (int(fields[11]) + int(fields[12])) * _TICK_NS, delayed


def _waits_in(folder: Path) -> str:
    """The function that /proc/PID/wchan names; the kernel says ``0`` where it does not sleep, or this user may not know."""
    try:
        name = (folder / "wchan").read_text()
    except PermissionError:
        return ""
    return "" if name == "0" else name.partition(".")[0]  # the compiler's copies: ".constprop.0"


def _is_frozen(cgroups: str, threads: tuple[Thread, ...]) -> bool:
    """Whether its cgroup is frozen, as by ``docker pause``.

    In cgroup v2 all threads then sleep in the function that handles signals (kernel/signal.c,
    do_freezer_trap()), where nothing else sleeps; in v1 they keep where they were, and a file says it.
    """
    if threads and all(thread.state == "S" and thread.waits_in.startswith(_TRAP) for thread in threads):
        return True
    for line in cgroups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "freezer":
            with contextlib.suppress(OSError):  # another cgroup namespace, or mounted elsewhere
                return Path(f"/sys/fs/cgroup/freezer{path}/freezer.state").read_text().strip() != "THAWED"
    return False


def _descriptors(pid: int) -> int | None:
    try:
        number: int = psutil.Process(pid).num_fds()
    except psutil.Error:
        return None
    return number


def _descriptor_limits(limits: str) -> tuple[int | None, int | None]:
    """Of /proc/PID/limits, which anybody may read; prlimit(2) asks for CAP_SYS_RESOURCE."""
    match = re.search(r"^Max open files +(\w+) +(\w+)", limits, re.MULTILINE)
    soft, hard = match.groups() if match else (_NO_LIMIT, _NO_LIMIT)
    return tuple(None if value == _NO_LIMIT else int(value) for value in (soft, hard))  # type: ignore[return-value]
