"""The parser of every command: help that fits into 80 columns, and a question where a word may have been mistyped."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from listenwatch.errors import did_you_mean
from listenwatch.linux.terminal import escape, given_columns, width_of

WIDTH = 80
"""Columns that every help fits into, however wide the terminal is."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help for a terminal of at most WIDTH columns; description and epilog are printed as they are."""

    def __init__(self, prog: str, **options: Any) -> None:
        columns = min(given_columns() or width_of(sys.stdout) or WIDTH, WIDTH)
        super().__init__(prog, **{"width": columns - 2, **options})  # as much as argparse leaves free


class Parser(argparse.ArgumentParser):
    """A parser whose complaints ask what was meant, and repeat no escape sequence: an argument may come from anybody."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": Help, **options})
        self.suggest_on_error = False  # Python 3.14 has its own question for values, none for options

    def parse_args(  # type: ignore[override]
        self, arguments: list[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As argparse does it, with the nearest option where one is unknown."""
        options, unknown = self.parse_known_args(arguments, namespace)
        if unknown:
            mistyped = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
            question = did_you_mean(mistyped, _options(self)) if mistyped.startswith("-") else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{question}")
        return options

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and exit with 2."""
        super().error(escape(message))


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """``--quiet``, which ``cli`` hands to ``linux.terminal``."""
    parser.add_argument("-q", "--quiet", action="store_true",
        help="on standard error only what went wrong")  # fmt: skip


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every option of a parser and of the parsers of its actions."""
    for inner in parsers_of(parser):
        for action in inner._actions:
            yield from action.option_strings


def parsers_of(parser: argparse.ArgumentParser) -> Iterable[argparse.ArgumentParser]:
    """The parser itself, and those of the commands within its command."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in dict.fromkeys(action.choices.values()):
                yield from parsers_of(inner)
