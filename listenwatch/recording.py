"""Recordings: a header line naming the kernel, a line per call, a last line with the summary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from listenwatch import __version__
from listenwatch.errors import RecordingError
from listenwatch.jsonlines import SCHEMA, call_from_json, call_to_json
from listenwatch.kernel import Kernel
from listenwatch.record import ListenCall
from listenwatch.summary import Summary
from listenwatch.verdict import Verdict


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
        self._lines = enumerate(stream, start=1)
        self._name = name
        self.lost = 0
        self.header = self._read_header()

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
            return Header(
                Kernel(
                    str(kernel["release"]),
                    tuple(int(part) for part in kernel["version"]),  # type: ignore[arg-type]
                    str(kernel["machine"]),
                    {str(name): bool(found) for name, found in kernel["has"].items()},
                ),
                str(fields["attach"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._error(number, f"the header is damaged ({_what(error)})") from None

    def calls(self) -> Iterator[ListenCall]:
        """Every call in order; RecordingError names the line that is damaged, or where the file was cut."""
        number = 1
        for number, line in self._lines:
            fields = self._parse(number, line)
            if "summary" in fields:
                try:
                    self.lost = int(fields["summary"]["lost"])
                except (KeyError, TypeError, ValueError) as error:
                    raise self._error(number, f"damaged summary ({_what(error)})") from None
                return
            try:
                yield call_from_json(fields)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._error(number, f"damaged call ({_what(error)})") from None
        raise self._error(number + 1, "the recording ends without its summary: it was cut")

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            cut = "" if line.endswith(b"\n") else "cut, "
            raise self._error(number, f"{cut}not JSON") from None
        if not isinstance(fields, dict):
            raise self._error(number, "not a JSON object")
        return fields

    def _error(self, line: int, what: str) -> RecordingError:
        return RecordingError(f"{self._name}:{line}: {what}")


def _what(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
