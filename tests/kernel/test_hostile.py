"""Programs that mean harm: a guessed marker, a storm that does not end, a filter that answers for the kernel."""

from __future__ import annotations

import errno
import re
import signal
import subprocess
import time

import psutil
import pytest

from listenwatch.bpf import marker
from listenwatch.call.record import decode
from listenwatch.features.attach import open_engine
from listenwatch.verdict.compare import VerdictKind
from tests import ROOT
from tests.helpers import seccomp
from tests.helpers.storming import kinds
from tests.helpers.watching import (
    BY_OTHER_PATHS,
    LISTENWATCH,
    PATIENCE,
    WATCH,
    needs,
    needs_kernel,
    python,
    watching,
)
from tests.require import require

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def run(script: str) -> subprocess.CompletedProcess[str]:
    """A Python script in a process of its own."""
    return subprocess.run(python(script), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)


# -- the marker of somebody else

LISTEN = "from listenwatch.linux import libc; libc.listen({}, {})"


def test_a_guessed_marker_is_a_call_like_any_other() -> None:
    """Whom we follow stays what it was, and the call has its record."""
    with open_engine(follow=True) as engine:
        for fd, backlog in ((marker.FD, marker.BACKLOG), (-1, 78)):
            assert run(LISTEN.format(fd, backlog)).returncode == 0
        calls = list(map(decode, engine.sync()))
        assert [(call.fd, call.backlog, call.result) for call in calls] == [
            (marker.FD, marker.BACKLOG, -errno.EBADF), (-1, 78, -errno.EBADF),
        ]  # fmt: skip
        assert set(kinds(calls)) == {VerdictKind.AGREE}
        assert not engine.loss().lost


def test_a_call_on_any_number_has_a_record() -> None:
    with watching("--json", "--", *python(LISTEN.format(-19543, 7))) as watch:
        assert watch.end() == 0, watch.err
    assert [call["asked"] for call in watch.report()[0]] == [7]


def test_we_know_ourselves_in_a_pid_namespace_of_our_own() -> None:
    """The kernel's number of a process is not the one it has there."""
    line = [needs("unshare"), "--pid", "--fork", "--mount-proc", *WATCH, "--json", "--", *python(LISTEN.format(-1, 8))]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    assert '"asked": 8' in ended.stdout


# -- a filter that answers in the kernel's place


