"""How ``listenwatch watch`` ends: by itself, by a signal, because nobody reads any more."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess

import psutil
import pytest

from listenwatch.report.live import HEADER
from tests.kernel.watching import PATIENCE, WATCH, listen_once, needs_kernel, python, watching

pytestmark = pytest.mark.kernel

ME = str(os.getpid())


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def test_count_and_duration_end_it() -> None:
    with watching("--json", "-p", ME, "--count", "2", "--duration", "3600") as watch:
        for _ in range(5):
            listen_once()
        assert watch.end() == 0
    assert len(watch.report()[0]) == 2
    with watching("--json", "-p", "1", "--duration", "0.05") as watch:
        assert watch.end() == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_it_with_the_summary(number: int) -> None:
    with watching("-p", ME) as watch:
        listen_once()
        assert watch.end(number) == 0
    assert watch.err.startswith("listenwatch: 1 agree, 0 disagree")
    assert len(watch.out.splitlines()) == 2


def test_nohup_is_respected() -> None:
    def nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with watching("--json", "-p", ME, before=nohup) as watch:
        watch.process.send_signal(signal.SIGHUP)
        listen_once(6)
        assert watch.call()["asked"] == 6
        assert watch.end(signal.SIGINT) == 0


def test_a_reader_that_has_gone_ends_it_without_a_word() -> None:
    """As ``| head -1`` does: it ends at once, not with the next call."""
    with watching("-p", ME) as watch:
        assert watch.line().rstrip() == HEADER
        assert watch.process.stdout and watch.process.stderr
        watch.process.stdout.close()
        words = watch.process.stderr.read().decode()
        assert watch.process.wait(PATIENCE) == 141
    assert "Traceback" not in words
    assert "Exception" not in words


def test_into_head_in_a_shell() -> None:
    """The command goes on while its reader has gone; no process is left, dead or alive."""
    made = "import socket; [socket.socket().listen(n) for n in range(200)]"
    line = [*WATCH, "--json", "--", *python(made)]
    shell = subprocess.Popen(
        ["sh", "-c", f"{shlex.join(line)} | head -1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    out, err = shell.communicate(timeout=PATIENCE)
    assert shell.returncode == 0
    (first,) = out.splitlines()
    assert json.loads(first)["asked"] == 0
    assert "Traceback" not in err and "Exception" not in err, err
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            assert os.getsid(process.pid) != shell.pid, process


def test_nothing_hangs_where_the_summary_is_late() -> None:
    """A watch that is stopped and goes on loses nothing it has room for."""
    with watching("--json", "-p", ME) as watch:
        watch.process.send_signal(signal.SIGSTOP)
        for backlog in range(200):
            listen_once(backlog)
        watch.process.send_signal(signal.SIGCONT)
        assert watch.end(signal.SIGINT) == 0
    calls, summary = watch.report()
    assert [call["asked"] for call in calls] == list(range(200))
    assert summary["lost"] == 0
