"""``listenwatch predict``: the reference model as a calculator, for any kernel, without one."""

from __future__ import annotations

import argparse
import json
import re

from listenwatch.errors import UsageError
from listenwatch.forecast import Forecast, forecast
from listenwatch.kernel import running_kernel
from listenwatch.model.backports import Version
from listenwatch.model.eras import ERAS, name
from listenwatch.model.socket_c import Unmodelled
from listenwatch.question import FAMILIES, Question
from listenwatch.report.comparison import compared
from listenwatch.report.forecast import as_text
from listenwatch.report.forecast_json import as_json

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
EPILOG = """\
examples:
  listenwatch predict --backlog 511 --somaxconn 128 --kernel 6.1
  listenwatch predict --backlog 511 --compare 2.6.20,4.3,6.1,7.3
  listenwatch predict --backlog 0 --syncookies 0 --kernel 5.10.223
  listenwatch predict --backlog 1000 --relisten 5 --kernel 4.3

A series such as 6.1 means its first release, 6.1.0; stable releases differ, and notes say where.
Sysctls not given are the kernel's defaults; tcp_max_syn_backlog, which depends on memory, is 1024."""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add predict's options."""
    parser.epilog = EPILOG
    parser.add_argument("--backlog", type=integer, required=True, metavar="N", help="as given to listen()")
    kernels = parser.add_mutually_exclusive_group()
    kernels.add_argument("--kernel", metavar="V", help="version or series (default: this kernel)")
    kernels.add_argument("--compare", metavar="V,V,...", help="several kernels side by side")
    parser.add_argument("--family", choices=FAMILIES, default="tcp", help="kind of socket (default: tcp)")
    parser.add_argument("--somaxconn", type=integer, metavar="N", help="net.core.somaxconn")
    parser.add_argument("--syncookies", type=int, choices=(0, 1, 2), help="net.ipv4.tcp_syncookies")
    parser.add_argument(
        "--max-syn-backlog", type=integer, default=1024, metavar="N", help="net.ipv4.tcp_max_syn_backlog"
    )
    parser.add_argument("--abort-on-overflow", action="store_true", help="net.ipv4.tcp_abort_on_overflow=1")
    parser.add_argument(
        "--fastopen", type=integer, default=1, metavar="FLAGS", help="net.ipv4.tcp_fastopen, such as 0x402"
    )
    parser.add_argument(
        "--relisten", type=integer, metavar="OLD", help="the socket listens already, after listen(OLD)"
    )
    parser.add_argument("--unbound", action="store_true", help="the socket was not bound")
    parser.add_argument("--json", action="store_true", help="one JSON object for each kernel")


def integer(text: str) -> int:
    """A C int, in decimal or with 0x."""
    number = int(text, 0)
    if not INT_MIN <= number <= INT_MAX:
        raise ValueError(f"{text} is no 32-bit integer")
    return number


def run(args: argparse.Namespace) -> int:
    """Calculate and print."""
    if args.compare:
        versions = [version_of(text) for text in args.compare.split(",")]
    elif args.kernel:
        versions = [version_of(args.kernel)]
    else:
        versions = [running_kernel().version]
    question = Question(
        backlog=args.backlog,
        family=args.family,
        somaxconn=args.somaxconn,
        syncookies=args.syncookies,
        max_syn_backlog=args.max_syn_backlog,
        abort_on_overflow=int(args.abort_on_overflow),
        fastopen=args.fastopen,
        relisten=args.relisten,
        bound=not args.unbound,
    )
    found = [calculate(version, question) for version in versions]
    if args.json:
        print("\n".join(json.dumps(as_json(one)) for one in found))
    else:
        print(compared(found) if args.compare else as_text(found[0]))
    return 0


def calculate(version: Version, question: Question) -> Forecast:
    """The forecast, or a UsageError where this kernel has no such socket."""
    try:
        return forecast(version, question)
    except Unmodelled as unmodelled:
        raise UsageError(f"Linux {name(version)}: {unmodelled}") from None


def version_of(text: str) -> Version:
    """``6.1``, ``6.1.192``, ``v2.6.20``; a UsageError that lists the eras for anything else."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?", text.strip())
    if not found or (found[1] == "2" and not found[3]):
        eras = ", ".join(name(first) for first, _ in ERAS)
        raise UsageError(f"no kernel '{text}': give a version or a series; eras begin with {eras}")
    return int(found[1]), int(found[2]), int(found[3] or 0)
