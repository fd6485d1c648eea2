"""The command line: help, usage errors, exit statuses, and what happens where output or patience end."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest

import listenwatch
from listenwatch import cli
from listenwatch.errors import (
    GuestError,
    ListenwatchError,
    ObserveError,
    RecordingError,
    UsageError,
)

TEXT = subprocess.PIPE
PROGRAM = [sys.executable, "-m", "listenwatch"]


def command(
    monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None, status: int = 0
) -> None:
    """Put a command in the place of every other: it raises ``error`` or returns ``status``."""

    def run(_options: object) -> int:
        if error is not None:
            raise error
        return status

    def build_parser(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("-v", "--verbose", action="store_true")

    fake = SimpleNamespace(run=run, build_parser=build_parser)
    monkeypatch.setattr(importlib, "import_module", lambda _name: fake)


# -- help


def exits(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command line that argparse ends."""
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    assert isinstance(end.value.code, int)
    return end.value.code, *capsys.readouterr()


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_command_and_the_statuses(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = exits(capsys, flag)
    assert (status, err) == (0, "")
    for name, summary in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", out, re.MULTILINE)
    assert "Exit status: 0 everything compared agreed, 1 a disagreement, 2 usage" in out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_each_command(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    status, out, err = exits(capsys, name, "--help")
    assert (status, err) == (0, "")
    assert out.startswith("usage: listenwatch ")
    assert max(map(len, out.splitlines())) <= 100
    if name != "features":  # which has nothing to choose but --json
        examples = re.findall(r"^  listenwatch.*$", out, re.MULTILINE)
        assert "\nexamples:\n" in out and len(examples) >= 3


@pytest.mark.parametrize("name", sorted(set(cli.COMMANDS) - {"features"}))
def test_examples_are_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each example's options exist: its parser reads them without complaint."""
    _, out, _ = exits(capsys, name, "--help")
    for example in re.findall(r"^  listenwatch(.*)$", out, re.MULTILINE):
        words = shlex.split(re.split(r" {2,}| \| ", example)[0])
        chosen, rest = cli._command_of(words)
        parser = argparse.ArgumentParser()
        importlib.import_module(f"listenwatch.commands.{chosen}").build_parser(parser)
        parser.parse_args(rest)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = exits(capsys, "--version")
    assert (status, out) == (0, f"listenwatch {listenwatch.__version__}\n")


# -- usage


def test_an_unknown_command_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = exits(capsys, "nginx", "-g")
    assert (status, out) == (2, "")
    assert (
        "no command 'nginx': choose from watch, sockets, overflow, verify, replay, predict, lab, rules, "
        "features, matrix, guest"
        in err
    )
    assert "to follow a program: listenwatch watch -- nginx -g" in err


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--nonsense"], ["watch", "--nonsense"], ["replay"], ["guest", "--accel=x"]):
        status, out, err = exits(capsys, *arguments)
        assert (status, out) == (2, "")
        assert err.startswith("usage: listenwatch ")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--count", "0"], "not a whole number above 0: '0'"),
        (["--duration", "soon"], "not a number above 0: 'soon'"),
        (["-P", "70000"], "not a port: '70000' (1 to 65535)"),
        (["-p", "nginx"], "invalid int value: 'nginx'"),
        (["--attach", "magic"], "invalid choice: 'magic'"),
    ],
)
def test_a_wrong_argument_says_what_is_right(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = exits(capsys, "watch", *arguments)
    assert status == 2
    assert word in err


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], ("watch", [])),
        (["--json"], ("watch", ["--json"])),
        (["--", "nginx"], ("watch", ["--", "nginx"])),
        (["-p", "1"], ("watch", ["-p", "1"])),
        (["watch", "-p", "1"], ("watch", ["-p", "1"])),
        (["replay", "x"], ("replay", ["x"])),
    ],
)
def test_no_command_means_watch(arguments: list[str], chosen: tuple[str, list[str]]) -> None:
    assert cli._command_of(arguments) == chosen


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["watch", "nginx"], "put -- before a command to follow"), (["watch", "--"], "no command")],
)
def test_a_command_to_follow_stands_after_two_dashes(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert word in capsys.readouterr().err


# -- statuses and errors


@pytest.mark.parametrize("status", [0, 1, 4, 77])
def test_the_status_is_the_command_s(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, status=status)
    assert cli.main(["verify"]) == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("x"), 2),
        (ObserveError("x"), 3),
        (RecordingError("x"), 3),
        (GuestError("x"), 3),
        (ListenwatchError("x"), 3),
    ],
)
def test_an_error_is_one_line_and_its_status(
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(monkeypatch, error)
    assert cli.main([]) == status
    assert capsys.readouterr() == ("", "listenwatch: x\n")


def test_the_verifier_s_log_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, ObserveError("the kernel refused the probe", "R1 invalid mem access\n"))
    assert cli.main([]) == 3
    assert capsys.readouterr().err == "listenwatch: the kernel refused the probe\n"
    assert cli.main(["--verbose"]) == 3
    assert capsys.readouterr().err.splitlines() == [
        "listenwatch: the kernel refused the probe",
        "R1 invalid mem access",
    ]


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    for mistake in (ValueError("ours"), OSError(13, "ours")):
        command(monkeypatch, mistake)
        with pytest.raises(type(mistake), match="ours"):
            cli.main([])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch, KeyboardInterrupt())
    assert cli.main([]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_has_gone_is_141_without_a_word() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [*PROGRAM, "verify", "--list"], stdout=pipe, stderr=TEXT, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [*PROGRAM, "verify", "--list"], stdout=full, stderr=TEXT, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr == "listenwatch: the output cannot be written: No space left on device\n"


def test_what_the_locale_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    command(monkeypatch)
    assert cli.main([]) == 0
    print("CLOSE→LISTEN", flush=True)
    assert shown.getvalue() == b"CLOSE\\u2192LISTEN\n"
