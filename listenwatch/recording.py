"""Recordings: a header line naming the kernel, a line per call, a last line with the summary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from listenwatch import __version__
from listenwatch.errors import RecordingError
from listenwatch.jsonlines import SCHEMA, call_from_json, call_to_json
from listenwatch.kernel import FUNCTIONS, Kernel
from listenwatch.record import ListenCall
from listenwatch.summary import Summary
from listenwatch.terminal import escape
from listenwatch.verdict import Verdict

# A line is some 5,000 characters; one without an end must not fill the memory.
LONGEST_LINE = 1 << 20


class Header(NamedTuple):
    """What a recording says of itself: the kernel it was made on and how it was watched."""

    kernel: Kernel
    attach: str


class Writer:
    """Writes a recording line by line, each complete on disk as soon as it is written."""

    def __init__(self, stream: IO[str], kernel: Kernel, attach: str) -> None:
        self._stream = stream
        self._line(
            {
                "recording": {
                    "schema": SCHEMA,
                    "listenwatch": __version__,
                    "attach": attach,
                    "kernel": kernel._asdict(),
                }
            }
        )

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        """Add one call."""
        self._line(call_to_json(call, verdict))

    def close(self, summary: Summary) -> None:
        """Add the summary: a recording without it was cut."""
        self._line({"summary": summary._asdict()})
        self._stream.close()

    def _line(self, fields: dict[str, Any]) -> None:
        self._stream.write(json.dumps(fields) + "\n")
        self._stream.flush()


class Recording:
    """Reads a recording; ``calls`` yields what is readable and raises RecordingError at what is not.

    ``lost`` is the recorded number of lost calls, known once the last line was read.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._lines = enumerate(iter(self._read_line, b""), start=1)
        self._number = 0
        self.lost = 0
        self.header = self._read_header()

    def _read_line(self) -> bytes:
        self._number += 1
        try:
            return self._stream.readline(LONGEST_LINE)
        except OSError as error:
            raise self._error(self._number, f"cannot be read: {error.strerror}") from None

    def _read_header(self) -> Header:
        number, line = next(self._lines, (1, b""))
        fields = self._parse(number, line).get("recording") if line else None
        if not isinstance(fields, dict):
            raise self._error(number, "not a listenwatch recording: make one with 'watch -o FILE'")
        if fields.get("schema") != SCHEMA:
            raise self._error(
                number,
                f"schema {fields.get('schema')} by listenwatch {fields.get('listenwatch')}; this "
                f"is {__version__} and reads schema {SCHEMA}: use a newer listenwatch",
            )
        try:
            kernel = fields["kernel"]
            major, minor, patch = kernel["version"]
            return Header(
                Kernel(
                    str(kernel["release"]),
                    (_count(major), _count(minor), _count(patch)),
                    str(kernel["machine"]),
                    {name: bool(kernel["has"][name]) for name in FUNCTIONS if kernel["has"]},
                ),
                str(fields["attach"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._error(number, f"the header is damaged ({_what(error)})") from None

    def calls(self) -> Iterator[ListenCall]:
        """Every call in order; RecordingError names the line that is damaged, or where the file was cut."""
        number = 1
        for number, line in self._lines:
            fields = self._parse(number, line)
            if "summary" in fields:
                self._end(number, fields["summary"])
                return
            try:
                call = call_from_json(fields)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._error(number, f"damaged call ({_what(error)})") from None
            yield call
        raise self._error(number + 1, "the recording ends without its summary: it was cut")

    def _end(self, number: int, fields: dict[str, Any]) -> None:
        """The summary must count the calls before it, and nothing may follow it."""
        try:
            summary = Summary(**{name: _count(value) for name, value in fields.items()})
        except (TypeError, AttributeError) as error:
            raise self._error(number, f"damaged summary ({_what(error)})") from None
        self.lost = summary.lost
        calls = number - 2
        if (counted := sum(summary) - summary.lost) != calls:
            raise self._error(number, f"the summary counts {counted} calls, {calls} stand before it")
        if next(self._lines, None) is not None:
            raise self._error(number + 1, "more follows the summary: one recording at a time")

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            if len(line) == LONGEST_LINE:
                raise self._error(number, "not JSON, and far too long for a line") from None
            cut = "" if line.endswith(b"\n") else "cut, "
            raise self._error(number, f"{cut}not JSON") from None
        if not isinstance(fields, dict):
            raise self._error(number, "not a JSON object")
        return fields

    def _error(self, line: int, what: str) -> RecordingError:
        return RecordingError(f"{self._name}:{line}: {escape(what)}")


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"not a number: {value!r}")
    return value


def _what(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) < 100 else f"{text[:99]}…"
