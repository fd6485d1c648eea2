"""Recordings: a header line naming the kernel, a line per call, a last line with the summary."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Annotated, Any, Final, Literal, TypedDict

from listenwatch.call.codec import call_from_json
from listenwatch.call.forms import OLDER, SCHEMA
from listenwatch.call.header import Header
from listenwatch.call.keys import Attach, KernelObject, kernel_object
from listenwatch.call.record import ListenCall
from listenwatch.call.text import entry_path_name
from listenwatch.errors import RecordingError
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.terminal import escape
from listenwatch.model.inputs import EntryPath
from listenwatch.version import __version__

# A line is some 5,000 characters; one without an end must not fill the memory.
LONGEST_LINE = 1 << 20

RECORDING: Final = "listenwatch/recording/3"
"""What the header says it is; in those of OLDER it was a number within ``recording``."""
VERDICTS = ("agree", "disagree", "inconclusive", "unmodelled")
"""The keys of a summary which count calls that have a line."""

GZIP = b"\x1f\x8b"
"""How gzip data begins (RFC 1952)."""


class RecordingObject(TypedDict):
    """The kernel a recording was made on, and how it was watched."""

    listenwatch: Annotated[str, "the version that made it"]
    attach: Attach
    not_seen: Annotated[list[str], "entry paths (values of door) that the kernel has and the attach mode does not see"]
    kernel: KernelObject


class HeaderLine(TypedDict):
    """The first line of a recording, which 'watch -o' makes: a line for each call follows, and the summary."""

    schema: Literal["listenwatch/recording/3"]
    recording: RecordingObject


class Writer:
    """Writes a recording line by line, each complete on disk as soon as it is written."""

    def __init__(self, stream: IO[str], header: Header) -> None:
        self._stream = stream
        line: HeaderLine = {
            "schema": RECORDING, "recording": {
                "listenwatch": __version__, "attach": header.attach,
                "not_seen": [entry_path_name(path) for path in header.not_seen],
                "kernel": kernel_object(header.kernel),
            },
        }  # fmt: skip
        self._line(line)

    def call(self, fields: dict[str, Any]) -> None:
        """Add one call: the fields of ``call_to_json``, and more if wanted."""
        self._line(fields)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Add the summary's line, with calls by verdict and ``lost``: a recording without it was cut."""
        self._line(summary)
        self._stream.close()

    def _line(self, fields: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(fields) + "\n")
        self._stream.flush()


class Recording:
    """Reads a recording, gzipped or not; RecordingError at what is damaged.

    ``lost``, ``in_flight`` and ``left_out`` are what its summary says, known after the last line; older ones have no
    other than ``lost``.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._name = name
        self._stream = self._plain(stream)
        self._lines = enumerate(iter(self._read_line, b""), start=1)
        self._number = 0
        self.lost = self.in_flight = self.left_out = self._counted = 0
        self.header = self._read_header()

    def _plain(self, stream: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
        """The stream, uncompressed if it begins as gzip does."""
        try:
            start = stream.peek(2) if isinstance(stream, io.BufferedReader) else b""
        except OSError as error:
            raise self._error(1, f"cannot be read: {error.strerror}") from None
        return gzip.open(stream) if start.startswith(GZIP) else stream

    def _read_line(self) -> bytes:
        self._number += 1
        try:
            return self._stream.readline(LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            what = getattr(error, "strerror", None) or f"not whole gzip data ({error})"
            raise self._error(self._number, f"cannot be read: {what}") from None

    def _read_header(self) -> Header:
        number, line = next(self._lines, (1, b""))
        whole = self._parse(number, line) if line else {}
        fields = whole.get("recording")
        if not isinstance(fields, dict):
            raise self._error(number, "not a listenwatch recording: make one with 'watch -o FILE'")
        made = whole.get("schema", fields.get("schema"))
        if made != RECORDING and (type(made) is not int or made not in OLDER):
            raise self._error(
                number,
                f"schema {made} by listenwatch {fields.get('listenwatch')}; this "
                f"is {__version__} and reads {RECORDING}: use a newer listenwatch",
            )
        self._schema = SCHEMA if made == RECORDING else made
        try:
            kernel = fields["kernel"]
            major, minor, patch = kernel["version"]
            release, version = str(kernel["release"]), (_count(major), _count(minor), _count(patch))
            named = Kernel(release, version, str(kernel["machine"]), _has(kernel["has"]))
            unseen = tuple(EntryPath[str(name).upper()] for name in fields.get("not_seen", ()))
            return Header(named, str(fields["attach"]), unseen)
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
            if fields.get("schema") != self._schema:
                raise self._error(number, f"a line of schema {fields.get('schema')} under a header of {self._schema}")
            try:
                call = call_from_json(fields)
            except ValueError as error:
                raise self._error(number, f"damaged call ({_what(error)})") from None
            self._counted += call.repeats
            yield call
        raise self._error(number + 1, "the recording ends without its summary: it was cut")

    def _end(self, number: int, fields: dict[str, Any]) -> None:
        """The summary must count the calls before it, and nothing may follow it."""
        try:
            counted = sum(_count(fields[name]) for name in VERDICTS)
            self.lost = _count(fields["lost"])
            self.in_flight, self.left_out = (_count(fields.get(name, 0)) for name in ("in_flight", "left_out"))
        except (KeyError, TypeError, AttributeError) as error:
            raise self._error(number, f"damaged summary ({_what(error)})") from None
        if counted != self._counted:
            raise self._error(number, f"the summary counts {counted} calls, {self._counted} stand before it")
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


def _has(names: dict[str, bool]) -> dict[str, bool]:
    """What the kernel has by name: nothing, or at least what the first version of listenwatch looked for."""
    if names:
        _ = names["inet6_hash"], names["__inet_listen_sk"]
    return {name: bool(value) for name, value in dict(names).items()}


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"not a number: {value!r}")
    return value


def _what(error: Exception) -> str:
    text = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
    return text if len(text) < 100 else f"{text[:99]}…"
