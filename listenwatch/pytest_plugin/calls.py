"""The calls of a command that a test watches: collected as they come, waited for, looked at later."""

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn, Protocol, Self

import pytest

import listenwatch
from listenwatch.api.judged_call import JudgedCall
from listenwatch.api.watching import Place, end, start, watch
from listenwatch.call.codec import call_from_json
from listenwatch.errors import UsageError
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.processes import name_matches
from listenwatch.pytest_plugin.judging import Watched
from listenwatch.pytest_plugin.seen import SeenCall
from listenwatch.pytest_plugin.session_client import Client, is_watched
from listenwatch.report.tested import call_text, ended_text, waited_text, wanted_text
from listenwatch.verdict.judge import Judge

PATIENCE = 30.0
"""Seconds a test waits for a call, unless it says otherwise."""


class Source(Protocol):
    """Where the calls of a command come from; ``begin`` starts it, ``collect`` ends once it has ended."""

    def begin(self) -> subprocess.Popen[bytes]: ...
    def collect(self) -> Iterator[JudgedCall]: ...
    def close(self) -> None: ...


class OwnWatch:
    """A watch of our own: by the probe as root, else by seccomp."""

    def __init__(self, command: Sequence[str], place: Place, attach: str) -> None:
        self._watch = watch(command, attach=attach, cwd=place[0], env=place[1])

    def begin(self) -> subprocess.Popen[bytes]:
        """Attach, and start the command."""
        self._watch.__enter__()
        assert self._watch.process
        return self._watch.process

    def collect(self) -> Iterator[JudgedCall]:
        """Every call, until the command has ended."""
        return iter(self._watch)

    def close(self) -> None:
        """Detach."""
        self._watch.__exit__()


class SessionWatch:
    """What a watched session sees of the command: a process can have one seccomp filter only that somebody listens to."""

    def __init__(self, command: Sequence[str], place: Place) -> None:
        self._command, self._place = command, place
        self._kernel = running_kernel()
        self._judge = Judge(behaviour_of(self._kernel))

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the command."""
        self._client = Client()
        self._client.rest()  # what was before is not its
        self._process = start(self._command, self._place)
        self._ended = os.pidfd_open(self._process.pid)
        return self._process

    def collect(self) -> Iterator[JudgedCall]:
        """Those of the command and what it starts, until it has ended."""
        for call in self._client.coming(until=self._ended):
            if call.is_below(self._process.pid):
                recorded = call_from_json(call.recorded)
                yield JudgedCall(recorded, self._judge.judge(recorded), self._kernel)

    def close(self) -> None:
        """Stop asking."""
        self._client.close()
        os.close(self._ended)


class Calls:
    """The calls of a command while it runs, judged: use in a with statement, which ends the command too.

    ``process`` is the command. Iterated, indexed or counted it has the calls seen so far, in their order.
    """

    process: subprocess.Popen[bytes]

    def __init__(self, source: Source, watched: Watched, *, notes: bool) -> None:
        self._source, self._watched, self._notes = source, watched, notes
        self._seen: list[JudgedCall] = []
        self._taken: set[int] = set()
        self._changed = threading.Condition()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._collect, name="listenwatch-calls", daemon=True)

    def __enter__(self) -> Self:
        self.process = self._source.begin()
        self._watched.watches += 1
        self._watched.going_on += 1
        self._thread.start()
        return self

    def _collect(self) -> None:
        try:
            for call in self._source.collect():
                with self._changed:
                    self._seen.append(call)
                    if self._notes:
                        self._watched.calls.append(SeenCall.of(call))
                    self._changed.notify_all()
        except BaseException as fault:  # raised again where the test looks
            self._fault = fault
        finally:
            with self._changed:
                self._changed.notify_all()

    def wait(self, *, port: int | None = None, name: str | None = None, timeout: float = PATIENCE) -> JudgedCall:
        """The next call on this local port, by a process of this name, that no ``wait`` has returned before.

        Waits until it is made, ``timeout`` seconds at most; fails the test then, or as soon as the command has ended.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        with self._changed:
            while (number := self._next(port, name)) is None:
                left = deadline - time.monotonic()
                if not self._thread.is_alive() or left <= 0:
                    self._fail(wanted_text(port, name), timeout)
                self._changed.wait(left)
            self._taken.add(number)
            return self._seen[number]

    async def wait_async(self, *, port: int | None = None, name: str | None = None, timeout: float = PATIENCE) -> JudgedCall:
        """The same for a coroutine: the event loop goes on meanwhile."""
        return await asyncio.to_thread(self.wait, port=port, name=name, timeout=timeout)

    def _next(self, port: int | None, name: str | None) -> int | None:
        for number, call in enumerate(self._seen):
            if number not in self._taken and port in (None, call.port) and (name is None or name_matches(call.name, name)):
                return number
        return None

    def _fail(self, wanted: str, timeout: float) -> NoReturn:
        __tracebackhide__ = True
        if self._fault:
            raise self._fault
        seen = [call_text(call.call, call.judgement) for call in self._seen]
        if self._thread.is_alive():
            pytest.fail(waited_text(wanted, timeout, seen))
        pytest.fail(ended_text(wanted, self.process.wait(), seen))

    def __iter__(self) -> Iterator[JudgedCall]:
        return iter(tuple(self._seen))

    def __len__(self) -> int:
        return len(self._seen)

    def __getitem__(self, index: int) -> JudgedCall:
        return self._seen[index]

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        end(self.process)
        self._thread.join()
        self._source.close()
        self._watched.going_on -= 1
        if self._fault and kind is None:
            raise self._fault


class Listenwatch:
    """The fixture ``listenwatch``: as the module of that name, for one test.

    ``watch`` gives calls that can be waited for; ``predict``, ``replay`` and ``listeners`` are the module's.
    """

    predict = staticmethod(listenwatch.predict)
    replay = staticmethod(listenwatch.replay)
    listeners = staticmethod(listenwatch.listeners)

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def watch(
        self, command: Sequence[str | os.PathLike[str]], *, cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None, attach: str = "auto",
    ) -> Calls:
        """Run a command, and watch every listen() of it and of what it starts: by the probe as root, else by seccomp.

        ``cwd`` and ``env`` are its folder and environment, by default ours. ``attach`` is as in ``listenwatch watch``; in a session
        that is watched (``pytest --listenwatch``) that watch sees the command too, and ``attach`` has to be ``auto``.
        """
        words = [os.fspath(word) for word in command]
        if not is_watched():
            return Calls(OwnWatch(words, (cwd, env), attach), self._watched, notes=True)
        if attach != "auto":
            raise UsageError(f"attach={attach!r}: this session is watched already, by pytest --listenwatch")
        return Calls(SessionWatch(words, (cwd, env)), self._watched, notes=False)  # the session does
