"""Plain faults of the surroundings: each ends in one line and a status that says so, never in a traceback or status 1."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch import cli
from tests import ROOT
from tests.helpers.faults import COMMANDS, LOUD, PROGRAM, closing, run
from tests.require import require


@pytest.fixture(autouse=True, scope="module")
def _listener() -> Iterator[None]:
    """Something for ``sockets`` to show."""
    with socket.create_server(("127.0.0.1", 0)):
        yield


def test_every_command_is_tried() -> None:
    assert set(COMMANDS) == set(LOUD) == set(cli.COMMANDS)


# -- standard streams


@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_output_is_one_line(name: str) -> None:
    done = run(COMMANDS[name], before=closing(1))
    assert done.returncode == 3
    assert done.stderr == (
        "listenwatch: standard output is closed: redirect it to /dev/null if nobody is to read it\n"
    )


def test_closed_output_and_errors_are_a_status() -> None:
    assert run(COMMANDS["rules"], before=closing(1, 2)).returncode == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_output_is_one_line(name: str) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = run(COMMANDS[name], stdout=full)
    if name == "exporter":  # it writes nothing there
        assert done.returncode == run(COMMANDS[name]).returncode
    else:
        assert done.returncode in ((2, 3) if name in ("guest", "matrix", "conformance") else (3,))
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


@pytest.mark.parametrize("name", LOUD)
def test_errors_that_cannot_be_written_change_nothing(name: str) -> None:
    usual = run(LOUD[name])
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = run(LOUD[name], stderr=full)
    assert usual.stderr or name in ("sockets", "top", "replay")
    assert usual.returncode != 1 or name == "sockets"  # where it says that none matched
    if name in ("sockets", "top", "watch", "overflow"):  # which look at what changes: 4 if not all of it was seen
        assert done.returncode == usual.returncode or {done.returncode, usual.returncode} == {0, 4}
    else:
        assert (done.returncode, done.stdout) == (usual.returncode, usual.stdout)


def test_messages_never_land_among_the_output(tmp_path: Path) -> None:
    """With ``2>&-`` the next file opened would be standard error."""
    arguments = ("replay", "tests/vectors/6.1/kprobe.jsonl.gz", "--json")
    done = run(arguments, before=closing(2))
    assert done.returncode == run(arguments).returncode
    for line in done.stdout.splitlines():
        json.loads(line)


def test_a_closed_input_is_not_a_recording() -> None:
    done = run(("replay", "-"), before=closing(0))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "listenwatch: -:1: cannot be read: Bad file descriptor\n"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("limit", [5, 20])
def test_few_descriptors_are_one_line(name: str, limit: int) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    done = run(COMMANDS[name], before=limited)
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr
    if done.returncode == 3 and name not in ("guest", "verify", "identify"):
        assert len(done.stderr.splitlines()) <= 2
    if done.returncode not in (2, 3):
        assert done.returncode == run(COMMANDS[name]).returncode


# -- what the kernel shows, and what this user may see

NEEDS_NO_PROC = ("replay", "predict", "check", "lab", "rules", "schema", "guest", "matrix", "conformance", "judge")


def without(name: str, prefix: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """A command behind another program that takes something away."""
    if name == "matrix":  # it would not come as far
        return run(("matrix", "--kernels", "0.0", "--no-host", "--mirror", "file:///nonexistent"), behind=prefix)
    return run(COMMANDS[name], behind=prefix)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_proc_is_one_line_that_says_so(name: str) -> None:
    require("kernel", os.geteuid() == 0, "needs root")
    done = without(name, ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"))
    if name in NEEDS_NO_PROC:
        assert done.returncode == run(COMMANDS[name]).returncode or name in ("guest", "matrix")
        assert "Traceback" not in done.stderr and "cannot go on" not in done.stderr
    else:
        assert (done.returncode, done.stdout) == (3, "")
        assert re.fullmatch(r"listenwatch: cannot go on: /proc/\S+: No such file or directory: mount /proc\n", done.stderr)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_root_that_may_not_read_all_is_told_what_it_does_not_see(name: str) -> None:
    """Without CAP_DAC_READ_SEARCH, as in a container."""
    require("kernel", os.geteuid() == 0, "needs root")
    dropped = "-dac_read_search,-dac_override"
    done = without(name, ("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", "--"))
    assert "Traceback" not in done.stderr and "an error of listenwatch itself" not in done.stderr
    assert done.returncode in (0, 2, 3, 4)
    if done.returncode in (3, 4) and name not in ("watch", "guest", "matrix"):
        assert "CAP_DAC_READ_SEARCH" in done.stderr


# -- arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("watch", "--duration", "99999999999999999999", "--count", "1", "--", sys.executable, "-c", "pass"),
        ("guest", "--timeout", "99999999999999999999", "--kernel", "0.0", "--mirror", "file:///nonexistent", "--", "true"),
        ("matrix", "--timeout", "99999999999999999999", "--no-host", "--kernels", ""),
    ],
)
def test_an_enormous_time_is_a_time(arguments: tuple[str, ...]) -> None:
    done = run(arguments)
    assert done.returncode in (0, 2, 3, 4)
    assert "Traceback" not in done.stderr and "an error of listenwatch itself" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("guest", "--mirror", "http://\udcff", "--list"),
        ("matrix", "--mirror", "http://\udcff"),
        ("replay", "\udcff"),
        ("predict", "--backlog", "\udcff"),
        ("lab", "start", "\udcff"),
        ("sockets", "--netns", "\udcff"),
        ("sockets", "--events", "\udcff"),
        ("\udcff",),
    ],
)
def test_an_argument_that_is_no_text_is_one_line(arguments: tuple[str, ...]) -> None:
    done = run(arguments)
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr and "an error of listenwatch itself" not in done.stderr
    assert r"\udcff" in done.stderr.splitlines()[-1]


HOSTILE = "\x1b]0;owned\x07\x9b31m"


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,),
        ("watch", "--count", HOSTILE),
        ("watch", "--attach", HOSTILE),
        ("watch", f"--{HOSTILE}"),
        ("lab", HOSTILE),
        ("lab", "start", HOSTILE),
        ("predict", "--backlog", HOSTILE),
        ("predict", "--backlog", "5", "--kernel", HOSTILE),
        ("replay", HOSTILE),
        ("verify", "-k", HOSTILE),
        ("verify", "--behaviour", HOSTILE),
        ("guest", "--kernel", HOSTILE, "--", "true"),
        ("sockets", "--netns", HOSTILE),
        ("matrix", "--kernels", HOSTILE),
    ],
)
def test_no_argument_steers_the_terminal(arguments: tuple[str, ...]) -> None:
    done = run(arguments)
    assert done.returncode in (2, 3)
    assert done.stderr.replace("\n", "").isprintable() and done.stdout == ""


@pytest.mark.parametrize("number", ["1_0", "٣", "¹", " 5", "5 "])
@pytest.mark.parametrize(
    "arguments",
    [
        ("watch", "-p"),
        ("watch", "-P"),
        ("watch", "--count"),
        ("watch", "--duration"),
        ("watch", "--netns"),
        ("overflow", "--interval"),
        ("sockets", "--watch"),
        ("top", "--interval"),
        ("top", "--count"),
        ("predict", "--backlog"),
        ("predict", "--backlog", "5", "--somaxconn"),
        ("predict", "--backlog", "5", "--syncookies"),
        ("verify", "--generate"),
        ("verify", "--generate", "1", "--seed"),
        ("verify", "--behaviour"),
        ("matrix", "--generate"),
        ("matrix", "--timeout"),
        ("guest", "--memory"),
        ("guest", "--cpus"),
        ("guest", "--timeout"),
        ("lab", "hint"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_only_plain_digits_are_a_number(arguments: tuple[str, ...], number: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = f"max_ack_backlog_bits={number}" if arguments[-1] == "--behaviour" else number
    try:
        status = cli.main([*arguments, value])
    except SystemExit as end:
        assert isinstance(end.code, int)
        status = end.code
    assert (status, capsys.readouterr().out) == (2, "")


@pytest.mark.parametrize("series", ["6.٣", "٦.1", "6_0.1"])
def test_only_plain_digits_are_a_kernel(series: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", "--backlog", "5", "--kernel", series]) == 2
    assert cli.main(["matrix", "--kernels", series]) == 2
    assert cli.main(["guest", "--kernel", series, "--", "true"]) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["verify", "matrix"])
@pytest.mark.parametrize("count", ["0", "-1", "1000001", "9" * 30])
def test_histories_have_an_upper_bound(command: str, count: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--generate", count]) == 2
    assert "1 to 1000000" in capsys.readouterr().err


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file/below", Path("/proc/nothing")):
        done = run(("lab", "hint", "2"), XDG_STATE_HOME=str(folder))
        assert done.returncode in (2, 3)
        assert re.fullmatch(r"listenwatch: .*lab\.json cannot be .*set XDG_STATE_HOME to a folder of yours\n", done.stderr)


# -- interrupts

NOTICE = """\
import os, sys

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "listenwatch.cli":
            os.write({fd}, b"!")

