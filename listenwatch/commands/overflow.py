"""``listenwatch overflow``: live, which listener had no room for a connection, whose it is, and what to change."""

import argparse
import sys
from contextlib import closing

from listenwatch.bpf.overflow import OverflowProbe
from listenwatch.commands import color_option, filter_options
from listenwatch.commands.filtering import listener_filter
from listenwatch.commands.numbers import seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.features.attach import OVERFLOW_MODES, open_overflow_probe
from listenwatch.linux.interrupt import Interrupted
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.privileges import (
    ENTER_NAMESPACES,
    FIND_HOLDERS,
    FIND_NAMESPACES,
    READ_MAPS,
    keep_only,
    remedy,
)  # fmt: skip
from listenwatch.linux.terminal import inform, say, use_colour, width_of
from listenwatch.linux.wakeups import SignalPipe, UntilInterrupted
from listenwatch.overflow.watch import OverflowWatch
from listenwatch.report.notices import missed_texts, namespaces_ended_text
from listenwatch.report.overflow import Report

EPILOG = """\
examples:
  listenwatch overflow                  a line when a listener has no room
  listenwatch overflow --interval 10    at most one in 10 s for each and kind
  listenwatch overflow -n nginx --json  of nginx only, as JSON lines
  listenwatch overflow --duration 5m    for five minutes; then totals, advice

QUEUE connections wait for accept() (of "SYN queue full" and "SYN cookie sent":
requests wait for their last ACK), LIMIT is sk_max_ack_backlog; a queue holds
one more. COUNT SYNs, ACKs or connect() calls met this in the interval, of CONNS
distinct connections (a client sends its SYN again), from PEERS distinct
addresses (AF_UNIX: processes); "+": and more. PID "?": no process that can be
seen holds it, or it was closed since. Not seen in attach mode tracepoint:
connect() to an AF_UNIX socket by io_uring or by a 32-bit program.

The advice begins with who accepts: a process that is stopped, busy, waits for a
lock or has no descriptors left is the cause, and a longer queue then only buys
time.

At the end the kernel's own counters (ListenOverflows and others of
/proc/net/netstat) are compared with what was seen, for each network namespace;
any difference is printed. Of namespaces that ended before that, only their
number is.

exit status: 0 all that the kernel counted was seen, 2 usage,
3 could not observe, 4 some was not seen"""

INCOMPLETE = 4


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    filter_options.add_options(parser, "listeners")
    add = parser.add_argument
    add("--interval", type=seconds, default=1.0, metavar="TIME",
        help="print what came in so many seconds, or a time such as 1m (default 1)")  # fmt: skip
    add("--duration", type=seconds, metavar="TIME",
        help="end after so many seconds, or a time such as 90s, 5m, 1h30m, 2d")  # fmt: skip
    add("--attach", choices=("auto", *OVERFLOW_MODES), default="auto",
        help="how to watch TCP: kprobe tells the sockets of a SO_REUSEPORT group apart, "
        "tracepoint needs no kprobes (default: kprobe where the kernel has them)")  # fmt: skip
    add("--json", action="store_true", help="print JSON lines, the summary last")
    color_option.add_option(parser)
    add("-v", "--verbose", action="store_true", help="on errors show the verifier's log")
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Watch until the duration or a signal ends it; then totals, counters and advice."""
    wanted, kernel = listener_filter(options), running_kernel()
    with closing(SignalPipe()) as signals, closing(open_overflow_probe(options.attach)) as probe:
        watch = OverflowWatch(probe, kernel, wanted)
        keep_only({*READ_MAPS, *FIND_HOLDERS, *ENTER_NAMESPACES})
        _announce(probe, kernel.release, len(watch.namespaces()))
        then = remedy(FIND_NAMESPACES)
        unlisted = f"not seen: the processes of other users and their namespaces: {then}" if then else ""
        if unlisted:
            say(unlisted)
        ending = UntilInterrupted(signals, options.duration)
        try:
            colour, width = use_colour(sys.stdout, options.color), width_of(sys.stdout)
            report = Report(sys.stdout, json_lines=options.json, unlisted=unlisted, colour=colour, width=width)
            for events in watch.intervals(ending, options.interval):
                report.events(events)
            summary = watch.finish()
            report.end(summary)
        except Interrupted:
            watch.take()  # what came while it waited
            counted = sum(event.times for event in watch.finish().totals)
            say(f"the output was not read: {counted} times there was no room")
            raise
        if ended := len(summary.not_counted.gone):
            say(namespaces_ended_text(ended))
        missed = missed_texts(summary.not_counted)
        for text in missed:
            say(text)
        return INCOMPLETE if missed or unlisted else 0


def _announce(probe: OverflowProbe, release: str, namespaces: int) -> None:
    """Say what watches, and what it cannot see."""
    inform(
        f"watching {namespaces} network namespace{'s' if namespaces != 1 else ''} for connections without room "
        f"on Linux {release}, attach mode {probe.attach}{f': {probe.why}' if probe.why else ''}"
    )
    if probe.attach == "tracepoint":
        inform("this way every system call takes some 50 ns longer and every packet some 400 ns; and not seen is "
               "which socket of a SO_REUSEPORT group refused, nor the SYN queue's length")  # fmt: skip
