"""``listenwatch verify --generate``: random histories of socket calls, every listen() in them judged."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from listenwatch.commands.attaching import witnesses_of
from listenwatch.commands.behaviour_option import behaviour_for_kernel, override, setting_of
from listenwatch.conformance.histories.campaign import Campaign, run_campaign
from listenwatch.conformance.histories.check import History
from listenwatch.errors import UsageError
from listenwatch.features.attach import open_engine
from listenwatch.linux.interrupt import INTERRUPTED
from listenwatch.linux.kernel import Kernel, running_kernel
from listenwatch.linux.output_file import write_file
from listenwatch.linux.privileges import check_namespaces
from listenwatch.linux.progress import Progress
from listenwatch.linux.terminal import inform, use_colour, width_of
from listenwatch.model.behaviour import Behaviour
from listenwatch.report.runs.ktap import Ktap
from listenwatch.report.runs.repro import repro
from listenwatch.report.runs.sink import RunSink
from listenwatch.verdict.summary import worst

MOST_HISTORIES = 1_000_000
"""Some hours of work: a run whose end nobody will see is a mistake."""


def run_generated(args: argparse.Namespace) -> int:
    """Run the histories and print the report, engine after engine; returns the worst exit status."""
    wrong = {"-k": args.pattern, "--list": args.list, "--ktap": args.output is Ktap}
    refuse_with_generate(args.generate, wrong)
    check_namespaces("the histories run")
    kernel = running_kernel()
    behaviour = override(behaviour_for_kernel(args.behaviour_file, kernel), args.behaviour)
    witnesses = witnesses_of(args.engine, args.attach)
    statuses = []
    for witness in witnesses:
        campaign = _run_one(args, kernel, behaviour, witness)
        if campaign.not_run:
            return INTERRUPTED
        statuses.append(campaign.exit_status(strict=args.strict))
    return worst(statuses)


def _run_one(args: argparse.Namespace, kernel: Kernel, behaviour: Behaviour, witness: tuple[str, str]) -> Campaign:
    sink: RunSink = args.output(
        verbose=args.verbose, colour=use_colour(sys.stdout, args.color), width=width_of(sys.stdout)
    )
    with (
        open_engine(*witness, follow=True) as engine,
        Progress(quiet=sink.streams and sys.stdout.isatty()) as progress,
    ):
        setting = setting_of(kernel, behaviour, args.behaviour, engine, args.behaviour_file)
        sink.begin([setting])
        count = 0

        def heard(history: History) -> None:
            nonlocal count
            count += 1
            sink.history(history)
            progress.show(f"history {count} of {args.generate}")

        campaign = run_campaign(engine, behaviour, setting, kernel, args.seed, args.generate, heard)
    if args.repro and campaign.failures:
        _write_repro(args.repro, campaign)
    sink.end([campaign])
    return campaign


def refuse_with_generate(count: int | None, options: Mapping[str, object]) -> None:
    """UsageError for no history or too many, or with an option that is about the scenarios."""
    if count is None:
        return
    if not 1 <= count <= MOST_HISTORIES:
        raise UsageError(f"--generate {count}: give a number from 1 to {MOST_HISTORIES}")
    for option, given in options.items():
        if given:
            raise UsageError(f"{option} is about the scenarios: leave it out with --generate")


def _write_repro(path: Path, campaign: Campaign) -> None:
    failure = campaign.failures[0]
    try:
        write_file(path, repro(failure.shown, failure.calls, campaign.setting.kernel).encode())
    except OSError as error:
        raise UsageError(f"--repro {path}: {error.strerror}") from None
    inform(f"history {failure.history}: {path} repeats it, run as root")
