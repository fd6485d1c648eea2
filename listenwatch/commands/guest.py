"""``listenwatch guest``: run a command in a Linux VM with another kernel."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
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
  listenwatch guest --lab                            the exercises of 'listenwatch lab', in a shell

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
        "--lab",
        action="store_true",
        help="a shell for the exercises of 'listenwatch lab' (or the command given), with headers; "
        "files and progress stay in the current directory",
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run in the guest"
    )


def run(options: argparse.Namespace) -> int:
    """List kernels, or boot one and return the status of the command run in it."""
    if options.list:
        return _list(options)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.lab:
        command = lab_command(command)
    if not command:
        raise UsageError("no command: listenwatch guest --kernel 6.1 -- COMMAND")
    kernel = guests.fetch(options.kernel, mirror=options.mirror, progress=say)
    headers = None
    if options.headers or options.lab:
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


GREETING = """\
The lab, on Linux $(uname -r) with kprobes. What you write here is kept; 'exit' ends it.
  listenwatch lab list       the exercises
  listenwatch lab start 1    the first task
"""


def lab_command(command: Sequence[str]) -> list[str]:
    """``command``, or a shell, with listenwatch on its path and its progress in this directory."""
    here = Path.cwd()
    path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    settings = [f"PATH={path}", f"XDG_STATE_HOME={here / '.lab'}"]
    if not command:
        if sys.stdin.isatty():
            _copy_terminal()
        command = ["bash", "-c", f'echo "{GREETING}"; PS1="lab# " exec bash --norc --noprofile -i']
    return ["env", *settings, *command]


def _copy_terminal() -> None:
    """Our input line by line through a pipe from now on: a guest has no terminal to offer."""
    read, write = os.pipe()
    pid = os.posix_spawnp("cat", ["cat"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.dup2(read, 0)
    os.close(read)
    os.close(write)
    atexit.register(_end, pid)


def _end(pid: int) -> None:
    """Of the copier, which may wait for a line still."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


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
