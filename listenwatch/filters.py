"""Which calls are shown: by process, name, port and network namespace."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from listenwatch.errors import UsageError
from listenwatch.record import Flag, ListenCall

Predicate = Callable[[ListenCall], bool]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The filter options, as the bcc tools spell them."""
    group = parser.add_argument_group("filters (a call must match all of them)")
    group.add_argument("-p", "--pid", type=int, metavar="PID", help="calls of this process only")
    group.add_argument(
        "-n", "--name", metavar="NAME", help="calls of commands whose name contains NAME only"
    )
    group.add_argument("-P", "--port", type=int, metavar="PORT", help="this local port only")
    group.add_argument(
        "--netns",
        metavar="NETNS",
        help="this network namespace only: its inode number, a name under /run/netns, or a path",
    )


def matcher(options: argparse.Namespace, *, followed: bool = False) -> Predicate:
    """A predicate for these options; ``followed`` keeps only calls of our own process tree."""
    tests: list[Predicate] = []
    if followed:
        tests.append(lambda call: bool(call.flags & Flag.FOLLOWED))
    if options.pid is not None:
        tests.append(lambda call: call.pid == options.pid)
    if options.name is not None:
        name = options.name.encode()
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
        return path.stat().st_ino
    except OSError as error:
        raise UsageError(
            f"no network namespace {text!r} ({path}: {error.strerror}): give its inode number, "
            "a name 'ip netns' lists, or a path such as /proc/PID/ns/net"
        ) from None
