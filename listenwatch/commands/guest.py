"""``listenwatch guest``: run a command in a guest, a machine in which another kernel runs."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from listenwatch import guests
from listenwatch.commands.numbers import positive_int, seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.errors import UsageError
from listenwatch.guests import architectures, boot
from listenwatch.guests.lab import lab_command
from listenwatch.linux.terminal import inform, width_of
from listenwatch.report.columns import Column, Layout
from listenwatch.report.guests_json import offer_line

_COLUMNS = (
    Column("series", 6), Column("version", 20), Column("suite", 20, 1), Column("package", 40), Column("cached", 6),
)  # fmt: skip

EPILOG = """\
examples:
  listenwatch guest --list                       kernels at hand, on the mirror
  listenwatch guest --kernel 6.1 -- uname -r
  listenwatch guest --kernel 5.10 -- .venv/bin/listenwatch verify
  listenwatch guest --arch arm64 -- listenwatch verify
  listenwatch guest --headers -- solisten-bpfcc  with the kernel's headers
  listenwatch guest --lab                        a shell for 'listenwatch lab'

The guest sees this machine's files: the root read-only, the current directory
writable (but not listenwatch and its Python in it); what the host changes
outside the current directory while the guest runs, the guest may not see. The
kernel comes from the Debian mirror apt is configured with and is kept for the
next time. With --arch another architecture is emulated: its programs come from
the mirror too, with Python and listenwatch, and of this machine's files there
is only the current directory.

exit status: the command's own, 128 + N for signal N; 2 usage, 3 no such kernel,
or the guest could not be booted or was lost"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add guest's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--kernel", default="6.1", metavar="SERIES", help="such as 6.1 (default)")
    add("--arch", metavar="ARCH", help="amd64, arm64 or riscv64 (default: this machine's)")
    add("--list", action="store_true", help="list kernels, cached and available")
    add("--json", action="store_true", help="with --list: JSON lines")
    add("--mirror", metavar="URL", help="Debian mirror (default: apt's own)")
    add("--accel", choices=("auto", "kvm", "tcg"), default="auto",
        help="KVM if it truly works, else TCG emulation (default), or force one")  # fmt: skip
    add("--memory", type=positive_int, default=2048, metavar="MIB", help="default 2048")
    add("--cpus", type=positive_int, default=2, metavar="N", help="default 2")
    add("--timeout", type=seconds, metavar="TIME", help="end the guest after this (seconds, or 90s, 5m)")
    add("--append", action="append", default=[], metavar="OPTION",
        help="an option for the kernel's command line, such as lsm=apparmor,bpf (repeatable)")  # fmt: skip
    add("--headers", action="store_true",
        help="with the kernel's headers, which bcc and kernel modules are compiled against")  # fmt: skip
    add("--lab", action="store_true",
        help="a shell for the exercises of 'listenwatch lab' (or the command given), with headers; "
        "files and progress stay in the current directory")  # fmt: skip
    add_quiet(parser)
    add("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run in the guest")


def run(options: argparse.Namespace) -> int:
    """List kernels, or boot one and return the status of the command run in it."""
    architecture = architectures.named(options.arch)
    if options.list:
        return _list(options, architecture)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.lab:
        command = lab_command(command)
    if not command:
        raise UsageError("no command: listenwatch guest --kernel 6.1 -- COMMAND")
    if options.lab and not architecture.is_own:
        raise UsageError("--lab needs this machine's programs: leave out --arch")
    boot.check_tools(architecture)
    kernel = guests.fetch(options.kernel, mirror=options.mirror, architecture=architecture, progress=inform)
    userland = guests.fetch_userland(architecture, mirror=options.mirror, progress=inform)
    wanted = options.headers or options.lab
    headers = guests.fetch_headers(kernel, mirror=options.mirror, progress=inform) if wanted else None
    return guests.run(
        kernel, command, accel=options.accel, memory_mib=options.memory, cpus=options.cpus,
        timeout=options.timeout, cwd=Path.cwd(), append=options.append, headers=headers,
        userland=userland, progress=inform,
    )  # fmt: skip


def _list(options: argparse.Namespace, architecture: architectures.Architecture) -> int:
    offers = guests.available(options.mirror, inform, architecture)
    if options.json:
        print("\n".join(json.dumps(offer_line(offer)) for offer in offers))
    else:
        rows = [asdict(offer) for offer in offers]
        shown = [{**row, "cached": "yes" if row["cached"] else "-"} for row in rows]
        layout = Layout.of_rows(_COLUMNS, shown, width_of(sys.stdout))
        print("\n".join([layout.heads, *(line for row in shown for line in layout.place(row))]))
    return 0
