"""``listenwatch watch``: every listen() as it happens, or those of one command's process tree."""

from __future__ import annotations

import argparse
import gc
import importlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from listenwatch.commands import attaching, filter_options
from listenwatch.commands.numbers import positive_int, seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.errors import UsageError
from listenwatch.features.attach import open_any_engine
from listenwatch.linux.kernel import Kernel, release_of_kernel
from listenwatch.linux.terminal import inform
from listenwatch.linux.wakeups import SignalPipe

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine
    from listenwatch.model.behaviour import Behaviour

BUFFERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
EPILOG = """\
examples:
  listenwatch                           every listen() on this machine
  listenwatch watch --stages -n nginx   each stage of nginx's calls
  listenwatch watch -- redis-server     a command's and its processes' calls,
                                        without root too (--attach seccomp)
  listenwatch watch --strict --fail-on clamped -- ./run-tests
  listenwatch watch -o trace.jsonl --duration 5m -n 'redis*' -P 6379,6380
  listenwatch watch --html page.html -- make test  to read in a browser
  listenwatch watch --json -P 8080 | jq .reason    of each call, then totals

The command's standard output goes to standard error: standard output holds the
report only. Ctrl-C reaches the command too, and listenwatch ends with it; a
second Ctrl-C waits neither for it nor for whoever reads the output.

exit status, the first that holds (2 usage, 3 could not observe):
  N  the command's own if that is not 0, 128 + n where signal n ended it
  1  a disagreement
  5  something that --fail-on names
  4  incomplete: calls lost, none that could be compared, or under --strict some
     that could not; under --strict or --fail-on also where no call came at all
  0  everything compared agreed, or (a line says so) no call came"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.usage = "listenwatch [watch] [OPTIONS] [-- COMMAND [ARGUMENT...]]"
    parser.epilog = EPILOG
    filter_options.add_options(parser)
    filter_options.add_report_options(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="also record to FILE, for 'replay'")
    add("--count", type=positive_int, metavar="N", help="end after N calls shown")
    add("--duration", type=seconds, metavar="TIME",
        help="end after so many seconds, or a time such as 90s, 5m, 1h30m, 2d")  # fmt: skip
    attaching.add_options(parser)
    add("--buffer", type=int, choices=BUFFERS, metavar="MB",
        help="kernel memory for calls that come faster than they are read, 2,200 a MB: "
        f"{', '.join(map(str, BUFFERS))} (default: 16)")  # fmt: skip
    add("-v", "--verbose", action="store_true",
        help="on errors show the verifier's or the compiler's log")  # fmt: skip
    add_quiet(parser)
    add("command", nargs=argparse.REMAINDER, metavar="-- COMMAND",
        help="run and follow this command")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Watch until the command, the count, the duration or a signal ends it."""
    command, kernel, rest = _command_of(options.command), release_of_kernel(), _the_rest()
    kernel.check_watched()
    behaviour = _behaviour_in(options.behaviour_file, kernel)
    with (
        closing(SignalPipe()) as signals,
        open_any_engine(
            options.engine, options.attach, follow=bool(command), ring_size=options.buffer and options.buffer << 20,
            meanwhile=rest,
        ) as engine,
    ):
        from listenwatch.commands.filtering import listener_filter  # these are a part of the rest

        wanted, opens_files = listener_filter(options), options.output or options.html is not None
        if not opens_files:
            _announce(engine, kernel)
        for _ in rest:
            pass
        from listenwatch.commands.watching import watch

        announce = partial(_announce, engine, kernel) if opens_files else None
        return watch(options, command, wanted, behaviour, signals, engine, announce)


_PARTS = (
    "commands.filtering", "model.behaviour_hash", "model.behaviour", "call.record", "model.rules",
    "model.kernels", "model.predict", "verdict.compare", "verdict.judge", "report.text", "report.sinks", "report.failures",
    "commands.reporting", "session.session", "commands.watching",
)  # fmt: skip
"""Modules that judge and show calls, in an order in which each takes a few milliseconds more to import."""


def _the_rest() -> Iterator[None]:
    """Import them a step at a time. That is half of all there is to import, and not needed for the probes to fire."""
    for name in _PARTS:
        gc.disable()  # as in __main__
        importlib.import_module(f"listenwatch.{name}")
        gc.enable()
        yield


def _announce(engine: AnyEngine, kernel: Kernel) -> None:
    """Say that the probes fire: from here on calls are recorded, whatever else there is to do before they are shown."""
    from listenwatch.report.notices import not_seen_text  # a part of the rest

    inform(
        f"watching listen() on Linux {kernel.release}, engine {engine.name}, attach mode {engine.attach}: {engine.why}"
        f"{not_seen_text(engine.not_seen)}"
    )


def _behaviour_in(file: str | None, kernel: Kernel) -> Behaviour | None:
    """What ``--behaviour-file`` names, if it is given."""
    if file is None:
        return None
    from listenwatch.commands.behaviour_option import behaviour_for_kernel

    return behaviour_for_kernel(file, kernel)


def _command_of(words: list[str]) -> list[str]:
    """The command to follow, empty for none; UsageError where it does not stand after --."""
    if words[:1] == ["--"]:
        if not words[1:]:
            raise UsageError("no command after --")
        return words[1:]
    if words:
        raise UsageError(f"unknown argument '{words[0]}': put -- before a command to follow")
    return []
