"""``listenwatch matrix``: ``verify`` on this kernel and in guests with others, side by side."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from listenwatch.engines.programs import ATTACH_MODES
from listenwatch.errors import UsageError
from listenwatch.guests.boot import catch_signals
from listenwatch.matrix.plan import Job, plan
from listenwatch.matrix.progress import Progress
from listenwatch.matrix.results import KernelRun, Matrix
from listenwatch.matrix.run import run as run_jobs
from listenwatch.matrix.vectors import write_vectors
from listenwatch.report.matrix.files import json_lines, write_reports
from listenwatch.report.matrix.grid import matrix_report
from listenwatch.scenarios.catalogue import choose
from listenwatch.terminal import say, use_colour

EPILOG = """\
examples:
  listenwatch matrix                          this kernel and every other the mirror has
  listenwatch matrix --kernels 5.10,7.3       this kernel and two guests
  listenwatch matrix --no-host -k mptcp       guests only, the scenarios with "mptcp" in their name
  listenwatch matrix --generate 1000          random histories instead of the scenarios
  listenwatch matrix --vectors tests/vectors  and keep the calls of each kernel as a recording

Two kernels run at a time. DIR then holds report.html (open it in a browser), matrix.jsonl,
junit.xml and matrix.ktap.

exit status: 0 all agree, 1 a disagreement, 2 usage, 3 a kernel could not be observed,
4 incomplete (a call lost, a scenario failed, or nothing compared on a kernel)"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``matrix``."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--kernels",
        metavar="SERIES,...",
        help="the guests' kernels, such as 5.10,6.1 (default: every series the mirror has; "
        "'listenwatch guest --list' shows them)",
    )
    parser.add_argument("--no-host", action="store_true", help="guests only, not this kernel")
    parser.add_argument(
        "-k", dest="pattern", metavar="PATTERN", help="part of a scenario's name, or a * pattern"
    )
    parser.add_argument(
        "--attach",
        choices=("all", "auto", *ATTACH_MODES),
        default="all",
        help="how to watch, as in verify (default: every mode a kernel offers, at once)",
    )
    parser.add_argument(
        "--generate", type=int, metavar="N", help="N random histories instead of the scenarios"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="of --generate (default 1)"
    )
    parser.add_argument(
        "--accel", choices=("auto", "kvm", "tcg"), default="auto", help="as in guest"
    )
    parser.add_argument("--mirror", metavar="URL", help="Debian mirror (default: apt's own)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=1800,
        metavar="SECONDS",
        help="end a kernel's run after this, boot included (default 1800)",
    )
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="DIR",
        help="write the calls of each kernel's first mode to DIR/SERIES/MODE.jsonl",
    )
    parser.add_argument(
        "-o",
        dest="output",
        type=Path,
        default=Path("build/matrix"),
        metavar="DIR",
        help="where the reports go (default build/matrix)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the JSON lines instead of the grid"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="a row for every scenario")


def run(options: argparse.Namespace) -> int:
    """Run ``verify`` on every kernel, print the grid and write the reports; returns the exit status."""
    _refuse(options)
    names = [s.name for s in choose(options.pattern)] if options.generate is None else []
    _make(options.output)
    jobs = plan(options)
    matrix = _observe(jobs, Progress(sys.stderr, jobs, names), options.timeout)
    write_reports(matrix, options.output)
    written = write_vectors(matrix, options.vectors) if options.vectors else []
    if options.json:
        for line in json_lines(matrix):
            print(line)
    else:
        print(matrix_report(matrix, colour=use_colour(sys.stdout), verbose=options.verbose))
    for path in written:
        say(f"{path} written")
    say(f"{options.output / 'report.html'} shows it all; beside it are JSON lines, JUnit and KTAP")
    return matrix.status()


def _refuse(options: argparse.Namespace) -> None:
    if options.generate is None:
        return
    if options.generate < 1:
        raise UsageError(f"--generate {options.generate}: it takes at least one history")
    for option, given in (("-k", options.pattern), ("--vectors", options.vectors)):
        if given:
            raise UsageError(f"{option} is about the scenarios: leave it out with --generate")


def _make(directory: Path) -> None:
    """Before the run, not after it, a directory that cannot be written is an error."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {directory}: {error.strerror}") from None


def _observe(jobs: list[Job], progress: Progress, timeout: float) -> Matrix:
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    finished: list[KernelRun] = []
    try:
        with catch_signals():
            run_jobs(jobs, at_once=min(2, len(os.sched_getaffinity(0))), timeout=timeout, tell=progress.tell, finished=finished)
    except (KeyboardInterrupt, SystemExit):
        progress.clear()
        done = ", ".join(run.name for run in finished) or "no kernel"
        say(f"interrupted: {done} finished of {len(jobs)}, nothing is written")
        raise
    progress.clear()
    order = [(job.series, job.source) for job in jobs]
    finished.sort(key=lambda run: order.index((run.series, run.source)))
    return Matrix(tuple(finished), started, time.monotonic() - clock)
