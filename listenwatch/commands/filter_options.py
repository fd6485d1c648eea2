"""The options that choose calls or listeners and how they are shown; ``filtering`` and ``reporting`` make what they ask for."""

import argparse

from listenwatch.commands import behaviour_file, color_option
from listenwatch.commands.numbers import integers, ports
from listenwatch.verdict.condition import Condition


def add_options(parser: argparse.ArgumentParser, what: str = "calls") -> argparse._ArgumentGroup:
    """The filter options, as the bcc tools spell them, for ``what`` is filtered."""
    group = parser.add_argument_group(f"filters ({what} must match all of them)")
    add = group.add_argument
    add("-p", "--pid", action="extend", type=integers, metavar="PID,...", help=f"{what} of these processes only")
    add("-n", "--name", action="append", metavar="NAME",
        help=f"{what} of commands with NAME in their name only, or whose whole name a pattern such as "
        "'redis*' matches; repeated: of any of them")  # fmt: skip
    add("-P", "--port", action="extend", type=ports, metavar="PORT,...", help=f"{what} on these local ports only")
    add("--netns", metavar="NETNS",
        help=f"{what} in this network namespace only: its inode number, a name that 'ip netns' "
        "lists, or a path such as /proc/PID/ns/net")  # fmt: skip
    add("--unit", action="append", metavar="UNIT",
        help=f"{what} of this systemd unit only: nginx.service, nginx, 'ssh*'; repeated: of any of them")  # fmt: skip
    add("--container", action="append", metavar="NAME",
        help=f"{what} of this container only (Docker, Podman, containerd, CRI-O, LXC): its name, its id or a "
        "pattern; repeated: of any of them")  # fmt: skip
    return group


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """What is shown of the calls that pass the filters."""
    add = parser.add_argument
    add("--failed", action="store_true", help="show only calls that failed")
    add("--clamped", action="store_true",
        help="show only calls that got net.core.somaxconn instead of the greater backlog they asked for")  # fmt: skip
    add("--disagree", action="store_true", help="show only disagreements")
    add("--stages", action="store_true", help="show the socket at each stage too")
    add("--json", action="store_true", help="print JSON lines, the summary last")
    add("--html", metavar="FILE", help="also write FILE, a page with a time line and each call's stages")
    color_option.add_option(parser)
    behaviour_file.add_option(parser)
    add("--strict", action="store_true",
        help="exit 4 if a call was inconclusive or unmodelled, if there was none, or if this attach mode "
        "cannot see every call there may be")  # fmt: skip
    add("--fail-on", type=conditions, action="extend", metavar="WHAT,...",
        help=f"exit 5 and say which calls, if one was {', '.join(_MAY_FAIL[:-1])} or {_MAY_FAIL[-1]} "
        "(a disagreement always counts)")  # fmt: skip


_MAY_FAIL = [condition.value for condition in Condition if condition is not Condition.DISAGREE]


def conditions(text: str) -> list[Condition]:
    """An option's argument: conditions, with commas between them."""
    by_name = {condition.value: condition for condition in Condition}
    for word in text.split(","):
        if word not in by_name:
            raise argparse.ArgumentTypeError(f"nothing to fail on: {word!r} (choose from {', '.join(_MAY_FAIL)})")
    return [by_name[word] for word in text.split(",")]
