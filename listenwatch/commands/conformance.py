"""``listenwatch conformance``: the standalone program, compiled for this machine or another."""

import argparse
from pathlib import Path

from listenwatch.conformance.standalone.build import ARCHITECTURES, build

EPILOG = """\
examples:
  listenwatch conformance --build build/program
  build/program/conformance.x86_64 > answers.jsonl
  listenwatch judge answers.jsonl
  listenwatch conformance --build DIR --arch aarch64
  runsc --platform=ptrace --network=none do DIR/conformance.x86_64

The program is static, has no C library, and needs no BPF, no Python and no
privilege beyond what a case needs. It runs as a process, or as /init of a
machine that has nothing else. It prints facts, one JSON object a line, and what
it could not try; 'listenwatch judge' judges them, on any machine.

exit status: 0 compiled, 2 usage, 3 no compiler, or it failed"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--build", type=Path, metavar="DIR", required=True, help="where the programs go, as conformance.ARCH")
    add("--arch", action="append", choices=tuple(ARCHITECTURES),
        help="what to compile for, may be given again (default: all)")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Compile, and print what there is then."""
    for program in build(options.build, tuple(dict.fromkeys(options.arch or ARCHITECTURES))):
        print(program)
    return 0
