"""The process a scenario runs in: forked, in a process group of its own, with a time limit."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
import traceback
from collections.abc import Callable

from listenwatch.scenarios import interrupt, libc
from listenwatch.scenarios.journal import Journal, Report, read_report
from listenwatch.scenarios.lab import Lab, Skip

TIME_LIMIT = 60.0
"""Seconds after which a scenario has hung."""

_GRACE = 5.0  # seconds; a process that has closed its pipe is on its way out


def run(
    action: Callable[[Lab], None], time_limit: float = TIME_LIMIT, *, in_turn: bool = False
) -> Report:
    """Run ``action`` in a process and a network namespace of its own; returns what it told.

    Whatever happens, the process and its children are gone afterwards. A process that failed,
    died or hung has that in ``error``. ``in_turn``: its threads do not take a processor from each
    other, where the system lets us say so (SCHED_FIFO, sched(7)).
    """
    with interrupt.held():
        return _run(action, time_limit, in_turn)


def _run(action: Callable[[Lab], None], time_limit: float, in_turn: bool) -> Report:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _live(writing, action, in_turn)
    os.close(writing)
    data, in_time = b"", False
    try:
        with interrupt.let_through():
            data, in_time = _read(reading, time_limit)
    finally:
        os.close(reading)
        status = _end(pid, _GRACE if in_time else 0)
    report = read_report(data.splitlines())
    if report.ended or report.error or report.skip:
        return report
    if not in_time:
        return report._replace(error=f"timeout: no end after {time_limit:g} s")
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return report._replace(error=f"its process died: {name}")


def _live(writing: int, action: Callable[[Lab], None], in_turn: bool) -> None:
    """The child's whole life; does not return."""
    journal = Journal(writing)
    try:
        interrupt.as_usual()
        os.setpgid(0, 0)
        libc.die_with_parent()
        if in_turn:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        action(Lab(journal))
        journal.end()
    except Skip as skip:
        journal.skip(str(skip))
    except BaseException:
        journal.error(traceback.format_exc())
    finally:
        os._exit(0)


def _read(fd: int, time_limit: float) -> tuple[bytes, bool]:
    """Everything until the writers are gone, and whether that came within the limit."""
    data, deadline = b"", time.monotonic() + time_limit
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return data, False
        chunk = os.read(fd, 1 << 16)
        if not chunk:
            return data, True
        data += chunk


def _end(pid: int, grace: float) -> int:
    """Reap the process, after up to ``grace`` seconds in which it may end by itself, and end its group.

    Returns its exit status, or minus the signal that ended it.
    """
    process = os.pidfd_open(pid)
    ended = select.select([process], [], [], grace)[0]
    os.close(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if not ended:
        os.kill(pid, signal.SIGKILL)  # it may not have reached its group yet
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
