"""The command line: finds the command, imports only that one, and turns errors into one line and a status."""

import argparse
import errno
import importlib
import io
import sys
from collections.abc import Callable
from pathlib import Path

from listenwatch.commands.parser import Parser
from listenwatch.errors import ListenwatchError, ObserveError, did_you_mean
from listenwatch.linux.interrupt import INTERRUPTED
from listenwatch.linux.streams import discard_output
from listenwatch.linux.terminal import be_quiet, say

COMMANDS = {
    "watch": "watch listen() calls live and check each (the default)",
    "sockets": "every listener: who holds it, its queue and limit, what is wrong",
    "top": "live: listeners by how full they are, what each refuses a second",
    "overflow": "live: which listener has no room for a connection, and why",
    "exporter": "metrics of every listener for Prometheus, events for a log",
    "verify": "run the conformance scenarios on this kernel",
    "identify": "which documented behaviour this kernel has, by what it does",
    "replay": "check a recording again, on any machine",
    "conformance": "make the standalone program that asks any stack about listen()",
    "judge": "judge that program's answers, on any machine, as any stack's",
    "predict": "what listen() does on any kernel, calculated by the model",
    "check": "what the listen() of a server's configuration will get",
    "lab": "exercises about listen(), checked by what the kernel does",
    "rules": "the model's rules and what changed between kernels, with sources",
    "schema": "the JSON schemas of what --json and -o write",
    "features": "what this kernel offers, and how that was found out",
    "matrix": "run verify on this kernel and in guests with others",
    "guest": "run a command in a guest, a machine with another kernel",
}

DESCRIPTION = "Watch every listen(2) in the kernel and check it against the reference model."
EPILOG = """\
commands:
{commands}

examples:
  listenwatch                          every listen() on this machine
  listenwatch watch -- redis-server    those of one command and its children
  listenwatch sockets                  every listener, its queue and its limit
  listenwatch predict --backlog 511 --kernel 6.1
'listenwatch COMMAND --help' shows a command's options and examples.

exit status: 0 everything compared agreed, 1 a disagreement, 2 usage,
3 could not observe, 4 incomplete (calls lost, nothing compared, or inconclusive
under --strict), 5 something that --fail-on names, 130 interrupted; of
'watch -- COMMAND' the command's own if that is not 0"""


def _top_parser() -> argparse.ArgumentParser:
    rows = "\n".join(f"  {name:<11} {summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        prog="listenwatch", usage="listenwatch [COMMAND] [OPTIONS]", description=DESCRIPTION,
        epilog=EPILOG.format(commands=rows),
    )
    parser.add_argument("--version", action="store_true",
        help="show the versions of listenwatch, the kernel and libbpf, and how to attach here")  # fmt: skip
    return parser


def _command_of(arguments: list[str]) -> tuple[str, list[str]]:
    """The command and its arguments: no command, or an option first, means ``watch``."""
    if arguments[:1] == ["--version"]:
        from listenwatch.commands.versions import version_text

        print(version_text())
        raise SystemExit(0)
    if arguments and arguments[0] in ("-h", "--help"):
        _top_parser().parse_args(arguments)
    if not arguments or arguments[0].startswith("-"):
        return "watch", arguments
    if arguments[0] not in COMMANDS:
        choices = (
            f": choose from {', '.join(COMMANDS)}; "
            f"to follow a program: listenwatch watch -- {' '.join(arguments)}"
        )
        _top_parser().error(f"no command '{arguments[0]}'{did_you_mean(arguments[0], COMMANDS) or choices}")
    return arguments[0], arguments[1:]


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one of COMMANDS; the reference in docs/ is made from these."""
    parser = Parser(prog=f"listenwatch {name}", description=f"{COMMANDS[name][:1].upper()}{COMMANDS[name][1:]}.")
    importlib.import_module(f"listenwatch.commands.{name}").build_parser(parser)
    return parser


_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What write(2) on a descriptor that is open says: no file's name comes with it."""
_NEXT = {
    errno.EMFILE: "raise the limit, such as 'ulimit -n 1024'",
    errno.ENFILE: "the machine has too many files open",
    errno.ENOMEM: "free some memory",
}


def _line_of(error: Exception) -> str:
    """The line for an exception; one that is no fault of the machine names its place in the program."""
    if isinstance(error, ListenwatchError):
        return str(error)
    if isinstance(error, MemoryError):
        return "no memory is left: free some"
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    import traceback  # seldom needed, as in ``main``

    places = [frame for frame in traceback.extract_tb(error.__traceback__) if "listenwatch" in frame.filename]
    place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return (
        f"an error of listenwatch itself, {type(error).__name__}: {error}{place}: report it, with what "
        "'python3 -X dev -m listenwatch' and the same arguments print"
    )


def _of_system(error: OSError) -> str:
    if error.errno in _OUTPUT and error.filename is None:
        return f"the output cannot be written: {error.strerror}"
    where = f"{error.filename}: " if error.filename is not None else ""
    hint = _NEXT.get(error.errno or 0, "")
    if where.startswith("/proc/") and not Path("/proc/self").exists():
        hint = "mount /proc"
    elif where.startswith(("/proc/", "/sys/")) and isinstance(error, PermissionError):
        hint = "it takes root, or CAP_DAC_READ_SEARCH"
    return f"cannot go on: {where}{error.strerror}{f': {hint}' if hint else ''}"


def main(arguments: list[str] | None = None, ready: Callable[[], None] = lambda: None) -> int:
    """Run one command; returns its exit status. ``ready`` is called once an interrupt can be handled here."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what the locale cannot show
    options = argparse.Namespace()
    try:
        try:
            name, rest = _command_of(sys.argv[1:] if arguments is None else arguments)
            command = importlib.import_module(f"listenwatch.commands.{name}")
            parser_of(name).parse_args(rest, options)
            be_quiet(quiet=getattr(options, "quiet", False))
            ready()
            status: int = command.run(options)
        except SystemExit:  # --help, whose text may not have been written yet
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        return getattr(interrupt, "status", INTERRUPTED)
    except BrokenPipeError:
        discard_output()  # `| head` has what it wanted
        return 141
    except Exception as error:
        say(_line_of(error))
        if isinstance(error, ObserveError) and error.log and getattr(options, "verbose", False):
            sys.stderr.write(error.log)
        if isinstance(error, ListenwatchError):
            return error.status
        if sys.flags.dev_mode:
            import traceback

            traceback.print_exc()
        discard_output()
        return ListenwatchError.status
    return status
