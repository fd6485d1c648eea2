"""``listenwatch identify``: which documented behaviour this kernel has, by what its listen() does."""

import argparse
import json
import sys
from pathlib import Path

from listenwatch.commands import attaching
from listenwatch.commands.behaviour_option import setting_of
from listenwatch.commands.parser import add_quiet
from listenwatch.conformance.harness.catalogue import choose
from listenwatch.conformance.harness.runner import run_all
from listenwatch.conformance.identify.cases import of_results
from listenwatch.conformance.identify.identified import Identified, identify
from listenwatch.conformance.run import Result, ScenarioRun, scenario_runs
from listenwatch.errors import UsageError
from listenwatch.features.attach import SECCOMP
from listenwatch.features.evidence import Evidence
from listenwatch.linux.modules import unload_what_was_loaded
from listenwatch.linux.output_file import write_file
from listenwatch.linux.privileges import check_namespaces
from listenwatch.linux.progress import Progress
from listenwatch.linux.terminal import escape, say, width_of
from listenwatch.model.behaviour import NEWEST
from listenwatch.report.behaviour_json import behaviour_line
from listenwatch.report.identify import as_text
from listenwatch.report.identify_json import identified_line

EPILOG = """\
examples:
  listenwatch identify                   each field: its value, what decided it
  listenwatch identify --json | jq .identified.backports
  listenwatch identify --output this.json
  listenwatch watch --behaviour-file this.json -- redis-server
  listenwatch guest --kernel 6.1 -- listenwatch identify --attach kprobe

The scenarios of 'verify' run in network namespaces of their own, and each call
is judged under every value of every field. What the kernel names comes in where
no call decides; its release number decides nothing. A kernel that no documented
behaviour explains gets no file.

exit status: 0 a documented behaviour explains every call, 1 none does, 2 usage,
3 could not observe, 4 incomplete (a call lost, a scenario failed, no call),
130 interrupted"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``identify``."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("-k", dest="pattern", metavar="PATTERN", help="only scenarios with this in their name, or a * pattern")
    attaching.add_options(parser)
    add("--json", action="store_true", help="one JSON object instead of a table")
    add("-o", "--output", metavar="FILE", type=Path,
        help="write the behaviour to FILE, for --behaviour-file")  # fmt: skip
    add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Make the calls, compare them with every behaviour, and print what that leaves."""
    scenarios = choose(args.pattern)
    if args.attach != SECCOMP:
        check_namespaces("the scenarios run")
    kernel = Evidence().kernel  # with all that it names
    results: list[tuple[Result, ...]] = []
    with (
        unload_what_was_loaded(),
        attaching.open_engines(args.engine, args.attach, follow=True) as (engine,),
        Progress(quiet=False) as progress,
    ):
        setting = setting_of(kernel, NEWEST, (), engine)
        # What they are judged by here decides nothing: only the calls go on.
        for of_scenario in run_all(scenarios, [engine], NEWEST):
            results.append(of_scenario)
            progress.show(f"scenario {len(results)} of {len(scenarios)}: {of_scenario[0].scenario}")
        progress.show("comparing")
        (whole,) = scenario_runs([setting], kernel, results)
        identified = identify(list(of_results(whole.results)), kernel)
    if args.json:
        print(json.dumps(identified_line(identified, whole)))
    else:
        print(as_text(identified, whole, width_of(sys.stdout)))
    if args.output:
        _write(args.output, identified)
    return exit_status(identified, whole)


def exit_status(identified: Identified, run: ScenarioRun) -> int:
    """1 where no behaviour explains the calls, 4 where there are too few of them."""
    if identified.cases and not identified.matches:
        return 1
    return 4 if run.lost or run.errors or not identified.cases else 0


def _write(path: Path, identified: Identified) -> None:
    if not identified.matches:
        say(f"{escape(str(path))} was not written: no documented behaviour explains this kernel")
        return
    line = behaviour_line(identified.behaviour, identified.kernel)
    try:
        write_file(path, json.dumps(line, indent=2).encode() + b"\n")
    except OSError as error:
        raise UsageError(f"cannot write {escape(str(path))}: {error.strerror}") from None