sys.meta_path.insert(0, Finder)
"""
STARTS = int(os.environ.get("LISTENWATCH_STARTS", "40"))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its status as a shell has it, and what it wrote to standard error."""
    err = process.communicate(timeout=60)[1]
    return (process.returncode if process.returncode >= 0 else 128 - process.returncode), err


def test_an_interrupt_while_it_starts_is_130(tmp_path: Path) -> None:
    """From the first import of ours on, whenever it comes; ``rules`` would write only at its end."""
    for number in range(STARTS):
        reading, writing = os.pipe()
        (tmp_path / "sitecustomize.py").write_text(NOTICE.format(fd=writing))
        process = subprocess.Popen(
            [*PROGRAM, "rules", "--eras"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            pass_fds=[writing], env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        )  # fmt: skip
        os.close(writing)
        assert os.read(reading, 1)
        os.close(reading)
        time.sleep(0.2 * number / STARTS)
        process.send_signal(signal.SIGINT)
        status, err = ended(process)
        assert (status, err) in ((130, ""), (0, "")), number  # 0: it had done its work


def test_an_interrupt_from_the_first_moment_on() -> None:
    """Before our first line the interpreter itself may print one, which names no file of ours."""
    for number in range(STARTS):
        process = subprocess.Popen(
            [*PROGRAM, "rules", "--eras"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        time.sleep(0.2 * number / STARTS)
        process.send_signal(signal.SIGINT)
        status, err = ended(process)
        assert f"{ROOT}/listenwatch/" not in err
        assert status in (0, 130) or err.startswith(("Fatal Python error: init_", "Could not import runpy module")), err


@pytest.mark.parametrize("arguments", [("--json",), ()])
def test_an_interrupt_ends_a_replay_that_nobody_reads(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*PROGRAM, "replay", "tests/vectors/6.1/kprobe.jsonl.gz", *arguments],
        stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    while select.select([], [writing], [], 0)[1]:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    status, err = ended(process)
    os.close(reading)
    os.close(writing)
    assert status == 130 and "Traceback" not in err
    assert re.search(r"^listenwatch: \d+ agree, 0 disagree, ", err, re.MULTILINE)


def test_an_ignored_interrupt_stays_ignored() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "rules"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN) and None,
    )  # fmt: skip
    process.send_signal(signal.SIGINT)
    assert ended(process) == (0, "")
