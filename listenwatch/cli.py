"""The command line: finds the command, imports only that one, and turns errors into one line and a status."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys

from listenwatch import __version__
from listenwatch.errors import ListenwatchError, ObserveError
from listenwatch.terminal import say

COMMANDS = {
    "watch": "watch listen() calls live and check each (the default)",
    "sockets": "every listener there is: who holds it, its queue, its limit, and what is wrong",
    "overflow": "live: which listener has no room for a connection, whose it is, and what to change",
    "verify": "run the conformance scenarios on this kernel",
    "replay": "check a recording again, on any machine",
    "predict": "what listen() does on any kernel, calculated by the model",
    "lab": "exercises about listen(), checked by what the kernel does with your program",
    "rules": "the rules of the model and what changed between kernels, with sources",
    "features": "what this kernel offers, and how that was found out",
    "matrix": "run verify on this kernel and in VMs with others, side by side",
    "guest": "run a command in a Linux VM with another kernel",
}

DESCRIPTION = "Watch every listen(2) in the kernel and check it against the reference model."
EPILOG = """\
commands:
{commands}

Exit status: 0 everything compared agreed, 1 a disagreement, 2 usage, 3 could not observe,
4 incomplete (calls lost, nothing compared, or inconclusive under --strict).
'listenwatch COMMAND --help' shows a command's options and examples."""


def _top_parser() -> argparse.ArgumentParser:
    rows = "\n".join(f"  {name:<10} {summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="listenwatch",
        usage="listenwatch [COMMAND] [OPTIONS]",
        description=DESCRIPTION,
        epilog=EPILOG.format(commands=rows),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"listenwatch {__version__}")
    return parser


def _command_of(arguments: list[str]) -> tuple[str, list[str]]:
    """The command and its arguments: no command, or an option first, means ``watch``."""
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        _top_parser().parse_args(arguments)
    if not arguments or arguments[0].startswith("-"):
        return "watch", arguments
    if arguments[0] not in COMMANDS:
        _top_parser().error(
            f"no command '{arguments[0]}': choose from {', '.join(COMMANDS)}; "
            f"to follow a program: listenwatch watch -- {' '.join(arguments)}"
        )
    return arguments[0], arguments[1:]


_CANNOT_BE_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _forget_output() -> None:
    """Keep the interpreter from failing again as it flushes at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what the locale cannot show
    name, rest = _command_of(sys.argv[1:] if arguments is None else arguments)
    command = importlib.import_module(f"listenwatch.commands.{name}")
    parser = argparse.ArgumentParser(
        prog=f"listenwatch {name}",
        description=f"{COMMANDS[name][:1].upper()}{COMMANDS[name][1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.build_parser(parser)
    options = parser.parse_args(rest)
    try:
        status: int = command.run(options)
        sys.stdout.flush()
    except ListenwatchError as error:
        say(str(error))
        if isinstance(error, ObserveError) and error.log and getattr(options, "verbose", False):
            sys.stderr.write(error.log)
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget_output()  # `| head` has what it wanted
        return 141
    except OSError as error:
        if error.errno not in _CANNOT_BE_WRITTEN:
            raise
        say(f"the output cannot be written: {error.strerror}")
        _forget_output()
        return 3
    return status
