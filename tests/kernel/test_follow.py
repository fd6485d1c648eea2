"""``listenwatch watch -- COMMAND``: the whole process tree, only that, to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.kernel.watching import PATIENCE, listen_once, needs_kernel, python, watching

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


TREE = """if True:
    import os, socket, sys
    fifo = sys.argv[1]
    def listen(backlog):
        socket.socket().listen(backlog)
    print("to standard output", flush=True)
    listen(10)
    if os.fork() == 0:
        if os.fork() == 0:
            listen(11)  # a grandchild
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:  # a daemon
            listen(12)
            open(fifo).read()
            listen(13)
            os._exit(5)
        os._exit(0)
    os.wait()
    sys.exit(3)"""


def test_grandchildren_and_daemons_to_the_last(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    noise = threading.Event()

    def outsider() -> None:
        while not noise.is_set():
            listen_once(99)

    thread = threading.Thread(target=outsider)
    thread.start()
    try:
        with watching("--json", "--", *python(TREE), str(fifo)) as watch:
            calls = [watch.call() for _ in range(3)]
            assert watch.process.poll() is None  # the daemon lives
            main = psutil.Process(watch.process.pid)
            assert main.children()  # it is ours now, and waits for us
            fifo.write_text("go on")
            assert watch.end() == 0, watch.out
    finally:
        noise.set()
        thread.join()
    assert [call["asked"] for call in calls] == [10, 11, 12]
    assert len({call["pid"] for call in calls}) == 3
    calls, summary = watch.report()
    assert [call["asked"] for call in calls] == [10, 11, 12, 13]
    assert (summary["agree"], summary["lost"]) == (4, 0)
    assert "to standard output" in watch.err  # standard output holds the report only
    assert "listenwatch: the command ended with status 3" in watch.err


def test_nobody_else_is_followed(tmp_path: Path) -> None:
    """An outsider's calls while the command runs: they happened, and are not shown."""
    script = "import socket, sys; socket.socket().listen(1); open(sys.argv[1]).read(); socket.socket().listen(2)"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with watching("--json", "--", *python(script), str(fifo)) as watch:
        assert watch.call()["asked"] == 1
        for _ in range(50):
            listen_once(99)
        fifo.write_text("go on")
        assert watch.end() == 0
    assert [call["asked"] for call in watch.report()[0]] == [1, 2]


def test_a_deep_tree() -> None:
    depth = 20
    script = f"""if True:
        import os, socket, sys
        left = int(sys.argv[1]) if len(sys.argv) > 1 else {depth}
        socket.socket().listen(left)
        if left:
            sys.exit(os.spawnv(os.P_WAIT, sys.executable, [*sys.orig_argv[:3], str(left - 1)]))"""
    with watching("--json", "--", *python(script)) as watch:
        assert watch.end() == 0
    assert [call["asked"] for call in watch.report()[0]] == list(range(depth, -1, -1))


def test_a_command_without_listen_ends_4() -> None:
    with watching("--", "true") as watch:
        assert watch.end() == 4
    assert watch.err == "listenwatch: 0 agree, 0 disagree, 0 inconclusive, 0 unmodelled, 0 lost\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-command", "No such file or directory"),
        ("/no/such/command", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("/", "Permission denied"),
    ],
)
def test_a_command_that_cannot_run_is_status_2(command: str, why: str) -> None:
    with watching("--", command) as watch:
        assert watch.end() == 2
    assert f"listenwatch: cannot run '{command}': {why}\n" in watch.err


# -- signals

WAITS = """if True:
    import signal, socket, sys
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    socket.socket().listen(5)
    while True:
        number = signal.sigwait(signals)
        socket.socket().listen(77)
        if number == signal.SIGTERM or "ends" in sys.argv:
            sys.exit(0)"""


def test_ctrl_c_ends_the_command_and_then_us() -> None:
    """The terminal sends SIGINT to the whole group; what the command does last is still seen."""
    with watching("--json", "--", *python(WAITS), "ends") as watch:
        assert watch.call()["asked"] == 5
        os.killpg(watch.process.pid, signal.SIGINT)
        assert watch.end() == 0
    calls, summary = watch.report()
    assert [call["asked"] for call in calls] == [5, 77]
    assert summary["agree"] == 2


def test_a_second_ctrl_c_does_not_wait() -> None:
    with watching("--json", "--", *python(WAITS)) as watch:
        pid = watch.call()["pid"]
        os.killpg(watch.process.pid, signal.SIGINT)
        assert watch.call()["asked"] == 77  # it has seen the signal, and lives
        for _ in range(PATIENCE):  # until it has seen the first one too
            watch.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                watch.process.wait(1)
                break
        assert psutil.pid_exists(pid)
        name = psutil.Process(pid).name()
        os.kill(pid, signal.SIGKILL)
        assert watch.end() == 0
    assert f"listenwatch: no longer followed, still running: {pid} {name}" in watch.err


def test_sigterm_is_passed_on() -> None:
    """Sent to us alone, as a service manager does: the command ends by it, and then we."""
    with watching("--json", "--", *python(WAITS)) as watch:
        assert watch.call()["asked"] == 5
        assert watch.end(signal.SIGTERM) == 0
    assert [call["asked"] for call in watch.report()[0]] == [5, 77]


def test_how_the_command_ended_is_told() -> None:
    with watching("--", "sh", "-c", "kill -KILL $$") as watch:
        assert watch.end() == 4
    assert "listenwatch: the command was ended by SIGKILL\n" in watch.err


def test_count_leaves_the_command_running_and_says_so() -> None:
    with watching("--json", "--count", "1", "--", *python(WAITS)) as watch:
        pid = watch.call()["pid"]
        watch.process.wait()
        assert psutil.pid_exists(pid)
        os.kill(pid, signal.SIGKILL)
        assert watch.end() == 0
    assert "no longer followed, still running" in watch.err


def test_a_hostile_name_of_a_survivor_is_escaped() -> None:
    script = f"""if True:
        import ctypes, signal, socket, time
        ctypes.CDLL(None).prctl(15, b"\\x1b[31mred\\n", 0, 0, 0)
        socket.socket().listen(5)
        time.sleep(600)  # {sys.executable}"""
    with watching("--json", "--count", "1", "--", *python(script)) as watch:
        pid = watch.call()["pid"]
        watch.process.wait()
        os.kill(pid, signal.SIGKILL)
        watch.end()
    assert rf"still running: {pid} \x1b[31mred\n" in watch.err
    assert "\x1b" not in watch.err
