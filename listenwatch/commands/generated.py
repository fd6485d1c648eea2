"""``listenwatch verify --generate``: random histories of socket calls, every listen() in them judged."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from listenwatch.behaviours import override
from listenwatch.commands.attaching import witnesses_of
from listenwatch.commands.setting import setting_of
from listenwatch.engines.choose import open_engine
from listenwatch.errors import UsageError
from listenwatch.histories.campaign import Campaign, run_campaign
from listenwatch.histories.check import History
from listenwatch.histories.report import campaign_report
from listenwatch.histories.repro import repro
from listenwatch.jsonlines import call_to_json
from listenwatch.kernel import Kernel, behaviour_of, running_kernel
from listenwatch.model.behaviour import Behaviour
from listenwatch.summary import worst
from listenwatch.terminal import use_colour
from listenwatch.verdict import Kind


def run_generated(args: argparse.Namespace) -> int:
    """Run the histories and print the report, engine after engine; returns the worst exit status."""
    _refuse(args)
    kernel = running_kernel()
    behaviour = override(behaviour_of(kernel), args.behaviour)
    witnesses = witnesses_of(args.engine, args.attach)
    return worst([_run_one(args, kernel, behaviour, witness) for witness in witnesses])


def _run_one(
    args: argparse.Namespace, kernel: Kernel, behaviour: Behaviour, witness: tuple[str, str]
) -> int:
    telling = _Telling(args)
    with open_engine(*witness, follow=True) as engine:
        setting = setting_of(kernel, behaviour, args, engine)
        try:
            campaign = run_campaign(
                engine, behaviour, args.seed, args.generate, setting, telling.tell
            )
        finally:
            telling.end()
    if args.repro and campaign.failures:
        _write_repro(args.repro, campaign)
    if args.json:
        print(json.dumps({"summary": {**campaign.as_json(), "recorded_on": kernel._asdict()}}))
    else:
        print(campaign_report(campaign, colour=use_colour(sys.stdout)))
    return campaign.exit_status(strict=args.strict)


def _refuse(args: argparse.Namespace) -> None:
    if args.generate < 1:
        raise UsageError(f"--generate {args.generate}: it takes at least one history")
    for option, given in (("-k", args.pattern), ("--list", args.list), ("--ktap", args.ktap)):
        if given:
            raise UsageError(f"{option} is about the scenarios: leave it out with --generate")


def _write_repro(path: Path, campaign: Campaign) -> None:
    failure = campaign.failures[0]
    shown = failure.smallest or failure.history
    try:
        path.write_text(repro(shown.program, shown.calls, campaign.setting["kernel"]))
    except OSError as error:
        raise UsageError(f"--repro {path}: {error.strerror}") from None
    print(f"history {failure.history.number}: {path} repeats it, run as root", file=sys.stderr)


class _Telling:
    """What is said while it runs: with --json the calls that do not agree, on a terminal a count."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._json, self._all = args.json, args.verbose
        self._total = args.generate
        self._shown = sys.stderr.isatty()

    def tell(self, count: int, history: History) -> None:
        """One more history has its verdicts."""
        if self._json:
            self._print_calls(history)
        if self._shown and (count % 100 == 0 or count == self._total):
            print(f"\r\x1b[K{count}/{self._total} histories", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nothing is left on the line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _print_calls(self, history: History) -> None:
        """One object for each call that does not agree, with --verbose for every call."""
        for judged in history.calls:
            if judged.verdict.kind is Kind.AGREE and not self._all:
                continue
            fields: dict[str, object] = {"history": history.number}
            if judged.call is not None:
                fields |= call_to_json(judged.call, judged.verdict)
            else:
                fields |= {"verdict": judged.verdict.kind.value, "reason": judged.verdict.reason}
            print(json.dumps(fields))
