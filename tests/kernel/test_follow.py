"""``listenwatch watch -- COMMAND``: the whole process tree, only that, to its end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.helpers.watching import (
    PATIENCE,
    listen_once,
    needs,
    needs_kernel,
    python,
    redis_server,
    watching,
)

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
            assert watch.end() == 3, watch.out  # the command's own, not the daemon's
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


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--strict"], 4), (["--fail-on", "clamped"], 4)])
def test_a_command_without_listen_is_told(options: list[str], status: int) -> None:
    with watching(*options, "--", "true") as watch:
        assert watch.end() == status
    assert watch.err == (
        "listenwatch: 0 agree, 0 disagree, 0 inconclusive, 0 unmodelled, 0 lost\n"
        "listenwatch: no listen() call of the command was seen; what it has others start "
        "(docker, systemctl) is not followed\n"
    )


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
                watch.process.wait(5)
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


@pytest.mark.parametrize(
    ("script", "status", "how"),
    [
        ("exit 7", 7, "ended with status 7"),
        ("kill -KILL $$", 137, "was ended by SIGKILL"),
        ("kill -TERM $$", 143, "was ended by SIGTERM"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--strict", "--fail-on", "clamped"]])
def test_its_own_status_comes_first(script: str, status: int, how: str, options: list[str]) -> None:
    with watching(*options, "--", "sh", "-c", script) as watch:
        assert watch.end() == status
    assert f"listenwatch: the command {how}\n" in watch.err


CLAMPED = "echo 128 > /proc/sys/net/core/somaxconn; exec \"$@\""
ASKS = """if True:
    import socket, sys
    for backlog in map(int, sys.argv[2:]):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
    sys.exit(int(sys.argv[1]))"""


@pytest.mark.parametrize(
    ("options", "arguments", "status"),
    [
        (["--fail-on", "clamped"], ["0", "511"], 5),
        (["--fail-on", "clamped"], ["0", "128"], 0),
        (["--fail-on", "failed,lost"], ["0", "511"], 0),
        ([], ["0", "511"], 0),
        (["--fail-on", "clamped"], ["7", "511"], 7),
    ],
)
def test_a_clamped_call_fails_where_that_is_asked_for(options: list[str], arguments: list[str], status: int) -> None:
    command = [needs("unshare"), "-n", "sh", "-c", CLAMPED, "sh", *python(ASKS), *arguments]
    with watching("--json", *options, "--", *command) as watch:
        assert watch.end() == status
    ((call,), summary) = watch.report()
    assert (call["somaxconn"], call["stored"], summary["agree"]) == (128, 128, 1)
    said = f"listenwatch: clamped: {call['comm']}[{call['pid']}] asked 511, stored 128 ({call['local']})\n"
    assert (said in watch.err) is (bool(options) and options[1] == "clamped" and "511" in arguments)


def test_a_real_server_that_is_clamped_fails(tmp_path: Path) -> None:
    redis = [redis_server(tmp_path), "--port", "7777", "--dir", str(tmp_path), "--save", "", "--bind", "127.0.0.1"]
    lower = f"ip link set lo up; {CLAMPED}"
    with watching("--json", "--fail-on", "clamped", "--", needs("unshare"), "-n", "sh", "-c", lower, "sh", *redis) as watch:
        assert watch.call()["stored"] == 128
        assert watch.end(signal.SIGTERM) == 5
    assert re.search(r"^listenwatch: clamped: redis-server\[\d+\] asked 511, stored 128 \(127", watch.err, re.MULTILINE)


def test_only_clamped_calls_are_shown_and_every_one_is_counted() -> None:
    command = [needs("unshare"), "-n", "sh", "-c", CLAMPED, "sh", *python(ASKS), "0", "5", "511", "128", "-1"]
    with watching("--json", "--clamped", "--fail-on", "clamped", "--", *command) as watch:
        assert watch.end() == 5
    calls, summary = watch.report()
    assert [(call["asked"], call["stored"]) for call in calls] == [(511, 128)]  # socket.listen(-1) asks for 0
    assert summary["agree"] == 4


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
