"""What the options of ``filter_options`` ask for of calls: which, and where they are shown."""

import argparse
import sys

from listenwatch.linux.terminal import use_colour, width_of
from listenwatch.report.failures import Failures
from listenwatch.report.sinks import Lines
from listenwatch.session.filters import CallFilter
from listenwatch.session.session import Sink
from listenwatch.sockets.listener_filter import ListenerFilter
from listenwatch.verdict.condition import Condition


def failures_of(options: argparse.Namespace) -> list[Failures]:
    """The sink that looks for what ``--fail-on`` names; none where it is not given."""
    return [Failures({Condition.DISAGREE, *options.fail_on})] if options.fail_on else []


def call_filter(options: argparse.Namespace, wanted: ListenerFilter, *, followed: bool = False) -> CallFilter:
    """The filter these options ask for, of listeners that are ``wanted``; ``followed``: of our own process tree only."""
    return CallFilter(*wanted, followed, options.failed, options.disagree, options.clamped)


def report_of(options: argparse.Namespace, title: str = "") -> Sink:
    """Where the calls are shown: JSON lines, or a table under ``title``, which goes to stderr."""
    if options.json:
        from listenwatch.report.json_sinks import JsonLines  # slow to import

        return JsonLines(options.behaviour_file)
    colour, width = use_colour(sys.stdout, options.color), width_of(sys.stdout)
    return Lines(title, stages=options.stages, colour=colour, width=width, behaviour_file=options.behaviour_file)


def recordings_of(options: argparse.Namespace) -> list[Sink]:
    """The recording that ``--output`` asks for; none where it does not."""
    if not options.output:
        return []
    from listenwatch.report.json_sinks import RecordingFile

    return [RecordingFile(options.output, options.behaviour_file)]


def pages_of(options: argparse.Namespace, source: str) -> list[Sink]:
    """The page that ``--html`` asks for, of calls that came from ``source``; none where it does not."""
    if options.html is None:
        return []
    from listenwatch.report.recording.page import (
        HtmlPage,  # only here: templates take time to import
    )

    judged_by = f", judged by {options.behaviour_file}" if options.behaviour_file else ""
    return [HtmlPage(options.html, f"{source}{judged_by}")]
