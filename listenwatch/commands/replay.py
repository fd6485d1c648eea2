"""``listenwatch replay``: judge a recording again, without privilege, on any machine."""

from __future__ import annotations

import argparse
import json
import sys

from listenwatch import filters
from listenwatch.errors import RecordingError, UsageError
from listenwatch.jsonlines import call_to_json
from listenwatch.kernel import behaviour_of
from listenwatch.recording import Recording
from listenwatch.report import live
from listenwatch.summary import summarise
from listenwatch.terminal import escape, say, use_colour, width_of
from listenwatch.verdict import Kind, judge

EPILOG = """\
examples:
  listenwatch watch -o trace.jsonl         record (as root)
  listenwatch replay trace.jsonl           judge the recording again, as anybody
  listenwatch replay --stages --disagree trace.jsonl

The verdicts are made afresh, by the Behaviour of the kernel the recording names. A damaged
recording is judged up to the damage, which is named; the exit status is then 4.

exit status: 0 everything compared agreed, 1 a disagreement, 2 usage, 3 not a recording,
4 incomplete (damage, calls lost, nothing compared, or inconclusive under --strict)"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add replay's options."""
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="a recording made by 'watch -o'; - for stdin")
    filters.add_options(parser)
    filters.add_report_options(parser)


def run(options: argparse.Namespace) -> int:
    """Judge every readable call; the damage, if any, is reported after them."""
    try:
        stream = sys.stdin.buffer if options.file == "-" else open(options.file, "rb")  # noqa: SIM115, PTH123
    except OSError as error:
        raise UsageError(f"cannot read {escape(options.file)}: {error.strerror}") from None
    with stream:
        recording = Recording(stream, escape(options.file))
        behaviour = behaviour_of(recording.header.kernel)
        matches = filters.matcher(options)
        colour, width = use_colour(sys.stdout), width_of(sys.stdout)
        kinds: list[Kind] = []
        damage: RecordingError | None = None
        if not options.json:
            kernel = recording.header.kernel
            say(f"recorded on Linux {escape(kernel.release)}, attach mode {escape(recording.header.attach)}")
            print(live.HEADER)
        try:
            for call in recording.calls():
                if not matches(call):
                    continue
                verdict = judge(call, behaviour)
                kinds.append(verdict.kind)
                if not filters.is_shown(options, call, verdict.kind):
                    continue
                if options.json:
                    print(json.dumps(call_to_json(call, verdict)))
                    continue
                print(live.line(call, verdict, colour=colour, width=width))
                if options.stages:
                    print(live.tree(call, verdict, colour=colour))
        except RecordingError as error:
            damage = error
    summary = summarise(kinds, recording.lost)
    if options.json:
        print(json.dumps({"summary": summary._asdict()}))
    else:
        say(f"{summary}")
    if damage is not None:
        say(f"{damage}; the {len(kinds)} calls before it were judged")
    status = summary.exit_status(strict=options.strict)
    return 4 if damage is not None and status == 0 else status
