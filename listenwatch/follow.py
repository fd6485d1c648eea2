"""One command and every process that comes of it, followed until the last has ended."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence

from listenwatch.errors import UsageError
from listenwatch.terminal import escape

_PR_SET_CHILD_SUBREAPER = 36


class Followed:
    """Runs a command; as the subreaper of its tree we see even a daemon's end.

    The command's standard output goes to our standard error: ours carries the report only.
    """

    def __init__(self, command: Sequence[str]) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            self._process = subprocess.Popen(command, stdout=2, restore_signals=True)
        except OSError as error:
            raise UsageError(f"cannot run {command[0]!r}: {error.strerror}") from None
        self.status: int | None = None
        self.ended = False

    def reap(self) -> None:
        """Collect every process of the tree that has ended; sets ``ended`` when none is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.ended = True
                return
            if pid == 0:
                return
            if pid == self._process.pid:
                self.status = self._process.returncode = os.waitstatus_to_exitcode(status)

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

    def survivors(self) -> list[str]:
        """The processes still running, as ``pid command``, for people."""
        import psutil

        self.reap()
        alive = []
        for process in psutil.Process().children(recursive=True):
            try:
                alive.append(f"{process.pid} {escape(process.name())}")
            except psutil.NoSuchProcess:
                continue
        return alive


class Signals:
    """SIGINT, SIGTERM, SIGCHLD and the like as bytes on a descriptor, to poll beside the records."""

    WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._handlers = {
            number: signal.signal(number, lambda *_: None)
            for number in self.WATCHED
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN  # nohup
        }
        self._wakeup = signal.set_wakeup_fd(self._write)

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read

    def take(self) -> set[int]:
        """The signals that came since the last call."""
        try:
            return set(os.read(self._read, 4096))
        except BlockingIOError:
            return set()

    def close(self) -> None:
        """Put the previous handlers back."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)
