"""``listenwatch verify``: runs the scenarios on this kernel and holds each call against the model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from listenwatch.behaviours import override
from listenwatch.commands import attaching
from listenwatch.commands.generated import run_generated
from listenwatch.commands.setting import setting_of
from listenwatch.engines.engine import Engine
from listenwatch.kernel import Kernel, behaviour_of, running_kernel
from listenwatch.report.ktap import ktap
from listenwatch.report.verification import Verification
from listenwatch.report.witnesses import call_lines, exit_status, report, summaries
from listenwatch.scenarios.catalogue import choose
from listenwatch.scenarios.modules import unload_what_was_loaded
from listenwatch.scenarios.registry import Scenario
from listenwatch.scenarios.runner import Result, run_all
from listenwatch.terminal import use_colour

EPILOG = """\
examples:
  listenwatch verify                     all scenarios, as a table
  listenwatch verify -k mptcp            those with "mptcp" in their name
  listenwatch verify -k 'relisten*ipv6'  those that match a pattern
  listenwatch verify --attach fentry     by fentry, where the kernel allows it
  listenwatch verify --engine bcc        the same probe, compiled now against the kernel's headers
  listenwatch verify --ktap              for a test harness
  listenwatch verify --behaviour max_ack_backlog_bits=16
                                         with one wrong fact in the model: shows the check can fail
  listenwatch verify --generate 10000    random histories instead of scenarios; one that
                                         disagrees is shrunk to the smallest that does

exit status: 0 all agree, 1 a disagreement, 2 usage, 3 could not observe,
4 incomplete (a call lost, a scenario failed, nothing compared, or --strict and one inconclusive)"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``verify``."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "-k", dest="pattern", metavar="PATTERN", help="part of a name, or a * pattern"
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and run none")
    attaching.add_options(parser, several=True)
    parser.add_argument("--strict", action="store_true", help="what is not conclusive is a failure")
    parser.add_argument(
        "--behaviour",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="change a field of the model's Behaviour, to see the check fail",
    )
    parser.add_argument(
        "--generate",
        type=int,
        metavar="N",
        help="judge N random histories instead of the scenarios",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="S",
        help="of --generate: the same seed, the same histories",
    )
    parser.add_argument(
        "--repro",
        type=Path,
        metavar="FILE",
        help="of --generate: write the smallest program that disagrees as a Python script",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--json",
        action="store_true",
        help="one JSON object a call (with --generate: each that does not agree), then a summary",
    )
    output.add_argument("--ktap", action="store_true", help="KTAP version 1, one result a scenario")
    parser.add_argument("-v", "--verbose", action="store_true", help="say why for each call")


def run(args: argparse.Namespace) -> int:
    """Run the scenarios and print the report; returns the exit status."""
    if args.generate is not None:
        return run_generated(args)
    scenarios = choose(args.pattern)
    if args.list:
        _print_list(scenarios)
        return 0
    kernel = running_kernel()
    behaviour = override(behaviour_of(kernel), args.behaviour)
    with unload_what_was_loaded(), attaching.open_engines(
        args.engine, args.attach, follow=True
    ) as engines:
        results: list[tuple[Result, ...]] = []
        for of_scenario in _with_progress(run_all(scenarios, engines, behaviour), len(scenarios)):
            results.append(of_scenario)
            if args.json:
                _print_json(of_scenario, engines)
        runs = [
            Verification(
                of_engine,
                sum(result.lost for result in of_engine),
                setting_of(kernel, behaviour, args, engine),
            )
            for engine, of_engine in zip(engines, zip(*results, strict=True), strict=True)
        ]
    _print_end(runs, kernel, args)
    return exit_status(runs, strict=args.strict)


def _print_list(scenarios: tuple[Scenario, ...]) -> None:
    width = max(len(scenario.name) for scenario in scenarios)
    for scenario in scenarios:
        needs = f" (needs {', '.join(scenario.needs)})" if scenario.needs else ""
        print(f"{scenario.name:<{width}}  {scenario.summary}{needs}")


def _with_progress(
    results: Iterator[tuple[Result, ...]], total: int
) -> Iterator[tuple[Result, ...]]:
    """A line that counts on a terminal, and is gone at the end."""
    shown = sys.stderr.isatty()
    try:
        for number, of_scenario in enumerate(results, 1):
            if shown:
                print(
                    f"\r\x1b[K{number}/{total} {of_scenario[0].scenario.name}",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
            yield of_scenario
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _print_json(results: Sequence[Result], engines: Sequence[Engine]) -> None:
    for result, engine in zip(results, engines, strict=True):
        for fields in call_lines(result, engine.name, engine.attach):
            print(json.dumps(fields))


def _print_end(runs: Sequence[Verification], kernel: Kernel, args: argparse.Namespace) -> None:
    if args.ktap:
        print(ktap(runs))
    elif args.json:
        for summary in summaries(runs):
            print(json.dumps({"summary": {**summary, "recorded_on": kernel._asdict()}}))
    else:
        print(report(runs, colour=use_colour(sys.stdout), verbose=args.verbose))
