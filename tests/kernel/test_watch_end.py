"""How ``listenwatch watch`` ends: by itself, by a signal, because nobody reads any more."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import shlex
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from listenwatch.report.live import HEADER
from tests import ROOT
from tests.helpers.watching import PATIENCE, WATCH, listen_once, needs_kernel, python, watching

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


@pytest.mark.parametrize(
    ("options", "status"), [([], 0), (["--strict"], 4), (["--fail-on", "clamped"], 4), (["--fail-on", "lost"], 4)]
)
@pytest.mark.parametrize("number", [None, signal.SIGINT])
def test_nothing_happened(options: list[str], status: int, number: int | None) -> None:
    duration = [] if number else ["--duration", "50ms"]
    with watching("--json", "-p", ME, *options, *duration) as watch:
        assert watch.end(number) == status
    calls, summary = watch.report()
    assert (calls, summary["agree"], summary["lost"]) == ([], 0, 0)
    assert watch.err == "listenwatch: no listen() call was seen that passes the filters\n"


def test_several_of_a_kind_and_patterns() -> None:
    """-p and -P with commas and repeated, -n as a shell's pattern."""
    with watching("--json", "-p", f"1,{ME}", "-p", "2", "-n", "py*", "-n", "nobody", "--count", "3", "--duration", "1m") as watch:
        for _ in range(3):
            listen_once()
        assert watch.end() == 0
    assert {call["pid"] for call in watch.report()[0]} == {int(ME)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_it_with_the_summary(number: int) -> None:
    def heed() -> None:  # also where these tests run under nohup
        signal.signal(number, signal.SIG_DFL)

    with watching("-p", ME, before=heed) as watch:
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


def full_pipe() -> tuple[int, int]:
    """A small pipe that nobody reads, both ends."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    return reading, writing


def until_full(writing: int) -> None:
    """Make calls until the pipe takes no more; then some that are seen and cannot be shown."""
    while select.select([], [writing], [], 0)[1]:
        listen_once()
    for _ in range(20):
        listen_once()
    time.sleep(0.5)  # they are read from the ring, as far as the program gets


@pytest.mark.parametrize("form", [["--json"], []])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_ends_it_though_nobody_reads(form: list[str], number: int, status: int) -> None:
    reading, writing = full_pipe()
    watch = subprocess.Popen([*WATCH, "-p", ME, *form], stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert watch.stderr
        while "watching " not in (line := watch.stderr.readline()):
            assert line
        until_full(writing)
        watch.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            watch.wait(1)
        watch.send_signal(number)
        words = watch.communicate(timeout=PATIENCE)[1]
    finally:
        watch.kill()
        os.close(reading)
        os.close(writing)
    assert watch.returncode == status
    assert "Traceback" not in words
    assert re.search(r"^listenwatch: the output was not read: \d+ more calls had been seen", words, re.MULTILINE)
    assert re.search(r"^listenwatch: \d+ agree, 0 disagree, ", words, re.MULTILINE)


def test_a_recording_nobody_reads_is_no_trap(tmp_path: Path) -> None:
    """``-o`` a FIFO without a reader: the first signal ends the wait for one."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with watching("-o", str(fifo), wait=False) as watch:
        while not Path(f"/proc/{watch.process.pid}/wchan").read_text().startswith("wait_for_partner"):
            assert watch.process.poll() is None
            time.sleep(0.05)
        assert watch.end(signal.SIGINT) == 130
    assert watch.err == ""


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
