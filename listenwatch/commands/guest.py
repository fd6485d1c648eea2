"""``listenwatch guest``: run a command in a Linux VM with another kernel."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tabulate import tabulate

from listenwatch import guests
from listenwatch.errors import UsageError
from listenwatch.terminal import say

EPILOG = """\
examples:
  listenwatch guest --list                           kernels at hand and on the mirror
  listenwatch guest --kernel 6.1 -- uname -r
  listenwatch guest --kernel 5.10 -- .venv/bin/listenwatch verify
  listenwatch guest --headers -- solisten-bpfcc      with what bcc compiles against

The guest sees this machine's files: the root read-only, the current directory writable. The kernel
comes from the Debian mirror apt is configured with and is kept for the next time. The exit status
is the command's own."""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add guest's options."""
    parser.epilog = EPILOG
    parser.add_argument("--kernel", default="6.1", metavar="SERIES", help="such as 6.1 (default)")
    parser.add_argument("--list", action="store_true", help="list kernels, cached and available")
    parser.add_argument("--json", action="store_true", help="with --list: JSON lines")
    parser.add_argument("--mirror", metavar="URL", help="Debian mirror (default: apt's own)")
    parser.add_argument(
        "--accel",
        choices=("auto", "kvm", "tcg"),
        default="auto",
        help="KVM if it truly works, else TCG emulation (default), or force one",
    )
    parser.add_argument("--memory", type=int, default=2048, metavar="MIB", help="default 2048")
    parser.add_argument("--cpus", type=int, default=2, metavar="N", help="default 2")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="end the guest after this")
    parser.add_argument(
        "--append",
        action="append",
        default=[],
        metavar="OPTION",
        help="an option for the kernel's command line, such as lsm=apparmor,bpf (repeatable)",
    )
    parser.add_argument(
        "--headers",
        action="store_true",
        help="with the kernel's headers, which bcc and kernel modules are compiled against",
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run in the guest"
    )


def run(options: argparse.Namespace) -> int:
    """List kernels, or boot one and return the status of the command run in it."""
    if options.list:
        return _list(options)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise UsageError("no command: listenwatch guest --kernel 6.1 -- COMMAND")
    kernel = guests.fetch(options.kernel, mirror=options.mirror, progress=say)
    headers = None
    if options.headers:
        headers = guests.fetch_headers(kernel, mirror=options.mirror, progress=say)
    return guests.run(
        kernel,
        command,
        accel=options.accel,
        memory_mib=options.memory,
        cpus=options.cpus,
        timeout=options.timeout,
        cwd=Path.cwd(),
        append=options.append,
        headers=headers,
        progress=say,
    )


def _list(options: argparse.Namespace) -> int:
    offers = guests.available(options.mirror, say)
    rows = [
        {
            "series": offer.series,
            "version": offer.version,
            "suite": offer.suite,
            "package": offer.package,
            "cached": offer.cached,
        }
        for offer in offers
    ]
    if options.json:
        print("\n".join(json.dumps(row) for row in rows))
    else:
        shown = [{**row, "cached": "yes" if row["cached"] else "-"} for row in rows]
        print(tabulate(shown, headers="keys", disable_numparse=True))
    return 0
