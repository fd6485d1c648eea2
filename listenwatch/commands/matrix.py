"""``listenwatch matrix``: ``verify`` on this kernel and in guests with others, side by side."""

import argparse
import os
import sys
import time
from pathlib import Path

from listenwatch.bpf.programs import ATTACH_MODES
from listenwatch.call.forms import time_text
from listenwatch.commands import color_option
from listenwatch.commands.generated import refuse_with_generate
from listenwatch.commands.judge import judged, show
from listenwatch.commands.numbers import integer, seconds
from listenwatch.commands.parser import add_quiet
from listenwatch.conformance.harness.catalogue import choose
from listenwatch.conformance.matrix.plan import ALL, Job, Wanted, plan
from listenwatch.conformance.matrix.progress import MatrixProgress
from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.conformance.matrix.run import run as run_jobs
from listenwatch.conformance.matrix.vectors import write_vectors
from listenwatch.conformance.standalone.running import STACKS, answers_here, answers_in
from listenwatch.errors import UsageError
from listenwatch.guests.boot import catch_signals
from listenwatch.linux.progress import Progress
from listenwatch.linux.terminal import inform, say, use_colour, width_of
from listenwatch.report.matrix.files import json_lines, write_reports
from listenwatch.report.matrix.table import matrix_report

EPILOG = """\
examples:
  listenwatch matrix                      this kernel and all the mirror has
  listenwatch matrix --kernels 5.10,7.3   this kernel and two guests
  listenwatch matrix --kernels all,arm64:6.1
  listenwatch matrix --no-host -k mptcp   guests only, scenarios named so
  listenwatch matrix --generate 1000      random histories, not the scenarios
  listenwatch matrix --stack gvisor       this kernel beside another stack
  listenwatch matrix --vectors vectors    keep each kernel's calls as well

Two kernels run at a time. DIR then holds report.html (open it in a browser),
matrix.jsonl, junit.xml and matrix.ktap.

exit status: 0 all agree, 1 a disagreement, 2 usage, such as a kernel there is
not, 3 a kernel could not be observed, 4 incomplete (a call lost, a scenario
failed, or nothing compared on a kernel)"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``matrix``."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--kernels", default=ALL, metavar="SERIES,...",
        help="the guests' kernels, such as 5.10,6.1,arm64:6.1 (default all: every series the mirror has; "
             "'listenwatch guest --list' shows them)")  # fmt: skip
    add("--stack", choices=tuple(STACKS),
        help="no guests: what the standalone program (listenwatch conformance) answers on this kernel and in this "
             "stack, judged each by its own model, and where a program would notice")  # fmt: skip
    add("--no-host", action="store_true", help="guests only, not this kernel")
    add("-k", dest="pattern", metavar="PATTERN", help="part of a scenario's name, or a * pattern")
    add("--attach", choices=("all", "auto", *ATTACH_MODES), default="all",
        help="how to watch, as in verify (default: every mode a kernel offers, at once)")  # fmt: skip
    add("--generate", type=integer, metavar="N", help="N random histories instead of the scenarios")
    add("--seed", type=integer, default=1, metavar="S", help="of --generate (default 1)")
    add("--accel", choices=("auto", "kvm", "tcg"), default="auto", help="as in guest")
    add("--mirror", metavar="URL", help="Debian mirror (default: apt's own)")
    add("--timeout", type=seconds, default=1800, metavar="TIME",
        help="end a kernel's run after this, such as 45m, boot included (default 1800 seconds)")  # fmt: skip
    add("--vectors", type=Path, metavar="DIR",
        help="write the calls of each kernel's first mode to DIR/SERIES/MODE.jsonl.gz")  # fmt: skip
    add("-o", dest="output", type=Path, default=Path("build/matrix"), metavar="DIR",
        help="where the reports go (default build/matrix)")  # fmt: skip
    add("--json", action="store_true", help="print the JSON lines instead of the grid")
    color_option.add_option(parser)
    add("-v", "--verbose", action="store_true", help="a row for every scenario")
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Run ``verify`` on every kernel, print the grid and write the reports; returns the exit status."""
    if options.stack is not None:
        return _beside(options)
    refuse_with_generate(options.generate, {"-k": options.pattern, "--vectors": options.vectors})
    names = [s.name for s in choose(options.pattern)] if options.generate is None else []
    wanted = Wanted(options.kernels, not options.no_host, options.accel, options.mirror,
                    options.attach, options.pattern, options.generate, options.seed)  # fmt: skip
    jobs = plan(wanted)
    _make(options.output)
    matrix, interruption = _observe(jobs, names, options.timeout)
    write_reports(matrix, options.output)
    written = write_vectors(matrix, options.vectors) if options.vectors else []
    if options.json:
        print("\n".join(json_lines(matrix)))
    else:
        colour, width = use_colour(sys.stdout, options.color), width_of(sys.stdout)
        print(matrix_report(matrix, colour=colour, verbose=options.verbose, width=width))
    for path in written:
        inform(f"{path} written")
    inform(f"{options.output / 'report.html'} shows it all; JSON lines, JUnit and KTAP are there too")
    if interruption:
        raise interruption
    return matrix.status()


def _make(directory: Path) -> None:
    """Before the run, not after it, a directory that cannot be written is an error."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {directory}: {error.strerror}") from None


def _beside(options: argparse.Namespace) -> int:
    """This kernel and another stack, each judged by its own model; the answers stay in DIR."""
    _make(options.output)
    files = [answers_here(options.output), answers_in(options.stack, options.output)]
    return show([judged(str(file), stack) for file, stack in zip(files, (None, options.stack), strict=True)],
                list(map(str, files)), options)  # fmt: skip


def _observe(
    jobs: list[Job], scenarios: list[str], timeout: float
) -> tuple[Matrix, KeyboardInterrupt | SystemExit | None]:
    """What came of each job, and what interrupted them."""
    started, clock = time_text(time.time_ns()), time.monotonic()
    finished: list[KernelRun] = []
    at_once = min(2, len(os.sched_getaffinity(0)))
    interruption: KeyboardInterrupt | SystemExit | None = None
    try:
        with catch_signals(), Progress() as progress:
            show = MatrixProgress(progress, jobs, scenarios).show
            run_jobs(jobs, at_once=at_once, timeout=timeout, show=show, finished=finished)
    except (KeyboardInterrupt, SystemExit) as exception:
        interruption = exception
        done = ", ".join(run.name for run in finished if not run.problem) or "no kernel"
        say(f"interrupted: {done} finished of {len(jobs)}")
    order = [job.name for job in jobs]
    finished.sort(key=lambda run: order.index(run.name))
    return Matrix(tuple(finished), started, time.monotonic() - clock), interruption
