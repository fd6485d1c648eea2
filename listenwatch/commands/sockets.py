"""``listenwatch sockets``: every listener there is, who holds it, its queue, its limit, and what is wrong with it."""

import argparse
from collections.abc import Collection

from listenwatch.commands import color_option, filter_options
from listenwatch.commands.listener_samples import (
    INCOMPLETE,
    lines_of,
    run_samples,
    sampler_of,
    say_unseen,
)
from listenwatch.commands.numbers import seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.linux.terminal import inform, say
from listenwatch.report.notices import namespaces_ended_text
from listenwatch.sockets.look import ORDERS

EPILOG = """\
examples:
  listenwatch sockets                     those of every network namespace
  listenwatch sockets --full              those whose queue is full this moment
  listenwatch sockets --stale -n nginx    would get more if they listened again
  listenwatch sockets --netns web --json  of the namespace 'ip netns' calls web
  listenwatch watch -o calls.jsonl        record what is asked for, and later
  listenwatch sockets --events calls.jsonl   say it for certain

QUEUE connections wait for accept(), CAPACITY can: one more than LIMIT, which is
the smaller of what listen() asked for and of net.core.somaxconn at that moment.
PID "?": no process that can be seen holds it. Several holders: "+n". --watch is
a screen on a terminal, plain samples in a pipe. Where connections wait, who
holds the listener is looked at twice, 0.3 s apart: stopped, busy, waiting for a
lock, ... stands first.

exit status: 0 listeners were shown, 1 none matched, 2 usage, 3 could not look,
4 not everything could be looked at"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_options(parser, ORDERS, "by network namespace")
    parser.add_argument("--watch", type=seconds, nargs="?", const=1.0, metavar="TIME",
        help="look again and again, each second or TIME (90s, 1m), as 'listenwatch top' does")  # fmt: skip


def add_options(parser: argparse.ArgumentParser, orders: Collection[str], usual: str) -> None:
    """Which listeners, in which order, and how: what ``top`` takes too."""
    group = filter_options.add_options(parser, "listeners")
    for name, meaning in (
        ("--full", "those whose accept queue is full now"),
        ("--clamped", "those at net.core.somaxconn of their namespace"),
        ("--stale", "those that would get more if they listened again"),
    ):
        group.add_argument(name, action="store_true", help=meaning)
    add = parser.add_argument
    add("--sort", choices=list(orders), metavar="ORDER",
        help=f"order: {', '.join(orders)} (default: {usual})")  # fmt: skip
    add("--events", metavar="FILE", help="a recording of 'watch -o', for what was asked for")
    add("--json", action="store_true", help="print JSON lines, the summary last")
    color_option.add_option(parser)
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Look once, or until Ctrl-C; once: 4 if something could not be seen, else 1 if nothing was left to show."""
    order = options.sort or "netns"
    if options.watch is not None:
        return run_samples(options, order, options.watch)
    seen = sampler_of(options, order).take()
    for line in lines_of(seen, options):
        print(line)
    is_incomplete = say_unseen(seen)
    if seen.ended:
        say(namespaces_ended_text(seen.ended))
    if not seen.listeners:
        inform("no listener matches" if seen.total else "nothing listens")
    if is_incomplete:
        return INCOMPLETE
    return 0 if seen.listeners else 1
