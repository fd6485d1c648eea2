"""``listenwatch watch``: every listen() as it happens, or those of one command's process tree."""

import argparse
from contextlib import closing

from listenwatch.commands import attaching, filter_options
from listenwatch.commands.behaviour_option import behaviour_for_kernel
from listenwatch.commands.numbers import positive_int, seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.errors import UsageError
from listenwatch.features.attach import open_any_engine
from listenwatch.linux.command_tree import CommandTree
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.priority import run_before_others
from listenwatch.linux.privileges import READ_MAPS, keep_only
from listenwatch.linux.terminal import inform, say
from listenwatch.linux.wakeups import SignalPipe, UntilInterrupted
from listenwatch.report.notices import (
    filtered_text,
    helped_text,
    left_out_text,
    no_call_text,
    not_seen_text,
    repeats_text,
)
from listenwatch.report.sinks import RecordingFile
from listenwatch.session.session import Session, run_session
from listenwatch.session.source import Attached

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
    command = _command_of(options.command)
    kernel = running_kernel()
    behaviour, tree = behaviour_for_kernel(options.behaviour_file, kernel), None
    with (
        closing(SignalPipe()) as signals,
        open_any_engine(
            options.engine, options.attach, follow=bool(command),
            ring_size=options.buffer and options.buffer << 20,
        ) as engine,
    ):
        call_filter = filter_options.call_filter(options, followed=bool(command))
        report, failures = filter_options.report_of(options), filter_options.failures_of(options)
        with signals.ends_opening():
            recordings = [RecordingFile(options.output, options.behaviour_file)] if options.output else []
            pages = filter_options.pages_of(options, "watched live")
        if not command:
            _settle()
        inform(
            f"watching listen() on Linux {kernel.release}, engine {engine.name}, "
            f"attach mode {engine.attach}: {engine.why}"
            f"{not_seen_text(engine.not_seen)}"
        )
        if command:
            tree = CommandTree(command, lambda process: say(filtered_text(process)), engine.enter_child)
            _settle()
        source = Attached(engine, kernel, UntilInterrupted(signals, options.duration, tree))
        session = Session(source, call_filter, behaviour)
        summary = run_session(session, [report, *pages], [*recordings, *failures], options.count)
        if session.repeats:
            inform(repeats_text(session.repeats))
        left_out = engine.loss().left_out
        if left_out:
            say(left_out_text(left_out))
        if tree is not None and (alive := tree.survivors()):
            say(f"no longer followed, still running: {', '.join(alive)}{helped_text(engine.attach)}")
    if summary.is_empty:
        say(no_call_text(followed=bool(command), filtered=not call_filter.has_every_call))
    if tree is not None and tree.status:
        say(f"the command {tree.how_it_ended()}")
        return tree.exit_status
    return summary.exit_status(
        strict=options.strict, all_seen=not (engine.not_seen or left_out), fails=any(failures),
        may_be_empty=not (options.fail_on or left_out or (tree and tree.is_filtered)),
    )  # fmt: skip


def _settle() -> None:
    """Ready: read before others run, with no more privileges than that takes, once a command has its own of all of them."""
    run_before_others()
    keep_only({*READ_MAPS, "CAP_KILL"})  # a command may have become another user


def _command_of(words: list[str]) -> list[str]:
    """The command to follow, empty for none; UsageError where it does not stand after --."""
    if words[:1] == ["--"]:
        if not words[1:]:
            raise UsageError("no command after --")
        return words[1:]
    if words:
        raise UsageError(f"unknown argument '{words[0]}': put -- before a command to follow")
    return []
