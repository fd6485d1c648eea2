"""Which calls are shown, and how: the options that watch and replay share."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from listenwatch.errors import UsageError
from listenwatch.record import Flag, ListenCall
from listenwatch.verdict import Kind

Predicate = Callable[[ListenCall], bool]


def add_options(
    parser: argparse.ArgumentParser, what: str = "calls"
) -> argparse._ArgumentGroup:
    """The filter options, as the bcc tools spell them, for ``what`` is filtered."""
    group = parser.add_argument_group(f"filters ({what} must match all of them)")
    group.add_argument("-p", "--pid", type=int, metavar="PID", help=f"{what} of this process only")
    group.add_argument(
        "-n", "--name", metavar="NAME", help=f"{what} of commands with NAME in their name only"
    )
    group.add_argument(
        "-P", "--port", type=_port, metavar="PORT", help=f"{what} on this local port only"
    )
    group.add_argument(
        "--netns",
        metavar="NETNS",
        help=f"{what} in this network namespace only: its inode number, a name that 'ip netns' "
        "lists, or a path such as /proc/PID/ns/net",
    )
    return group


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """What is shown of the calls that pass the filters."""
    add = parser.add_argument
    add("--failed", action="store_true", help="show only calls that failed")
    add("--disagree", action="store_true", help="show only disagreements")
    add("--stages", action="store_true", help="show the socket at each stage too")
    add("--json", action="store_true", help="print JSON lines, the summary last")
    add("--strict", action="store_true", help="exit 4 if a call was inconclusive or unmodelled")


def is_shown(options: argparse.Namespace, call: ListenCall, kind: Kind) -> bool:
    """What --failed and --disagree leave to show; every call is judged and counted all the same."""
    if options.failed and call.result == 0:
        return False
    return not options.disagree or kind is Kind.DISAGREE


def positive(text: str) -> float:
    """An option's argument: a finite number above 0."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"not a number above 0: {text!r}")


def positive_int(text: str) -> int:
    """An option's argument: a whole number above 0."""
    with contextlib.suppress(ValueError):
        if int(text) > 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"not a whole number above 0: {text!r}")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"not a port: {text!r} (1 to 65535)")
    return int(text)


def matcher(options: argparse.Namespace, *, followed: bool = False) -> Predicate:
    """A predicate for these options; ``followed`` keeps only calls of our own process tree."""
    tests: list[Predicate] = []
    if followed:
        tests.append(lambda call: bool(call.flags & Flag.FOLLOWED))
    if options.pid is not None:
        tests.append(lambda call: call.pid == options.pid)
    if options.name is not None:
        name = os.fsencode(options.name)
        tests.append(lambda call: name in call.comm)
    if options.port is not None:
        tests.append(lambda call: options.port in (call.post.local_port, call.pre.local_port))
    if options.netns is not None:
        inode = netns_inode(options.netns)
        tests.append(lambda call: call.netns_inode == inode)
    return lambda call: all(test(call) for test in tests)


def netns_inode(text: str) -> int:
    """The inode number of a network namespace given by number, name or path."""
    if number := re.fullmatch(r"(?:net:\[)?(\d+)\]?", text):
        return int(number[1])
    path = Path(text) if "/" in text else Path("/run/netns") / text
    try:
        found = path.stat()
        if found.st_dev == Path("/proc/self/ns/net").stat().st_dev:
            return found.st_ino
        why = "not a namespace"
    except OSError as error:
        why = str(error.strerror)
    raise UsageError(
        f"no network namespace {text!r} ({path}: {why}): give its inode number, "
        "a name 'ip netns' lists, or a path such as /proc/PID/ns/net"
    )
