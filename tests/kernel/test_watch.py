"""``listenwatch watch`` on this kernel: what it shows, what it leaves out, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from listenwatch.report.live import HEADER
from tests.helpers.calls import HOSTILE
from tests.helpers.watching import (
    PATIENCE,
    WATCH,
    listen_once,
    needs,
    needs_kernel,
    python,
    watching,
)

pytestmark = pytest.mark.kernel

ME = str(os.getpid())


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


# -- the report


def test_a_line_for_a_call_of_another_process() -> None:
    with watching("-p", ME, "--count", "1") as watch:
        port = listen_once(11)
        assert watch.end() == 0
    head, line = watch.out.splitlines()
    assert head == HEADER
    numbers = rf" +{ME} \S.* tcp   127\.0\.0\.1:{port} +11 +\d+ CLOSE→LISTEN as asked +agree"
    assert re.fullmatch(r"\d\d:\d\d:\d\d" + numbers, line)
    assert watch.err == ("listenwatch: 1 agree, 0 disagree, 0 inconclusive, 0 unmodelled, 0 lost\n")


def test_stages_follow_their_line() -> None:
    with watching("-p", ME, "--count", "1", "--stages") as watch:
        listen_once(11)
        assert watch.end() == 0
    tree = watch.out.splitlines()[2:]
    assert re.match(r"  ├─ listen\(\d+, 11\) +CLOSE limit 0 +somaxconn \d+, netns \d+$", tree[0])
    assert any(re.match(r"  ├─ state to LISTEN +CLOSE limit 11 +from CLOSE$", row) for row in tree)
    assert re.match(r"  └─ returns 0 +LISTEN limit 11$", tree[-2])
    assert tree[-1] == "     listens: asked 11, stored 11"


def test_json_ends_with_the_summary() -> None:
    with watching("--json", "-p", ME, "--count", "3") as watch:
        for backlog in (1, 2, 3):
            listen_once(backlog)
        assert watch.end() == 0
    calls, summary = watch.report()
    assert [call["asked"] for call in calls] == [1, 2, 3]
    assert {call["pid"] for call in calls} == {os.getpid()}
    for by_mode in ("not_seen", "incomplete"):
        summary.pop(by_mode)
    counts = {"agree": 3, "disagree": 0, "inconclusive": 0, "unmodelled": 0, "lost": 0, "in_flight": 0, "left_out": 0}
    assert summary == {**counts, "unknown": []}
    assert watch.err == ""


def test_failed_and_disagree_show_what_they_say() -> None:
    with watching("--json", "-p", ME, "--failed", "--count", "1") as watch:
        listen_once()
        listen_once(fail=True)
        assert watch.end() == 0
    ((call,), summary) = watch.report()
    assert (call["result"], call["errno"]) == (-95, "EOPNOTSUPP")
    assert summary["agree"] == 2  # judged and counted all the same
    with watching("--json", "-p", ME, "--disagree") as watch:
        listen_once()
        assert watch.end(signal.SIGINT) == 0
    calls, summary = watch.report()
    assert (calls, summary["agree"]) == ([], 1)


# -- filters


def test_pid_port_and_name() -> None:
    other = subprocess.Popen(
        ["python3", "-c", "import socket\nfor _ in range(50): socket.socket().listen(1)"]
    )
    with other, watching("--json", "-n", "py", "-p", ME) as watch:
        port = listen_once(21)
        assert other.wait(PATIENCE) == 0
        watch.end(signal.SIGINT)
    assert [call["asked"] for call in watch.report()[0]] == [21]
    with watching("--json", "-p", ME, "-P", str(port), "-n", "no-such-name") as watch:
        listen_once(21)
        assert watch.end(signal.SIGINT) == 0  # nothing happened that was asked for
    assert watch.report()[0] == []


def in_a_namespace(backlog: int, somaxconn: int) -> subprocess.Popen[bytes]:
    """A process in a network namespace of its own; it listens when a line arrives at its stdin."""
    script = f"""if True:
        import socket
        open("/proc/sys/net/core/somaxconn", "w").write("{somaxconn}")
        print(flush=True)
        input()
        sock = socket.socket()
        sock.bind(("0.0.0.0", 80))
        sock.listen({backlog})"""
    process = subprocess.Popen(
        [needs("unshare"), "-n", "python3", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"\n"
    return process


def test_a_private_namespace_clamps_by_its_own_somaxconn() -> None:
    with in_a_namespace(511, 128) as process:
        place = f"/proc/{process.pid}/ns/net"
        with watching("--json", "--netns", place, "--count", "1") as watch:
            listen_once(511)  # in ours, which is another one
            process.communicate(b"\n", timeout=PATIENCE)
            assert watch.end() == 0
    ((call,), _) = watch.report()
    assert (call["asked"], call["somaxconn"], call["stored"]) == (511, 128, 128)
    assert (call["verdict"], call["backlog_rule"]) == ("AGREE", "clamped")
    assert call["reason"] == "asked 511, stored 128: clamped by net.core.somaxconn"
    assert call["pid"] == process.pid


# -- recording


def test_a_recording_gives_the_same_verdicts(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    with watching("--json", "-p", ME, "-o", str(trace)) as watch:
        listen_once(-1)
        listen_once(5)
        listen_once(fail=True)
        assert watch.end(signal.SIGTERM) == 0
    replay = [*WATCH[:-1], "replay", "--json", str(trace)]
    done = subprocess.run(replay, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == watch.out
    assert len(done.stdout.splitlines()) == 4
    header, *lines = trace.read_text().splitlines()
    assert json.loads(header)["recording"]["kernel"]["release"] == os.uname().release
    *calls, last = done.stdout.splitlines()
    assert lines[:-1] == calls
    assert json.loads(last)["summary"]["not_seen"] == json.loads(header)["recording"]["not_seen"]
    assert lines[-1] == last.rstrip()


@pytest.mark.parametrize(
    ("file", "status", "word"),
    [
        ("/no/such/folder/trace", 2, "cannot write /no/such/folder/trace: No such file"),
        ("/dev/full", 3, "the output cannot be written: No space left on device"),
    ],
)
def test_a_recording_that_cannot_be_written(file: str, status: int, word: str) -> None:
    with watching("-o", file, "-p", "1", wait=False) as watch:
        assert watch.end() == status
    assert word in watch.err


# -- what a process chose


def test_hostile_names_and_paths_do_not_reach_the_terminal(tmp_path: Path) -> None:
    script = f"""if True:
        import ctypes, os, socket
        os.chdir({str(tmp_path)!r})
        ctypes.CDLL(None).prctl(15, {HOSTILE!r}, 0, 0, 0)
        for path in (b"\\x1b[2J\\n\\xff", b"\\0\\x1b]0;title\\x07"):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(path)
                sock.listen(5)"""
    for options in (["--stages"], ["--json"]):
        with watching(*options, "--", "python3", "-c", script) as watch:
            assert watch.end() == 0
        text = watch.out + watch.err
        assert all(line.isprintable() for line in text.split("\n"))
        for path in tmp_path.iterdir():
            path.unlink()
    calls, _ = watch.report()
    assert [call["comm"] for call in calls] == ["\x1b]0;x\x07\\x9b\\xff\\\\x41\r\n"] * 2
    assert [call["local"] for call in calls] == ["\x1b[2J\n\\xff", "@\x1b]0;title\x07"]
    assert len(watch.out.splitlines()) == 3


# -- it cannot watch


@pytest.mark.parametrize("user", ["nobody", "root of a user namespace"])
def test_without_privilege_it_says_so_in_one_line(user: str) -> None:
    becomes = "os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    if user != "nobody":
        becomes = "ctypes.CDLL(None).unshare(0x10000000)"  # CLONE_NEWUSER
    script = f"""if True:
        import argparse, ctypes, os, sys
        import listenwatch.cli, listenwatch.commands.watch, listenwatch.commands.watching
        argparse.ArgumentParser().format_help()  # has imported all it needs: nobody cannot
        {becomes}
        sys.exit(listenwatch.cli.main(["watch", "-p", "1"]))"""
    done = subprocess.run(
        python(script), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"listenwatch: .*run (it )?as root.*\n", done.stderr), done.stderr


def test_a_page_holds_the_calls_that_were_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with watching("-p", ME, "--count", "2", "--html", str(page)) as watch:
        ports = listen_once(11), listen_once(12)
        assert watch.end() == 0
    text = page.read_text()
    assert text.count('<details class="call"') == 2
    assert all(f"127.0.0.1:{port}" in text for port in ports) and "watched live" in text
