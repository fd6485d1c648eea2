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
from listenwatch.terminal import escape, say, use_colour
from listenwatch.verdict import Kind, judge

EPILOG = """\
examples:
  listenwatch watch -o trace.jsonl         record (as root)
  listenwatch replay trace.jsonl           judge the recording again, as anybody
  listenwatch replay --stages --disagree trace.jsonl

The verdicts are made afresh, by the Behaviour of the kernel the recording names. A damaged
recording is judged up to the damage, which is named; the exit status is then 4."""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add replay's options."""
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="a recording made by 'watch -o'; - for stdin")
    filters.add_options(parser)
    parser.add_argument("--disagree", action="store_true", help="show disagreements only")
    parser.add_argument("--stages", action="store_true", help="show the value at each stage")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument(
        "--strict", action="store_true", help="exit 4 if a call was inconclusive or unmodelled"
    )


def run(options: argparse.Namespace) -> int:
    """Judge every readable call; the damage, if any, is reported after them."""
    try:
        stream = sys.stdin.buffer if options.file == "-" else open(options.file, "rb")  # noqa: SIM115, PTH123
    except OSError as error:
        raise UsageError(f"cannot read {options.file}: {error.strerror}") from None
    with stream:
        recording = Recording(stream, escape(options.file))
        behaviour = behaviour_of(recording.header.kernel)
        matches = filters.matcher(options)
        colour = use_colour(sys.stdout)
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
                if options.disagree and verdict.kind is not Kind.DISAGREE:
                    continue
                if options.json:
                    print(json.dumps(call_to_json(call, verdict)))
                    continue
                print(live.line(call, verdict, colour=colour))
                if options.stages:
                    print(live.tree(call, verdict, colour=colour))
        except RecordingError as error:
            damage = error
    summary = summarise(kinds, recording.lost)
    if options.json:
        print(json.dumps({"summary": summary._asdict()}))
    say(f"{summary}")
    if damage is not None:
        say(f"{damage}; the {len(kinds)} calls before it were judged")
    status = summary.exit_status(strict=options.strict)
    return 4 if damage is not None and status == 0 else status
