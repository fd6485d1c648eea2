"""Completions, as each shell gives them: commands, options, and what options take."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from deploy.release import completions
from listenwatch import cli
from tests.require import require

PATIENCE = 120.0
CASES = [
    ("listenwatch ", set(cli.COMMANDS)),
    ("listenwatch watch --st", {"--stages", "--strict"}),
    ("listenwatch watch --attach k", {"kprobe"}),
    ("listenwatch watch --fail-on ", {"clamped", "failed", "inconclusive", "unmodelled", "lost"}),
    ("listenwatch watch -- setpri", {"setpriv"}),
    ("listenwatch verify -k backlog-kept", {f"backlog-kept-{kind}" for kind in ("ipv4", "ipv6", "mptcp", "unix")}),
    ("listenwatch lab ", {"list", "start", "hint", "solution", "check", "prove"}),
    ("listenwatch lab check 01", {"01-first-look"}),
    ("listenwatch predict --kernel 5.1", {"5.17", "5.19"}),
    ("listenwatch guest --kernel ", {"5.10", "6.1", "6.12"}),
    ("listenwatch schema rec", {"recording"}),
    ("listenwatch replay calls", {"calls.jsonl"}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, and a recording beside them."""
    place = tmp_path_factory.mktemp("completions")
    assert {path.name for path in completions.build(place / "files")} == set(completions.FILES.values())
    (place / "calls.jsonl").touch()
    return place


def has(shell: str) -> None:
    require(shell, shutil.which(shell) is not None, f"run 'apt-get install {shell}'")


BASH = """
. files/listenwatch
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_listenwatch "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def words_of(line: str) -> list[str]:
    """The words of a line as bash gives them to a completion: the last may be empty."""
    return line.split(" ")


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash(line: str, expected: set[str], folder: Path) -> None:
    done = subprocess.check_output(["bash", "-c", BASH, "bash", *words_of(line)], cwd=folder, text=True, timeout=PATIENCE)
    assert set(done.split()) == expected


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish(line: str, expected: set[str], folder: Path) -> None:
    has("fish")
    code = f"source files/listenwatch.fish; complete -C '{line}'"
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    done = subprocess.check_output(["fish", "--no-config", "-c", code], cwd=folder, env=environment, text=True, timeout=PATIENCE)
    assert {shown.split("\t")[0] for shown in done.splitlines()} == expected


def test_zsh(folder: Path) -> None:
    """On a terminal, as zsh completes nowhere else: the only choice is written out."""
    has("zsh")
    terminal, its_end = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder)}
    with subprocess.Popen(
        ["zsh", "-f", "-i"], cwd=folder, env=environment, start_new_session=True,
        stdin=its_end, stdout=its_end, stderr=its_end,
    ) as shell:  # fmt: skip
        os.close(its_end)
        try:
            os.write(terminal, b"fpath=($PWD/files $fpath); autoload -U compinit; compinit -D -u; PS1='> '; echo rea''dy\n")
            read_until(terminal, b"ready")
            for line, word in [(line, *expected) for line, expected in CASES if len(expected) == 1]:
                os.write(terminal, f"{line}\t".encode())
                read_until(terminal, f"{line.rpartition(' ')[0]} {word}".encode())
                os.write(terminal, b"\x15")  # Ctrl-U: the line is empty again
        finally:
            shell.kill()
            os.close(terminal)


def read_until(terminal: int, expected: bytes) -> None:
    """Read what the shell writes until this is in it."""
    seen, end = b"", time.monotonic() + PATIENCE
    while expected not in seen:
        assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], seen
        seen += os.read(terminal, 4096)
