"""Calls as JSON lines, as they come: on standard output, or in a recording.

Apart from the table, which does without cattrs: that takes 40 ms to import.
"""

import io
import json
from collections.abc import Sequence

from listenwatch.call import codec
from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Writer
from listenwatch.call.text import entry_path_name
from listenwatch.errors import UsageError
from listenwatch.linux.interrupt import Interrupted
from listenwatch.linux.output_file import private
from listenwatch.linux.streams import Stream
from listenwatch.linux.terminal import say
from listenwatch.report.call_json import judged_to_json
from listenwatch.report.notices import missing_texts
from listenwatch.session.source import Missing
from listenwatch.verdict.codec import SummaryLine, calls_summary
from listenwatch.verdict.compare import Verdict
from listenwatch.verdict.summary import Summary


class JsonLines:
    """What ``--json`` prints: an object for each call, at once, and the summary last."""

    def __init__(self, behaviour_file: str | None = None) -> None:
        codec.load()
        self._behaviour_file = behaviour_file

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        """No line: each is a call, or the summary."""
        self._header, self._unknown = header, unknown

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        print(json.dumps(judged_to_json(call, verdict)), flush=True)

    def end(self, summary: Summary, missing: Missing) -> None:
        try:
            line = summary_line(summary, missing, self._header, self._unknown, self._behaviour_file)
            print(json.dumps(line), flush=True)
        except Interrupted:
            say(f"{summary}")  # nobody reads the output
            raise


class RecordingFile:
    """What ``-o`` writes, for ``replay``, and only its owner reads; UsageError where the file cannot be opened."""

    def __init__(self, path: str, behaviour_file: str | None = None) -> None:
        codec.load()
        self._behaviour_file = behaviour_file
        try:
            raw = Stream(path, "w", opener=private)
            self._stream = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8")  # closed by Writer
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        self._header, self._unknown = header, unknown
        self._writer = Writer(self._stream, header)

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        self._writer.call(judged_to_json(call, verdict))

    def end(self, summary: Summary, missing: Missing) -> None:
        self._writer.close(summary_line(summary, missing, self._header, self._unknown, self._behaviour_file))


def summary_line(
    summary: Summary, missing: Missing, header: Header, unknown: Sequence[str], behaviour_file: str | None = None
) -> SummaryLine:
    """The last line of ``--json`` and of a recording: the totals, and what is missing."""
    return calls_summary(
        summary, in_flight=missing.in_flight, left_out=missing.left_out,
        not_seen=[entry_path_name(path) for path in header.not_seen], unknown=unknown, behaviour_file=behaviour_file,
        incomplete=[
            *([missing.damage] if missing.damage else []),
            *missing_texts(summary.lost, missing.left_out, header.not_seen),
        ],
    )
