"""The command line: help, usage errors, exit statuses, and what happens where output or patience end."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest

from listenwatch import cli
from listenwatch.bpf.programs import ATTACH_MODES
from listenwatch.commands import versions
from listenwatch.commands.parser import add_quiet, parsers_of
from listenwatch.commands.versions import version_text
from listenwatch.errors import (
    GuestError,
    ListenwatchError,
    ObserveError,
    RecordingError,
    UsageError,
)
from listenwatch.features.answers import Answer
from listenwatch.linux import terminal
from listenwatch.linux.terminal import inform, say
from listenwatch.version import __version__

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
        add_quiet(parser)

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
    assert "exit status: 0 everything compared agreed, 1 a disagreement, 2 usage" in out
    assert re.search(r"\b5\s+something that\s+--fail-on names", out)


PARSERS = {inner.prog: inner for name in cli.COMMANDS for inner in parsers_of(cli.parser_of(name))}
EVERY = {"listenwatch": cli._top_parser(), **PARSERS}
"""The parser of each command, of each command within one, and of none."""


@pytest.mark.parametrize("columns", [1, 20, 40, 79, 80, 81, 100, 200])
@pytest.mark.parametrize("name", EVERY)
def test_help_fits_80_columns(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = EVERY[name].format_help()
    assert text.startswith("usage: listenwatch")
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", EVERY)
def test_help_has_examples_and_exit_statuses(name: str) -> None:
    text = EVERY[name].format_help()
    assert EVERY[name].description
    assert "\nexamples:\n" in text and re.search(r"^exit status[:,]", text, re.MULTILINE)
    examples = re.findall(r"^  (?:sudo )?listenwatch.*$", text, re.MULTILINE)
    assert len(examples) >= (1 if name.startswith("listenwatch lab ") else 3)


def test_help_of_a_command_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert exits(capsys, "lab", "check", "--help") == (0, EVERY["listenwatch lab check"].format_help(), "")


@pytest.mark.parametrize("name", EVERY)
def test_examples_are_accepted(name: str) -> None:
    """Each example's options exist: its parser reads them without complaint."""
    for example in re.findall(r"^  (?:sudo )?listenwatch(.*)$", EVERY[name].epilog or "", re.MULTILINE):
        words = shlex.split(re.split(r" {2,}| \| | > ", f"{example}  ")[0])
        chosen, rest = cli._command_of(words)
        cli.parser_of(chosen).parse_args(rest)


# -- what was meant


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        ("wacth", "did you mean 'watch'?"),
        ("SOCKETS", "did you mean 'sockets'?"),
        ("--josn", "did you mean '--json'?"),
        ("watch --Json", "did you mean '--json'?"),
        ("watch --stagse=x", "did you mean '--stages'?"),
        ("watch -duration 5", "did you mean '--duration'?"),
        ("watch --attach=kprob", "did you mean 'kprobe'?"),
        ("predict --backlog 5 --family tpc", "did you mean 'tcp'?"),
        ("lab lst", "did you mean 'list'?"),
        ("lab check --jsno", "did you mean '--json'?"),
    ],
)
def test_a_word_that_is_nearly_right(arguments: str, question: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = exits(capsys, *arguments.split())
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].endswith(question)


@pytest.mark.parametrize("arguments", ["watch --zzz", "watch --attach zzz", "zzz", "replay a b"])
def test_nothing_is_asked_where_nothing_is_near(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = exits(capsys, *arguments.split())
    assert status == 2
    assert "did you mean" not in err


# -- the version


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = exits(capsys, "--version")
    first, *others = out.splitlines()
    assert (status, first) == (0, f"listenwatch {__version__}")
    answers = dict(line.split(": ", 1) for line in others)
    assert list(answers) == ["kernel", "libbpf", "attach modes"]
    assert os.uname().release in answers["kernel"]


def test_the_version_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """No /proc, no /sys, no libbpf, no privilege: each is an answer."""

    def broken() -> str:
        raise OSError(errno.EACCES, "Permission denied\x1b")

    monkeypatch.setattr(versions, "library_version", broken)
    monkeypatch.setattr(versions, "mode_answer", lambda _mode, _evidence: 1 / 0)
    assert version_text().splitlines()[2:] == [
        r"libbpf: not known ([Errno 13] Permission denied\x1b)", "attach modes: not known (division by zero)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("yes yes yes", "kprobe, fentry, tracepoint"),
        ("no no yes", "tracepoint (not here: kprobe, fentry)"),
        ("no unknown unknown", "none certain (not here: kprobe; not known for this user: fentry, tracepoint)"),
    ],
)
def test_the_attach_modes_of_the_version(answers: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = {mode: Answer(word) for mode, word in zip(ATTACH_MODES, answers.split(), strict=True)}
    monkeypatch.setattr(versions, "mode_answer", lambda mode, _evidence: modes[mode])
    assert version_text().splitlines()[-1] == f"attach modes: {text}"


# -- quiet


def test_quiet_leaves_only_what_went_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch)
    monkeypatch.setattr(terminal, "_quiet", False)  # as before, once the test has ended

    def run(_options: object) -> int:
        inform("watching")
        say("lost")
        return 0

    monkeypatch.setattr(importlib.import_module("listenwatch.commands.watch"), "run", run)
    for arguments, lines in ((["-q"], ["lost"]), ([], ["watching", "lost"]), (["--quiet"], ["lost"])):
        cli.main(arguments)
        assert capsys.readouterr() == ("", "".join(f"listenwatch: {line}\n" for line in lines))


@pytest.mark.parametrize("name", ["watch", "replay", "verify", "overflow", "sockets", "matrix", "guest"])
def test_quiet_is_an_option_of(name: str) -> None:
    needs = {"replay": ["x"]}.get(name, [])
    assert cli.parser_of(name).parse_args(["-q", *needs]).quiet
    assert not cli.parser_of(name).parse_args(needs).quiet


# -- usage


def test_an_unknown_command_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = exits(capsys, "nginx", "-g")
    assert (status, out) == (2, "")
    assert (
        "no command 'nginx': choose from watch, sockets, top, overflow, exporter, verify, identify, replay, conformance, judge, "
        "predict, check, lab, rules, schema, features, matrix, guest"
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
        (["--duration", "soon"], "not a time above 0: 'soon'"),
        (["--fail-on", "clamped,x"], "nothing to fail on: 'x' (choose from clamped, failed, "),
        (["-P", "70000"], "not a port: '70000' (1 to 65535)"),
        (["-p", "nginx"], "not a whole number: 'nginx'"),
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


def test_a_mistake_of_ours_is_one_line_that_names_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, ValueError("ours\x1b"))
    assert cli.main([]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"listenwatch: an error of listenwatch itself, ValueError: ours\\x1b at \w+\.py:\d+: report it, .*\n", err
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "cannot go on: Too many open files: raise the limit, such as"),
        (OSError(errno.ENOENT, "No such file", "/proc/net"), "cannot go on: /proc/net: No such file"),
        (PermissionError(errno.EACCES, "Permission denied", "/sys/kernel"), "it takes root, or CAP_DAC_READ_SEARCH"),
        (OSError(errno.EIO, "Input/output error"), "the output cannot be written: Input/output error"),
        (MemoryError(), "no memory is left: free some"),
    ],
)
def test_a_fault_of_the_machine_is_one_line(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, error)
    assert cli.main([]) == 3
    err = capsys.readouterr().err
    assert line in err and len(err.splitlines()) == 1


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
