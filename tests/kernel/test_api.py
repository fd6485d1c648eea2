"""``listenwatch.watch`` as a program uses it: calls while they happen, and how it ends."""

from __future__ import annotations

import os
import signal
import threading

import psutil
import pytest

import listenwatch
from listenwatch.errors import UsageError
from tests.helpers.examples import needs_root, run_examples
from tests.helpers.watching import PATIENCE, listen_once, needs_kernel, python

pytestmark = pytest.mark.kernel

ME = os.getpid()


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def test_the_example_of_the_docstring() -> None:
    assert run_examples(needs_root) >= 4


def test_a_command_is_followed_to_its_end() -> None:
    script = "import socket; [socket.socket().listen(n) for n in range(3)]"
    listen_once(98)
    with listenwatch.watch(python(script)) as calls:
        listen_once(99)  # ours: not the command's
        seen = list(calls)
        assert calls.process and calls.process.wait(PATIENCE) == 0
    assert [call.asked for call in seen] == [0, 1, 2]
    assert all(call.agrees for call in seen), seen
    assert {call.pid for call in seen} == {calls.process.pid}
    assert (calls.summary.agree, calls.summary.lost) == (3, 0)


def test_calls_come_while_the_command_runs_and_the_block_ends_it() -> None:
    script = "import socket, time; s = socket.socket(); s.listen(7); time.sleep(600)"
    with listenwatch.watch(python(script)) as calls:
        assert next(calls).asked == 7
        assert calls.process and calls.process.poll() is None
    assert calls.process.returncode == -signal.SIGTERM
    assert list(calls) == []


def test_what_nobody_took_is_counted() -> None:
    with listenwatch.watch(pid=ME) as calls:
        for backlog in range(50):
            listen_once(backlog)
        assert next(calls).asked == 0
    assert calls.summary.agree == 50


def test_stop_from_another_thread_ends_the_iteration_after_what_came() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD)
    taken: list[int | None] = []

    def take() -> None:
        with listenwatch.watch(pid=ME) as calls:
            ready.append(calls)
            begun.set()
            taken.extend(call.asked for call in calls)

    ready: list[object] = []
    begun = threading.Event()
    thread = threading.Thread(target=take)
    thread.start()
    assert begun.wait(PATIENCE)
    for backlog in range(20):
        listen_once(backlog)
    (calls,) = ready
    calls.stop()  # type: ignore[attr-defined]
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert taken == list(range(20))
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))


def test_filters() -> None:
    with listenwatch.watch(pid=ME, netns="/proc/self/ns/net") as calls:
        port = listen_once(11)
        call = next(calls)
    assert (call.port, call.netns) == (port, os.stat("/proc/self/ns/net").st_ino)  # noqa: PTH116
    with listenwatch.watch(pid=ME, port=1) as calls:
        listen_once()
    assert calls.summary.judged == 0


def test_nothing_is_left_of_a_watch() -> None:
    def once() -> tuple[int, int]:
        with pytest.raises(UsageError, match="cannot run '/no/such/command': No such file"):
            listenwatch.watch(["/no/such/command"]).__enter__()
        with pytest.raises(RuntimeError), listenwatch.watch(["sleep", "600"]):
            raise RuntimeError
        return psutil.Process().num_fds(), len(psutil.Process().children())

    assert once() == once()
