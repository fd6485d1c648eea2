"""``top`` and ``sockets --watch``: a screen on a terminal, left as it was however it ends; plain samples in a pipe."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from listenwatch.cli import parser_of
from tests import ROOT
from tests.helpers.terminal import PATIENCE, Terminal, on_terminal

ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
OK = (0, 4)  # 4: in a container not even root may look at every process


@pytest.fixture
def port() -> Iterator[int]:
    """Of a listener of this process."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(3)
        yield sock.getsockname()[1]


def has(*words: str) -> Callable[[list[str]], bool]:
    """Whether all of them stand on the screen."""
    return lambda lines: all(word in "\n".join(lines) for word in words)


def as_it_was(terminal: Terminal) -> bool:
    return (
        terminal.settings() == terminal.before
        and terminal.written.count(ENTER_SCREEN) == terminal.written.count(LEAVE_SCREEN) >= 1
        and terminal.written.rfind(SHOW) > terminal.written.rfind(HIDE) >= 0
    )


@pytest.mark.parametrize("command", [("top",), ("sockets", "--watch"), ("sockets", "--watch", "0.2")])
def test_the_screen_shows_the_listener_and_q_ends_it(port: int, command: tuple[str, ...]) -> None:
    with on_terminal(*command, "-p", str(os.getpid())) as terminal:
        lines = terminal.until(has(f"127.0.0.1:{port}", "↑↓ choose"))
        assert lines[0].split()[1:4] == ["UTC", "1", "listeners"]
        assert "0/4" in lines[terminal_row(lines, str(port))]
        assert lines[-1].startswith("↑↓ choose")
        terminal.press("q")
        assert terminal.end() in OK
        assert as_it_was(terminal)


def test_the_help_names_each_key() -> None:
    text = parser_of("top").format_help()
    assert all(words in text for words in ("j and k", "f fullest", "r refused", "p port", "n name", "q quits"))


def terminal_row(lines: list[str], word: str) -> int:
    return next(number for number, line in enumerate(lines) if word in line)


def test_keys_filter_and_pause_and_the_screen_follows_the_size(port: int) -> None:
    with on_terminal("top", "--interval", "0.2", "-p", str(os.getpid())) as terminal:
        terminal.until(has(f":{port}"))
        terminal.press("/nobody")
        terminal.until(has("/nobody", "no listener matches the filter"))
        terminal.press("\x1b")
        terminal.until(has(f":{port}", "by fullness"))
        terminal.press("r")
        terminal.until(has("by refused"))
        terminal.press(" ")
        paused = terminal.until(has("paused"))[0]
        terminal.resize(120, 40)
        lines = terminal.until(lambda lines: lines[39].startswith("↑↓ choose"))
        assert lines[0] == paused and "PROTO" in lines[terminal_row(lines, "COMMAND")]
        terminal.press(" ")
        terminal.until(lambda lines: "paused" not in lines[0] and lines[0] != paused.removesuffix("  paused"))


@pytest.mark.parametrize(
    ("number", "statuses"), [(signal.SIGINT, OK), (signal.SIGTERM, (143,)), (signal.SIGHUP, (129,))]
)
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(
    port: int, number: signal.Signals, statuses: tuple[int, ...]
) -> None:
    with on_terminal("top", "-p", str(os.getpid())) as terminal:
        terminal.until(has(f":{port}"))
        terminal.process.send_signal(number)
        assert terminal.end() in statuses
        assert as_it_was(terminal)
        assert "Traceback" not in terminal.messages


def test_ctrl_z_gives_the_terminal_back_and_going_on_takes_it(port: int) -> None:
    with on_terminal("top", "-p", str(os.getpid())) as terminal:
        terminal.until(has(f":{port}"))
        terminal.press("\x1a")
        terminal.until(lambda _: stopped(terminal.process.pid) and as_it_was(terminal))
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(lambda lines: terminal.settings() != terminal.before and has(f":{port}")(lines))
        terminal.press("q")
        assert terminal.end() in OK and as_it_was(terminal)


def stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        return stat.read().rpartition(")")[2].split()[0] == "T"


def test_a_terminal_that_goes_away_ends_it(port: int) -> None:
    with on_terminal("top", "--interval", "0.1", "-p", str(os.getpid())) as terminal:
        terminal.until(has(f":{port}"))
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE) in (129, 3)


def samples(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "listenwatch", "top", "-p", str(os.getpid()), "--interval", "0.1", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


def test_in_a_pipe_it_prints_plain_samples(port: int) -> None:
    done = samples("--count", "2")
    assert done.returncode in OK and "\x1b" not in done.stdout
    heads = [line for line in done.stdout.splitlines() if "1 listeners, 0 full" in line]
    assert len(heads) == 2 and heads[1].endswith(", 0.0 refused/s")
    assert done.stdout.count(f"127.0.0.1:{port} ") == 2


def test_in_a_pipe_json_has_the_rate_from_the_second_sample_on(port: int) -> None:
    first, end, second, _ = map(json.loads, samples("--count", "2", "--json").stdout.splitlines())
    assert (first["schema"], end["schema"]) == ("listenwatch/listener/1", "listenwatch/listeners-summary/1")
    assert (first["port"], first["drops"], first["refused_per_second"]) == (port, 0, None)
    assert (second["port"], second["refused_per_second"]) == (port, 0.0)


def test_head_ends_it(port: int) -> None:
    top = [sys.executable, "-m", "listenwatch", "top", "--interval", "0.1", "-p", str(os.getpid())]
    with subprocess.Popen(top, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert b"Traceback" not in process.stderr.read()
