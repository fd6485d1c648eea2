"""``listenwatch replay``: judge a recording again, without privilege, on any machine."""

import argparse
import sys
from typing import BinaryIO

from listenwatch.call.recording import Recording
from listenwatch.commands import filter_options, reporting
from listenwatch.commands.behaviour_option import behaviour_for_kernel
from listenwatch.commands.filtering import listener_filter
from listenwatch.commands.parser import add_quiet
from listenwatch.errors import RecordingError, UsageError
from listenwatch.features.behaviour import behaviour_of_recorded
from listenwatch.linux.terminal import escape, inform, say
from listenwatch.report.notices import not_seen_text, repeats_text
from listenwatch.session.session import Session, run_session
from listenwatch.session.source import Recorded

EPILOG = """\
examples:
  listenwatch watch -o trace.jsonl      record (as root)
  listenwatch replay trace.jsonl        judge the recording again, as anybody
  listenwatch replay --stages --clamped trace.jsonl
  listenwatch replay --fail-on clamped,failed -n 'redis*' trace.jsonl
  listenwatch replay --html page.html trace.jsonl   to read in a browser
  listenwatch replay --behaviour-file el8.json trace.jsonl

The verdicts are made afresh, by the Behaviour of the kernel the recording
names, or by one that 'identify --output' wrote. A damaged recording is judged
up to the damage, which is named.

exit status, the first that holds (2 usage, 3 not a recording):
  1  a disagreement
  5  something that --fail-on names
  4  incomplete: damage, calls lost, none that could be compared, or under
     --strict some that could not
  0  everything compared agreed"""


def build_parser(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="a recording made by 'watch -o'; - for stdin")
    filter_options.add_options(parser)
    filter_options.add_report_options(parser)
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Judge every readable call; the damage, if any, is reported after them."""
    damage: RecordingError | None = None
    failures = reporting.failures_of(options)
    with _opened(options.file) as stream:
        recording = Recording(stream, escape(options.file))
        header = recording.header
        behaviour = behaviour_for_kernel(options.behaviour_file, header.kernel, behaviour_of_recorded)
        session = Session(Recorded(recording), reporting.call_filter(options, listener_filter(options)), behaviour)
        title = (
            f"recorded on Linux {escape(header.kernel.release)}, attach mode {escape(header.attach)}"
            f"{not_seen_text(header.not_seen)}"
        )
        pages = reporting.pages_of(options, f"replayed from {options.file}")
        try:
            run_session(session, [reporting.report_of(options, title), *pages], failures)
        except RecordingError as error:
            damage = error
    summary, missing = session.summary()
    if session.repeats:
        inform(repeats_text(session.repeats))
    if damage is not None:
        say(f"{damage}; the {summary.judged} calls before it were judged")
    status = summary.exit_status(
        strict=options.strict, all_seen=not (header.not_seen or missing.left_out), fails=any(failures)
    )
    return 4 if damage is not None and status == 0 else status


def _opened(file: str) -> BinaryIO:
    try:
        return sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: PTH123
    except OSError as error:
        raise UsageError(f"cannot read {escape(file)}: {error.strerror}") from None
