"""One command and every process that comes of it, followed until the last has ended."""

import atexit
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from listenwatch.errors import ObserveError, UsageError
from listenwatch.linux.processes import descendants
from listenwatch.linux.terminal import escape

_PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY = 1.0
"""Seconds between two looks for a seccomp filter in the tree."""


class CommandTree:
    """Runs a command, its stdout to our stderr; as the subreaper of its tree we see even a daemon's end.

    ``on_filter`` is called once, with ``pid command``, for a process seen to have a seccomp filter that we have not.
    ``prepare`` is what the process of the command does before it becomes the command; it puts it under one filter.
    """

    def __init__(
        self, command: Sequence[str], on_filter: Callable[[str], None], prepare: Callable[[], None] | None = None
    ) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            self._process = subprocess.Popen(command, stdout=2, restore_signals=True, preexec_fn=prepare)
        except OSError as error:
            raise UsageError(f"cannot run {command[0]!r}: {error.strerror}") from None
        except subprocess.SubprocessError:  # in ``prepare``: which error it was is not passed on
            raise ObserveError("the command could not be put under a filter of ours") from None
        atexit.register(self.reap)  # who has ended by then is not left to process 1: in a container that may not care
        self.status: int | None = None
        self.ended = False
        self._on_filter: Callable[[str], None] | None = on_filter
        self._inherited = _seccomp_filters("self") + (prepare is not None)
        self._look_at = time.monotonic() + LOOK_EVERY

    def reap(self) -> None:
        """Collect every process of the tree that has ended; sets ``ended`` when none is left."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                self.ended = True
                return
            if ended is None:
                return
            self._look_for_filter(ended.si_pid)
            try:
                pid, status = os.waitpid(ended.si_pid, 0)
            except ChildProcessError:  # a helper of ours, and another thread was quicker
                continue
            if pid == self._process.pid:
                self.status = self._process.returncode = os.waitstatus_to_exitcode(status)

    def look_in(self) -> float | None:
        """Seconds until the next ``look``; None: no need for one."""
        return None if self._on_filter is None else max(0.0, self._look_at - time.monotonic())

    def look(self) -> None:
        """Look for a seccomp filter in the tree, once a LOOK_EVERY: who lives shorter is seen only if we reap it."""
        if self.look_in() == 0:
            for pid in descendants(os.getpid()):
                self._look_for_filter(pid)
            self._look_at = time.monotonic() + LOOK_EVERY

    def _look_for_filter(self, pid: int) -> None:
        if self._on_filter is None or _seccomp_filters(str(pid)) <= self._inherited:
            return
        with suppress(OSError):  # it is gone
            self._on_filter(_pid_and_name(pid))
            self._on_filter = None

    def pass_on(self, number: int) -> None:
        """Send the command a signal, if it still runs."""
        if self.status is None:
            os.kill(self._process.pid, number)

    def how_it_ended(self) -> str:
        """``ended with status 3`` or ``was ended by SIGTERM``."""
        status = self.status or 0
        if status >= 0:
            return f"ended with status {status}"
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:  # a real-time signal has no name
            return f"was ended by signal {-status}"

    @property
    def is_filtered(self) -> bool:
        """Whether such a process was seen."""
        return self._on_filter is None

    @property
    def exit_status(self) -> int:
        """The command's own as a shell has it, 128 and the number for a signal; 0 too while it still runs."""
        status = self.status or 0
        return status if status >= 0 else 128 - status

    def survivors(self) -> list[str]:
        """The processes still running, as ``pid command``, for people."""
        self.reap()
        alive = []
        for pid in () if self.ended else descendants(os.getpid()):
            with suppress(OSError):  # it is gone
                alive.append(_pid_and_name(pid))
        return alive


def _pid_and_name(pid: int) -> str:
    """``pid command``; OSError if there is none such."""
    name = Path(f"/proc/{pid}/comm").read_bytes().removesuffix(b"\n")
    return f"{pid} {escape(name)}"


def _seccomp_filters(pid: str) -> int:
    """How many seccomp filters a process has, its parents' among them (proc_pid_status(5)); 0 for one that is gone."""
    try:
        status = Path("/proc", pid, "status").read_text(errors="replace")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines())
    return next((int(line[1]) for line in lines if line[:1] == ["Seccomp_filters:"]), 0)
