"""Completions for bash, zsh and fish, which shtab makes from the same parsers that print --help.

What an option takes and argparse does not know stands here: scenarios, exercises, kernels, files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import shtab

from listenwatch import cli
from listenwatch.commands.parser import parsers_of
from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.labs.catalogue import exercises
from listenwatch.model.kernels import ERAS
from listenwatch.model.kernels import name as release
from listenwatch.report.schemas import published
from listenwatch.verdict.condition import Condition

FILES = {"bash": "listenwatch", "zsh": "_listenwatch", "fish": "listenwatch.fish"}
"""The name of each shell's file, by which the shell finds it."""
DEBIAN = ("5.10", "6.1", "6.12")
"""The kernels with which Debian 11, 12 and 13 were released, for guests; a mirror may have others."""
PROGRAMS = {
    "bash": "_listenwatch_programs", "zsh": "_command_names -e", "fish": "(__fish_complete_command)",
    "preamble": {"bash": '_listenwatch_programs() {\n  compgen -c -- "$1"\n}'},
}  # fmt: skip


def build(folder: Path) -> list[Path]:
    """Write each shell's file into the new folder; their paths."""
    folder.mkdir()
    parser = whole()
    for shell, name in FILES.items():
        (folder / name).write_text(shtab.complete(parser, shell=shell))
    return [folder / name for name in FILES.values()]


def whole() -> argparse.ArgumentParser:
    """One parser of all commands, whose actions know what they take."""
    parser = argparse.ArgumentParser(prog="listenwatch", description=cli.DESCRIPTION)
    parser.add_argument("--version", action="store_true", help="show versions, and how to attach here")
    adding = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in cli.COMMANDS.items():
        command = cli.parser_of(name)
        adding.add_parser(name, help=summary, parents=[command], add_help=False, prog=command.prog)
    values = _values()
    for inner in parsers_of(parser):
        for action in inner._actions:
            _teach(action, values.get((inner.prog.split(" ")[1], action.dest)) if " " in inner.prog else None)
    return parser


def _values() -> dict[tuple[str, str], Sequence[str]]:
    """What an option or argument takes, by its command and its name in argparse."""
    scenarios = [scenario.name for scenario in all_scenarios()]
    eras = [release(first) for first, _ in ERAS]
    return {
        ("verify", "pattern"): scenarios,
        ("matrix", "pattern"): scenarios,
        ("lab", "exercise"): [exercise.name for exercise in exercises()],
        ("predict", "kernel"): eras,
        ("predict", "compare"): eras,
        ("guest", "kernel"): DEBIAN,
        ("matrix", "kernels"): DEBIAN,
        ("watch", "fail_on"): _conditions(),
        ("replay", "fail_on"): _conditions(),
        ("schema", "name"): sorted({schema.names[2] for schema in published()}),
    }


def _conditions() -> list[str]:
    return [condition.value for condition in Condition if condition is not Condition.DISAGREE]


def _teach(action: argparse.Action, values: Iterable[str] | None) -> None:
    """Let shtab see what an action takes."""
    taught: Any = action
    if values is not None:
        taught.choices = [*values]
    elif action.nargs == argparse.REMAINDER:
        taught.complete = PROGRAMS
    elif action.metavar in ("FILE", "DIR"):
        taught.complete = shtab.FILE if action.metavar == "FILE" else shtab.DIRECTORY
