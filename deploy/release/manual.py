"""Man pages, one of the program and one of each command, made from the parsers that also print --help.

argparse-manpage, a library for this, sets an epilog as one paragraph under COMMENTS, in which examples run into each
other; here examples and exit statuses have the sections that man-pages(7) gives them.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from unittest.mock import patch

from listenwatch import cli
from listenwatch.version import __version__

_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
"""What roff would print as another character, or read as its own."""
_SECTION = re.compile(r"(examples|exit status|commands)(?:[:,] ?|$)")
"""How a paragraph of an epilog begins that has a section of its own."""


def build(folder: Path, seconds: int) -> list[Path]:
    """Write every page into the new folder, dated ``seconds`` since 1970; their paths."""
    folder.mkdir()
    written = []
    for name, text in pages(time.strftime("%Y-%m-%d", time.gmtime(seconds))).items():
        written.append(folder / f"{name}.1")
        written[-1].write_text(text)
    return written


def pages(date: str) -> dict[str, str]:
    """The text of each page by its name, such as ``listenwatch-watch``."""
    with patch.dict(os.environ, {"COLUMNS": "80"}):  # usage is as wide as the terminal of whoever builds
        parsers = {"listenwatch": cli._top_parser(), **{f"listenwatch-{name}": cli.parser_of(name) for name in cli.COMMANDS}}
        return {name: "\n".join(_page(name, parser, [*parsers], date)) + "\n" for name, parser in parsers.items()}


def _page(name: str, parser: argparse.ArgumentParser, names: list[str], date: str) -> Iterator[str]:
    command = name.partition("-")[2]
    purpose = cli.COMMANDS.get(command, (parser.description or "").rstrip("."))
    yield f'.TH {name.upper()} 1 "{date}" "listenwatch {__version__}" "User Commands"'
    yield from (".SH NAME", f"{escaped(name)} \\- {escaped(purpose[:1].lower() + purpose[1:])}")
    yield from (".SH SYNOPSIS", usage(parser))
    sections = sections_of(parser.epilog or "")
    yield from (".SH DESCRIPTION", escaped(parser.description or ""), *sections.pop("", []))
    if sections.pop("commands", None):
        yield ".SH COMMANDS"
        yield from (line for each in cli.COMMANDS for line in (".TP", f"\\fB{each}\\fR", escaped(cli.COMMANDS[each])))
    yield from _options(parser)
    for inner in _inner(parser):
        title = inner.prog.removeprefix("listenwatch ")
        parts = sections_of(inner.epilog or "")
        yield from (f".SH {escaped(title.upper())}", usage(inner), ".PP", escaped(inner.description or ""), *parts.pop("", []))
        yield from _options(inner, ".SS")
        yield from (line for heading, lines in parts.items() for line in (f".SS {heading.capitalize()}", *lines))
    yield from (line for heading, lines in sections.items() for line in (f".SH {heading.upper()}", *lines))
    others = [other for other in names if other != name]
    yield from (".SH SEE ALSO", ",\n".join(f".BR {escaped(other)} (1)" for other in others).replace("(1),", "(1) ,"))


def usage(parser: argparse.ArgumentParser) -> str:
    """How the command is called, without line breaks: man makes its own."""
    words = parser.format_usage().removeprefix("usage: ").split()
    return escaped(" ".join(words))


def _options(parser: argparse.ArgumentParser, heading: str = ".SH") -> Iterator[str]:
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if not isinstance(action, argparse._SubParsersAction)]
        if actions:
            title = {"positional arguments": "arguments"}.get(group.title or "", group.title or "")
            yield f"{heading} {escaped(title.upper() if heading == '.SH' else title.capitalize())}"
        for action in actions:
            yield from (".TP", invocation(action, parser), escaped(help_of(action, parser)))


def invocation(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """The option's names and its argument: ``-n NAME, --name NAME`` without the repetition."""
    formatter = parser._get_formatter()
    if not action.option_strings:
        return f"\\fI{escaped(str(action.metavar or action.dest))}\\fR"
    names = ", ".join(f"\\fB{escaped(option)}\\fR" for option in action.option_strings)
    argument = formatter._format_args(action, action.dest.upper()) if action.nargs != 0 else ""
    return f"{names} \\fI{escaped(argument)}\\fR" if argument else names


def help_of(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """What ``--help`` says of an option."""
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _inner(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands within its command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def sections_of(epilog: str) -> dict[str, list[str]]:
    """An epilog's lines of roff by section; under "" what has none of its own."""
    sections: dict[str, list[str]] = {}
    for paragraph in filter(None, re.split(r"\n\n+", epilog.strip("\n"))):
        match = _SECTION.match(paragraph)
        text = paragraph[match.end() :] if match else paragraph
        sections.setdefault(match[1] if match else "", []).extend(roff(text))
    return sections


def roff(paragraph: str) -> Iterator[str]:
    """A paragraph: indented lines stay as they are, the others are filled."""
    for indented, lines in groupby(filter(None, paragraph.split("\n")), lambda line: line.startswith(" ")):
        yield from (".PP", *(".EX",) * indented)
        yield from (escaped(line) for line in lines)
        yield from (".EE",) * indented


def escaped(text: str) -> str:
    """Text that roff prints as it is."""
    text = "".join(_ESCAPES.get(character, character) for character in text)
    return f"\\&{text}" if text.startswith(".") else text
