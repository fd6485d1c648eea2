"""A process that runs a batch of histories: forked, killed with its parent, read to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from collections.abc import Sequence
from typing import NamedTuple

from listenwatch.histories.program import Program
from listenwatch.histories.run import Runner
from listenwatch.scenarios import libc
from listenwatch.scenarios.journal import Journal, Report, read_report

TIME_LIMIT = 60.0
"""Seconds after which a batch has hung."""


class Numbered(NamedTuple):
    """A program and its number in this run, by which its records are known."""

    number: int
    program: Program


class Worker:
    """One batch under way. Read ``fd`` with ``read`` until that says the worker is done."""

    def __init__(self, batch: Sequence[Numbered]) -> None:
        self.batch = batch
        self.fd, writing = os.pipe()
        self._data: list[bytes] = []
        self._deadline = time.monotonic() + TIME_LIMIT
        self._pid = os.fork()
        if not self._pid:
            os.close(self.fd)
            _live(writing, batch)
        os.close(writing)

    def read(self) -> bool:
        """Take what the process wrote; True once it has ended."""
        chunk = os.read(self.fd, 1 << 16)
        self._data.append(chunk)
        return not chunk

    def seconds_left(self) -> float:
        """Until it counts as hung."""
        return self._deadline - time.monotonic()

    def end(self) -> Report:
        """Reap the process, after killing it if need be; returns all it said."""
        os.close(self.fd)
        if self.seconds_left() <= 0:
            self.kill()
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        report = read_report(b"".join(self._data).splitlines())
        if report.ended or report.error:
            return report
        died = f"a batch of histories died (exit status {status})"
        return report._replace(error=f"timeout after {TIME_LIMIT:g} s" if status == -9 else died)

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def abandon(self) -> None:
        """Kill and reap it, whatever it was about."""
        self.kill()
        self.end()


def _live(writing: int, batch: Sequence[Numbered]) -> None:
    """The child's whole life; does not return."""
    journal = Journal(writing)
    try:
        libc.die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        runner = Runner(journal)
        for position, (number, program) in enumerate(batch):
            runner.run(number, position, program)
        journal.end()
    except BaseException:
        journal.error(traceback.format_exc())
    finally:
        os._exit(0)
