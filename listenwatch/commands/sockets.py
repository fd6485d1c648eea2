"""``listenwatch sockets``: every listener there is, who holds it, its queue, its limit, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from listenwatch import filters
from listenwatch.advice import advise
from listenwatch.errors import RecordingError, UsageError
from listenwatch.kernel import Kernel, running_kernel
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.eras import behaviour_for
from listenwatch.record import ListenCall
from listenwatch.recording import Recording
from listenwatch.report.sockets import Shown, as_json, as_text
from listenwatch.sockets.asked import Asked
from listenwatch.sockets.diagnosis import Finding, diagnose
from listenwatch.sockets.inventory import Row, take
from listenwatch.terminal import escape, say, use_colour

EPILOG = """\
examples:
  listenwatch sockets                      every listener of every network namespace
  listenwatch sockets --full               those whose queue is full this moment
  listenwatch sockets --stale -n nginx     those that would get more if they listened again
  listenwatch sockets --netns web --json   of the namespace 'ip netns' calls web
  listenwatch watch -o calls.jsonl         record what is asked for, and later say it for certain:
  listenwatch sockets --events calls.jsonl

QUEUE connections wait for accept(); ROOM is what fits, one more than LIMIT, which is the smaller
of what listen() asked for and of net.core.somaxconn at that moment. PID "?": no process that can
be seen holds it. Several holders: "+n". Ctrl-C ends --watch.

exit status: 0 listeners were shown, 1 none matched, 2 usage, 3 could not look"""

_STALE = {Finding.STALE, Finding.LIKELY_STALE}
_CLAMPED = {Finding.CLAMPED, Finding.LIKELY_CLAMPED, Finding.AT_SOMAXCONN}
_SORTS: dict[str, Callable[[Shown], Any]] = {
    "netns": lambda one: (
        not one.row.namespace.is_own,
        one.row.namespace.inode,
        one.row.listener.port,
    ),
    "queue": lambda one: (-one.row.listener.queue, one.row.listener.port),
    "limit": lambda one: (one.row.listener.limit, one.row.listener.port),
    "port": lambda one: (one.row.listener.port, one.row.listener.local),
    "pid": lambda one: [process.pid for process in one.row.holders],
}


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add sockets' options."""
    parser.epilog = EPILOG
    group = filters.add_options(parser, "listeners")
    group.add_argument("--full", action="store_true", help="those whose accept queue is full now")
    group.add_argument(
        "--clamped", action="store_true", help="those at net.core.somaxconn of their namespace"
    )
    group.add_argument(
        "--stale", action="store_true", help="those that would get more if they listened again"
    )
    add = parser.add_argument
    add("--sort", choices=_SORTS, default="netns", help="order (default: by network namespace)")
    add("--events", metavar="FILE", help="a recording of 'watch -o', for what was asked for")
    add(
        "--watch",
        type=filters.positive,
        metavar="SECONDS",
        help="look again and again, until Ctrl-C",
    )
    add("--json", action="store_true", help="print a JSON line for each listener")


def run(options: argparse.Namespace) -> int:
    """Look once, or until Ctrl-C."""
    kernel = running_kernel()
    behaviour = behaviour_for(kernel.version)
    asked = _asked(options.events) if options.events else Asked(())
    if options.watch is None:
        return show(options, kernel, behaviour, asked)
    try:
        while True:
            if sys.stdout.isatty():
                sys.stdout.write("\x1b[H\x1b[2J")
            show(options, kernel, behaviour, asked)
            sys.stdout.flush()
            time.sleep(options.watch)
    except KeyboardInterrupt:
        return 0


def _asked(file: str) -> Asked:
    """The calls of a recording up to where it can be read: ``watch`` may be writing it still."""
    try:
        stream = open(file, "rb")  # noqa: SIM115, PTH123  closed below
    except OSError as error:
        raise UsageError(f"cannot read {escape(file)}: {error.strerror}") from None
    with stream:
        recording = Recording(stream, escape(file))
        return Asked(_readable(recording))


def _readable(recording: Recording) -> Iterator[ListenCall]:
    try:
        yield from recording.calls()
    except RecordingError as error:
        say(f"{error}; the calls before it are used")


def show(options: argparse.Namespace, kernel: Kernel, behaviour: Behaviour, asked: Asked) -> int:
    """One look, printed; 1 if nothing was left to show."""
    netns = None if options.netns is None else filters.netns_inode(options.netns)
    found = take(lambda namespace: netns in (None, namespace.inode))
    shown = []
    for row in found.rows:
        if not matches(options, row):
            continue
        seen = asked.of(row)
        diagnosis = diagnose(row, behaviour, seen)
        if is_wanted(options, set(diagnosis.reasons)):
            advice = advise(row, diagnosis, kernel.version, seen)
            shown.append(Shown(row, diagnosis, seen, advice))
    shown.sort(key=_SORTS[options.sort])
    if options.json:
        for one in shown:
            print(json.dumps(as_json(one)))
    else:
        for line in as_text(shown, colour=use_colour(sys.stdout)):
            print(line)
    for reason in found.unseen:
        say(f"not seen: {reason}")
    if not shown:
        say("no listener matches" if found.rows else "nothing listens")
    return 0 if shown else 1


def matches(options: argparse.Namespace, row: Row) -> bool:
    """Whether a row passes -p, -n and -P."""
    if options.pid is not None and options.pid not in [process.pid for process in row.holders]:
        return False
    if options.name is not None:
        name = os.fsencode(options.name)
        if not any(name in os.fsencode(process.name) for process in row.holders):
            return False
    return options.port in (None, row.listener.port)


def is_wanted(options: argparse.Namespace, findings: set[Finding]) -> bool:
    """Whether a diagnosis passes --full, --clamped and --stale."""
    return not (
        (options.full and Finding.FULL not in findings)
        or (options.clamped and not _CLAMPED & findings)
        or (options.stale and not _STALE & findings)
    )
