"""``listenwatch top``: the listeners by how full they are, refreshed in place."""

import argparse

from listenwatch.commands.listener_samples import run_samples
from listenwatch.commands.numbers import positive_int, seconds
from listenwatch.commands.sockets import add_options
from listenwatch.sockets.sampling import SAMPLE_ORDERS

EPILOG = """\
examples:
  listenwatch top                          the fullest first, until q or Ctrl-C
  listenwatch top -n nginx --sort refused  nginx's, those that refuse most first
  listenwatch top --interval 5 | tee log   in a pipe: a sample every 5 seconds
  listenwatch top --json | jq 'select(.refused_per_second > 0) | .local'

REFUSED/s: SYNs and last ACKs of handshakes that the listener turned away a
second; a client that tries again counts again. "-": not known yet, or not
counted by the kernel (SCTP, AF_UNIX).

keys: arrows, j and k choose a listener, of which more is said below; f fullest,
r refused, p port and n name sort; / filters by process, address, diagnosis,
Escape drops the filter; space pauses; q quits.

exit status: 0 it looked, 2 usage, 3 could not look,
4 not everything could be looked at"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_options(parser, SAMPLE_ORDERS, "fullness")
    add = parser.add_argument
    add("--interval", type=seconds, default=1.0, metavar="TIME", help="from look to look (5, 90s, 1m; default 1)")
    add("--count", type=positive_int, metavar="N", help="end after N samples")


def run(options: argparse.Namespace) -> int:
    """Look again and again."""
    return run_samples(options, options.sort or "fullness", options.interval, options.count)
