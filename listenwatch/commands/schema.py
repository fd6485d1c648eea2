"""``listenwatch schema``: the JSON schemas of what --json and -o write."""

import argparse

from listenwatch.report.columns import wrapped
from listenwatch.report.schemas import choose, published

EPILOG = """\
examples:
  listenwatch schema                     all, and what each describes
  listenwatch schema call                of a listen() call, the newest version
  listenwatch schema listenwatch/call/3  by what the key "schema" of a line says
  listenwatch schema recording-2         of what earlier versions recorded

Each line of JSON says in its key "schema" which of them describes it.

exit status: 0 printed, 2 no such schema"""

_WIDTH = 80


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this one (JSON Schema 2020-12)")


def run(options: argparse.Namespace) -> int:
    """Print one, or the list of all."""
    if options.name is not None:
        print(choose(options.name).text, end="")
        return 0
    for schema in published():
        print(schema.identity)
        print("\n".join(wrapped(schema.description.replace("``", ""), "    ", later="", width=_WIDTH)))
    return 0
