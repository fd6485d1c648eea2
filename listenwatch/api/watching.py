"""Calls as they happen, judged."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from listenwatch.api.judged_call import JudgedCall
from listenwatch.errors import ObserveError, UsageError
from listenwatch.features.attach import open_any_engine
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.netns import inode_of
from listenwatch.linux.wakeups import UntilStopped
from listenwatch.session.filters import CallFilter
from listenwatch.session.session import Session
from listenwatch.session.source import Attached
from listenwatch.verdict.summary import Summary

Place = tuple[str | os.PathLike[str] | None, Mapping[str, str] | None]
"""The folder and the environment of a command; None: ours."""
GRACE = 5.0
"""Seconds a command has to end after SIGTERM before it is killed."""


class Watch:
    """The calls while they happen: use in a with statement, iterate once.

    ``process`` is the command that is followed, None if there is none.
    """

    def __init__(
        self, command: Sequence[str] | None, call_filter: CallFilter, attach: str, engine: str,
        place: Place = (None, None),
    ) -> None:
        self._command, self._filter, self._place = command, call_filter, place
        self._engine, self._attach = engine, attach
        self._resources = ExitStack()
        self._summary: Summary | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            kernel = running_kernel()
            engine = open_any_engine(self._engine, self._attach, follow=self._command is not None)
            resources.callback(engine.close)
            if self._command is not None:
                self.process = start(self._command, self._place, engine.enter_child)
                resources.callback(end, self.process)
            self._ending = UntilStopped(self.process.pid if self.process else None)
            resources.callback(self._ending.close)
            self._session = Session(Attached(engine, kernel, self._ending), self._filter)
            self._calls = iter(self._session)
            self._resources = resources.pop_all()
        return self

    def __iter__(self) -> Iterator[JudgedCall]:
        return self

    def __next__(self) -> JudgedCall:
        call, verdict = next(self._calls)
        return JudgedCall(call, verdict, self._session.header.kernel)

    def stop(self) -> None:
        """End the iteration, after the calls that returned before; from any thread."""
        self._ending.stop()

    @property
    def summary(self) -> Summary:
        """Calls by verdict, those nobody took among them, and how many were lost."""
        return self._summary or self._session.summary()[0]

    def __exit__(self, *_: object) -> None:
        with self._resources:
            if self.process is not None:
                end(self.process)
            self.stop()
            for _call in self._calls:  # judged and counted
                pass
            self._summary = self._session.summary()[0]


def start(
    command: Sequence[str], place: Place = (None, None), prepare: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    """The command as a process, which runs ``prepare`` before it becomes the command."""
    folder, environment = place
    try:
        return subprocess.Popen(command, cwd=folder, env=environment, preexec_fn=prepare)
    except OSError as error:
        raise UsageError(f"cannot run {command[0]!r}: {error.strerror}") from None
    except subprocess.SubprocessError:  # in ``prepare``: which error it was is not passed on
        raise ObserveError("the command could not be put under a filter of ours") from None


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the command to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def watch(
    command: Sequence[str] | None = None, *, pid: int | None = None, port: int | None = None,
    name: str | None = None, netns: int | str | None = None, attach: str = "auto", engine: str = "core",
    cwd: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None,
) -> Watch:
    """Watch every listen() of this machine as root, or of a command and what it starts, as anybody.

    The iteration waits for the next call. It ends when the command ends, by ``stop()``, or with the
    block, which ends the command too (SIGTERM, SIGKILL after 5 seconds). Calls of other children of
    this process are seen with the command's. ``netns`` is an inode number, a name of ``ip netns`` or
    a path; ``name`` a part of the process's name, or a pattern such as ``redis*`` for all of it. ``cwd`` and ``env`` are the
    command's folder and environment, by default ours. ObserveError where this kernel or this user cannot watch, UsageError for a
    command that cannot run.
    """
    inode = None if netns is None else inode_of(str(netns))
    wanted = CallFilter(
        () if pid is None else (pid,), () if name is None else (name,), () if port is None else (port,),
        inode, followed=command is not None,
    )
    return Watch(command, wanted, attach, engine, (cwd, env))
