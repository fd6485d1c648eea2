"""``listenwatch verify``: runs the scenarios on this kernel and holds each call against the model."""

import argparse
import sys
from pathlib import Path

from listenwatch.commands import attaching, behaviour_file, color_option
from listenwatch.commands.behaviour_option import (
    behaviour_for_kernel,
    override,
    setting_of,
)
from listenwatch.commands.generated import run_generated
from listenwatch.commands.numbers import integer
from listenwatch.commands.parser import add_quiet
from listenwatch.conformance.harness.catalogue import choose
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.harness.runner import run_all
from listenwatch.conformance.run import Result, scenario_runs
from listenwatch.features.attach import SECCOMP
from listenwatch.linux import interrupt
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.modules import unload_what_was_loaded
from listenwatch.linux.privileges import check_namespaces
from listenwatch.linux.progress import Progress
from listenwatch.linux.terminal import use_colour, width_of
from listenwatch.report.columns import Column, Layout
from listenwatch.report.runs.json_lines import JsonLines
from listenwatch.report.runs.ktap import Ktap
from listenwatch.report.runs.sink import RunSink
from listenwatch.report.runs.table import Table
from listenwatch.verdict.summary import worst

EPILOG = """\
examples:
  listenwatch verify                     all scenarios, a line for each group
  listenwatch verify -v -k mptcp         a row for each with "mptcp" in its name
  listenwatch verify -k 'relisten*ipv6'  those that match a pattern
  listenwatch verify --attach fentry     by fentry, where the kernel allows it
  listenwatch verify --attach seccomp    without root, in user namespaces
  listenwatch verify --engine bcc        the same probe, compiled by bcc now
  listenwatch verify --ktap              for a test harness
  listenwatch verify --behaviour max_ack_backlog_bits=16
                                         with one wrong fact in the model: shows
                                         that the check can fail
  listenwatch verify --generate 10000    random histories instead of scenarios;
                                         one that disagrees is shrunk to the
                                         smallest that does

Whatever does not agree is shown call by call. Ctrl-C prints the report of what
was done so far.

exit status: 0 all agree, 1 a disagreement, 2 usage, 3 could not observe,
4 incomplete (a call lost, a scenario failed, nothing compared, or --strict and
one inconclusive), 130 interrupted"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``verify``."""
    parser.epilog = EPILOG
    parser.set_defaults(output=Table)
    add = parser.add_argument
    add("-k", dest="pattern", metavar="PATTERN", help="part of a name, or a * pattern")
    add("--list", action="store_true", help="name the scenarios and run none")
    attaching.add_options(parser, several=True)
    add("--strict", action="store_true", help="what is not conclusive is a failure")
    add("--behaviour", metavar="FIELD=VALUE", action="append", default=[],
        help="change a field of the model's Behaviour, to see the check fail")  # fmt: skip
    behaviour_file.add_option(parser)
    add("--generate", type=integer, metavar="N", help="judge N random histories instead of the scenarios")
    add("--seed", type=integer, default=1, metavar="S", help="of --generate: the same seed, the same histories")
    add("--repro", type=Path, metavar="FILE",
        help="of --generate: write the smallest program that disagrees as a Python script")  # fmt: skip
    add_output = parser.add_mutually_exclusive_group().add_argument
    add_output("--json", dest="output", action="store_const", const=JsonLines,
               help="one JSON object a call (with --generate: each that does not agree), then a summary")  # fmt: skip
    add_output("--ktap", dest="output", action="store_const", const=Ktap,
               help="KTAP version 1, one result a scenario")  # fmt: skip
    color_option.add_option(parser)
    add("-v", "--verbose", action="store_true", help="a row for each scenario, and why for each call")
    add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Run the scenarios and print the report; returns the exit status."""
    if args.generate is not None:
        return run_generated(args)
    scenarios = choose(args.pattern)
    if args.list:
        _print_list(scenarios)
        return 0
    if args.attach != SECCOMP:
        check_namespaces("without --attach seccomp the scenarios run")
    kernel = running_kernel()
    behaviour = override(behaviour_for_kernel(args.behaviour_file, kernel), args.behaviour)
    sink: RunSink = args.output(
        verbose=args.verbose, colour=use_colour(sys.stdout, args.color), width=width_of(sys.stdout)
    )
    with unload_what_was_loaded(), attaching.open_engines(args.engine, args.attach, follow=True) as engines:
        settings = [setting_of(kernel, behaviour, args.behaviour, engine, args.behaviour_file) for engine in engines]
        sink.begin(settings)
        results: list[tuple[Result, ...]] = []
        interrupted = False
        try:
            with Progress(quiet=sink.streams and sys.stdout.isatty()) as progress:
                for of_scenario in run_all(scenarios, engines, behaviour):
                    results.append(of_scenario)
                    with interrupt.held():  # no line is printed in part
                        sink.result(of_scenario)
                        progress.show(f"scenario {len(results)} of {len(scenarios)}: {of_scenario[0].scenario}")
        except interrupt.Interrupted:
            raise
        except KeyboardInterrupt:
            interrupted = True
    runs = scenario_runs(settings, kernel, results, len(scenarios) - len(results))
    sink.end(runs)
    return interrupt.INTERRUPTED if interrupted else worst(run.exit_status(strict=args.strict) for run in runs)


def _print_list(scenarios: tuple[Scenario, ...]) -> None:
    names = max(len(scenario.name) for scenario in scenarios)
    layout = Layout((Column("name", names + 1), Column("summary", 24)), width_of(sys.stdout))
    for scenario in scenarios:
        needs = f" (needs {', '.join(scenario.needs)})" if scenario.needs else ""
        print("\n".join(layout.flow({"name": scenario.name}, f"{scenario.summary}{needs}")))
