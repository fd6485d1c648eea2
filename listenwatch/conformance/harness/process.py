"""The process a scenario or a batch of histories runs in: forked, in a process group of its own, with a time limit."""

import contextlib
import os
import select
import signal
import time
import traceback
from collections.abc import Callable

from listenwatch.conformance.harness.journal import Journal, Report, read_report
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.errors import Skip
from listenwatch.linux import interrupt, libc, netns
from listenwatch.linux.privileges import own_privilege

TIME_LIMIT = 60.0
"""Seconds after which a process has hung."""

_GRACE = 5.0  # seconds; a process that has closed its pipe is on its way out


class Forked:
    """A process under way that does ``action``. Read ``fd`` with ``read`` until that says it is done.

    ``in_turn``: its threads do not take a processor from each other, where the system lets us say
    so (SCHED_FIFO, sched(7)).
    """

    def __init__(
        self, action: Callable[[Journal], object], time_limit: float = TIME_LIMIT, *, in_turn: bool = False
    ) -> None:
        self._time_limit = time_limit
        self._deadline = time.monotonic() + time_limit
        self._data = bytearray()
        self._done = False
        with interrupt.held():
            self.fd, writing = os.pipe()
            self._pid = os.fork()
            if not self._pid:
                os.close(self.fd)
                _live(Journal(writing), action, in_turn)
            os.close(writing)

    def read(self) -> bool:
        """Take what the process wrote; True once all its writers are gone."""
        chunk = os.read(self.fd, 1 << 16)
        self._data += chunk
        self._done = not chunk
        return self._done

    def seconds_left(self) -> float:
        """Until it counts as hung."""
        return self._deadline - time.monotonic()

    def wait(self) -> None:
        """Read until it is done or has hung."""
        while (left := self.seconds_left()) > 0 and select.select([self.fd], [], [], left)[0]:
            if self.read():
                return

    def end(self) -> Report:
        """Reap the process, after killing it if it is not done, and end its group; returns what it reported.

        One that failed, died or hung has that in ``error``.
        """
        os.close(self.fd)
        hung = not self._done and self.seconds_left() <= 0
        status = _reap(self._pid, _GRACE if self._done else 0)
        report = read_report(bytes(self._data).splitlines())
        if report.ended or report.error or report.skip:
            return report
        if hung:
            return report._replace(error=f"timeout: no end after {self._time_limit:g} s")
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return report._replace(error=f"its process died: {name}")


def run(
    action: Callable[[Testbed], object], time_limit: float = TIME_LIMIT, *, in_turn: bool = False,
    prepare: Callable[[], None] | None = None,
) -> Report:  # fmt: skip
    """Run ``action`` in a process and a network namespace of its own; returns what it reported.

    ``prepare`` is what the process does first. Whatever happens, the process and its children are gone afterwards.
    """

    def live(journal: Journal) -> None:
        if prepare is not None:
            prepare()
        if not own_privilege().has("CAP_SYS_ADMIN"):
            _become_root_of_ourselves()
        action(Testbed(journal))

    with interrupt.held():
        process = Forked(live, time_limit, in_turn=in_turn)
        try:
            with interrupt.let_through():
                process.wait()
        finally:
            report = process.end()
    return report


def _become_root_of_ourselves() -> None:
    """Into a user namespace, where network namespaces may be made without privilege; Skip where that is not allowed."""
    try:
        netns.new_user_namespace()
    except OSError as error:
        raise Skip(f"no network namespace without privilege: user namespace: {error.strerror}") from None


def _live(journal: Journal, action: Callable[[Journal], object], in_turn: bool) -> None:
    """The child's whole life; does not return."""
    try:
        interrupt.as_usual()
        os.setpgid(0, 0)
        libc.die_with_parent()
        if in_turn:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        action(journal)
        journal.end()
    except Skip as skip:
        journal.end(str(skip))
    except BaseException:
        journal.error(traceback.format_exc())
    finally:
        os._exit(0)


def _reap(pid: int, grace: float) -> int:
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