def under_filter(error: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A listenwatch whose listen() a seccomp filter refuses."""
    line = [*LISTENWATCH, *arguments]
    return subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE,
        preexec_fn=lambda: seccomp.refuse(error),
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [("watch", "--duration", "1"), ("verify", "-k", "backlog")])
def test_a_filter_that_refuses_our_listen_is_named_at_once(arguments: tuple[str, ...]) -> None:
    ended = under_filter(errno.EPERM, *arguments)
    assert ended.returncode == 3, ended.stderr
    assert re.fullmatch(r"listenwatch: listen\(\) .* ended with EPERM, not EBADF: a seccomp .*\n", ended.stderr)


def test_a_filter_that_answers_as_the_kernel_would_is_noticed_too() -> None:
    ended = run(
        "from listenwatch.bpf import marker\n"
        "from listenwatch.features.attach import open_engine\n"
        "from tests.helpers import seccomp\n"
        "marker.PATIENCE = 0.2\n"
        f"seccomp.refuse({errno.EBADF})\n"
        "open_engine()"
    )
    assert "ObserveError: the probes saw no listen() of this process" in ended.stderr


# -- a storm that does not end

ROOM = 20 << 20
"""Bytes by which a watch may grow in a storm."""


@pytest.mark.parametrize("ends", ["signal", "duration"])
def test_a_storm_neither_fills_the_memory_nor_keeps_us(storm: str, ends: str) -> None:
    """Two threads of anybody: what is read is judged batch by batch, the rest is counted."""
    with watching("--json", "--failed", *(("--duration", "2") if ends == "duration" else ())) as watch:
        process = psutil.Process(watch.process.pid)
        before = most = process.memory_info().rss
        storms = [subprocess.Popen([storm, "spin"], stdout=subprocess.DEVNULL) for _ in range(2)]
        try:
            over = time.monotonic() + 2
            while time.monotonic() < over and watch.process.poll() is None:
                most = max(most, process.memory_info().rss)
                time.sleep(0.05)
            if ends == "signal":
                watch.process.send_signal(signal.SIGINT)
            begun = time.monotonic()
            status = watch.end()
            taken = time.monotonic() - begun
        finally:
            for each in storms:
                each.kill()
                each.wait()
    assert most - before < ROOM
    assert taken < 10  # less than one second where nothing else runs
    calls, summary = watch.report()
    assert not calls
    assert summary["agree"] > 0
    assert status == (4 if summary["lost"] else 0), watch.err  # those all alike are counted, and not lost
    assert not summary["disagree"]


# -- entry paths that tracepoints do not see

@pytest.mark.parametrize(("path", "door"), [("compat", "compat"), ("io_uring", "io_uring")])
def test_nothing_is_missed_in_silence(path: str, door: str) -> None:
    """Either the calls have records, or it is said that there may be such calls, and --strict ends with 4."""
    check = run(f"from listenwatch.conformance.harness import {path}; {path}.check(None)")
    require("kernel", check.returncode == 0, check.stderr.rpartition("\n")[2])
    command = ("--", *python(BY_OTHER_PATHS.format(path=path)))
    for options, status in ((("--json",), 0), (("--json", "--strict"), 4)):
        with watching(*options, *command) as watch:
            ended = watch.end()
        calls, summary = watch.report()
        asked = [call["asked"] for call in calls]
        # io_uring refuses a bad descriptor before it comes to listen()
        if asked == ([1, 2, 3] if path == "io_uring" else [1, 2, 3, 4]):
            assert {call["door"] for call in calls[1:]} == {door}
            assert not summary["not_seen"]
            assert ended == 0
        else:
            assert asked == [1]
            assert door in summary["not_seen"]
            assert "; not seen: calls by 32-bit programs, by io_uring\n" in watch.first
            assert ended == status


# -- a followed process with a filter

FILTERED = """if True:
    import errno, socket, time
    from tests.helpers import seccomp
    seccomp.refuse(errno.EPERM)
    try:
        socket.socket().listen(5)
    except PermissionError:
        time.sleep({})"""


@pytest.mark.parametrize("line", [python(FILTERED.format(0)), ["sh", "-c", '"$@"; true', "sh", *python(FILTERED.format(2.5))]])
def test_a_filter_of_a_followed_process_is_told_once(line: list[str]) -> None:
    """Of the command itself at its end at the latest; of another process if it lives long enough."""
    with watching("--", *line) as watch:
        assert watch.end() == 4
    assert len(re.findall(r"^listenwatch: \d+ \S+ has a seccomp filter: ", watch.err, re.M)) == 1, watch.err


def test_a_filter_that_we_have_too_is_not_told() -> None:
    def before() -> None:
        seccomp.refuse(errno.EPERM, seccomp.PERSONALITY)

    with watching("--", *python(LISTEN.format(-1, 8)), before=before) as watch:
        assert watch.end() == 0
    assert "seccomp" not in watch.err


# -- calls of others for which the kernel did not run the probe

SKIPS = """if True:
    import sys
    from listenwatch.bpf import maps
    from listenwatch.cli import main
    maps.misses = lambda program: 5
    sys.exit(main(sys.argv[1:]))"""
"""A listenwatch on a kernel that left each program out five times."""


@pytest.mark.parametrize(
    ("options", "status", "lost"),
    [(("--",), 0, "0 lost"), (("--strict", "--"), 4, "0 lost"), (("-n", "python", "--count", "1"), 4, "5 lost")],
)
def test_what_was_left_out_for_somebody_is_not_taken_for_the_commands(
    options: tuple[str, ...], status: int, lost: str
) -> None:
    """Without a command to follow it is a loss: any of them is one of those watched."""
    call = python("from listenwatch.linux import libc; libc.listen(-1, 8)")
    line = [*python(SKIPS), "watch", *options]
    if "--" in options:
        ended = subprocess.run([*line, *call], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert "the kernel did not run the probe for 5 calls on this machine" in ended.stderr
        status_seen, said = ended.returncode, ended.stderr
    else:
        with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            assert process.stderr is not None
            assert "watching" in process.stderr.readline()
            subprocess.run(call, cwd=ROOT, check=True, timeout=PATIENCE)
            said = process.communicate(timeout=PATIENCE)[1]
        status_seen = process.returncode
    assert lost in said
    assert status_seen == status, said
