"""``listenwatch predict``: the reference model as a calculator, for any kernel, without one."""

import argparse
import json
import sys

from listenwatch.api.predicting import predicted
from listenwatch.commands import behaviour_file
from listenwatch.commands.behaviour_option import read_file
from listenwatch.commands.numbers import plain
from listenwatch.errors import UsageError
from listenwatch.features.behaviour import behaviour_of_any
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import width_of
from listenwatch.prediction.parameters import FAMILIES, Parameters, version_of
from listenwatch.report.prediction import as_text, compared
from listenwatch.report.prediction_json import as_json

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
EPILOG = """\
examples:
  listenwatch predict --backlog 511 --somaxconn 128 --kernel 6.1
  listenwatch predict --backlog 511 --compare 2.6.20,4.3,6.1,7.3
  listenwatch predict --backlog 0 --syncookies 0 --kernel 5.10.223
  listenwatch predict --backlog 1000 --relisten 5 --kernel 4.3

A series such as 6.1 means its first release, 6.1.0; stable releases differ, and
notes say where. Sysctls not given are the kernel's defaults;
tcp_max_syn_backlog, which depends on memory, is 1024.

exit status: 0 calculated, 2 usage, such as a version that is not known,
3 this kernel could not be looked at"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add, kernels = parser.add_argument, parser.add_mutually_exclusive_group()
    behaviour_file.add_option(parser)
    add("--backlog", type=integer, required=True, metavar="N", help="as given to listen()")
    kernels.add_argument("--kernel", metavar="V", help="version or series (default: this kernel)")
    kernels.add_argument("--compare", metavar="V,V,...", help="several kernels side by side")
    add("--family", choices=FAMILIES, default="tcp", help="kind of socket (default: tcp)")
    add("--somaxconn", type=integer, metavar="N", help="net.core.somaxconn")
    add("--syncookies", type=integer, choices=(0, 1, 2), help="net.ipv4.tcp_syncookies")
    add("--max-syn-backlog", type=integer, default=1024, metavar="N",
        help="net.ipv4.tcp_max_syn_backlog")  # fmt: skip
    add("--abort-on-overflow", action="store_const", const=1, default=0,
        help="net.ipv4.tcp_abort_on_overflow=1")  # fmt: skip
    add("--fastopen", type=integer, default=1, metavar="FLAGS",
        help="net.ipv4.tcp_fastopen, such as 0x402")  # fmt: skip
    add("--relisten", type=integer, metavar="OLD", help="the socket listens already, after listen(OLD)")
    add("--unbound", dest="bound", action="store_false", help="the socket was not bound")
    add("--json", action="store_true", help="one JSON object for each kernel")


def integer(text: str) -> int:
    """A C int, in decimal or with 0x."""
    number = int(plain(text), 0)
    if not INT_MIN <= number <= INT_MAX:
        raise ValueError(f"{text} is no 32-bit integer")
    return number


def run(args: argparse.Namespace) -> int:
    """Calculate and print."""
    behaviour, versions = None, list[tuple[int, ...]]()
    if args.behaviour_file:
        if args.kernel or args.compare:
            raise UsageError("--behaviour-file names a kernel: leave out --kernel and --compare")
        behaviour, kernel = read_file(args.behaviour_file)
        versions = [kernel.version]
    elif args.compare:
        versions = [version_of(text) for text in args.compare.split(",")]
    elif args.kernel:
        versions = [version_of(args.kernel)]
    else:
        kernel = running_kernel()
        versions, behaviour = [kernel.version], behaviour_of_any(kernel)
    parameters = Parameters._make(getattr(args, field) for field in Parameters._fields)
    predictions = [predicted(version, parameters, behaviour) for version in versions]
    if args.json:
        print("\n".join(json.dumps(as_json(prediction)) for prediction in predictions))
    else:
        width = width_of(sys.stdout)
        print(compared(predictions, width) if args.compare else as_text(predictions[0], width))
    return 0
