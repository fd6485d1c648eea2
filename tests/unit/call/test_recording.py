"""Recordings: what is readable is read, and whatever is wrong is a RecordingError naming the line."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from listenwatch.call import recording
from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Recording
from listenwatch.errors import RecordingError
from listenwatch.model.inputs import EntryPath
from listenwatch.version import __version__
from tests import ROOT
from tests.helpers.calls import KERNEL, SAMPLES, call, calls, recorded, refused

WHOLE = recorded(lost=3)
LINES = WHOLE.splitlines(keepends=True)


def read(data: bytes) -> tuple[list[ListenCall], str]:
    """Every call that could be read, and the error's text, empty if there was none."""
    found: list[ListenCall] = []
    try:
        for each in Recording(io.BytesIO(data), "file").calls():
            found.append(each)
    except RecordingError as error:
        return found, str(error)
    return found, ""


def test_all_comes_back() -> None:
    made = Recording(io.BytesIO(WHOLE), "file")
    assert (made.header.kernel, made.header.attach) == (KERNEL, "kprobe")
    assert list(made.calls()) == list(SAMPLES)
    assert made.lost == 3


@given(st.lists(calls(), max_size=4))
def test_any_calls_come_back(made: list[ListenCall]) -> None:
    assert read(recorded(made)) == (made, "")


def test_the_header_names_kernel_and_version() -> None:
    header = json.loads(LINES[0])
    assert header["schema"] == "listenwatch/recording/3"
    assert header["recording"] == {
        "listenwatch": __version__,
        "attach": "kprobe",
        "not_seen": [],
        "kernel": KERNEL._asdict() | {"version": [6, 1, 192]},
    }


def test_a_line_is_complete_as_soon_as_it_is_written() -> None:
    class Seen(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    stream = Seen()
    recording.Writer(stream, Header(KERNEL, "kprobe"))
    assert stream.flushed.encode() == LINES[0]


def test_what_could_not_be_seen_is_kept() -> None:
    stream = io.StringIO()
    header = Header(KERNEL, "tracepoint", (EntryPath.COMPAT, EntryPath.IO_URING))
    recording.Writer(stream, header)
    line = stream.getvalue().encode()
    assert Recording(io.BytesIO(line), "file").header == header
    with pytest.raises(RecordingError, match=r"^file:1: the header is damaged"):
        Recording(io.BytesIO(line.replace(b'"io_uring"', b'"no way"')), "file")


# -- cut


def test_cut_at_every_byte_boundary() -> None:
    data = recorded([call(), call(backlog=5)])
    ends = [end for end in range(1, len(data) + 1) if data[end - 1 : end] == b"\n"]
    for length in range(len(data) - 1):  # without its last newline it lacks nothing
        found, error = read(data[:length])
        complete = sum(end - 1 <= length for end in ends)  # a line may lack its newline
        assert len(found) == max(0, complete - 1), length
        whole_line = length == 0 or length in ends or length + 1 in ends
        line = 1 if length == 0 else complete + 1
        assert error.startswith(f"file:{line}: "), (length, error)
        assert ("cut, not JSON" in error) is not whole_line, (length, error)
    assert read(data[:-1])[1] == ""


def zipped(data: bytes) -> io.BufferedReader:
    """A compressed file as open() gives it."""
    return io.BufferedReader(io.BytesIO(data))


def test_a_compressed_recording_is_read_as_it_is() -> None:
    made = Recording(zipped(gzip.compress(WHOLE)), "file")
    assert (list(made.calls()), made.lost) == (list(SAMPLES), 3)
    assert list(Recording(zipped(WHOLE), "file").calls()) == list(SAMPLES)


def test_a_compressed_recording_cut_anywhere_is_named() -> None:
    data = gzip.compress(WHOLE)
    for length in range(len(data)):
        with pytest.raises(RecordingError, match=r"^file:\d: ") as caught:
            list(Recording(zipped(data[:length]), "file").calls())
        if length >= 10:
            assert "cannot be read: not whole gzip data (" in str(caught.value), length


@given(st.data())
def test_a_damaged_compressed_recording_is_read_or_named(data: st.DataObject) -> None:
    damaged = bytearray(gzip.compress(WHOLE))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert list(Recording(zipped(bytes(damaged)), "file").calls()) == list(SAMPLES)
    except RecordingError as error:
        assert str(error).startswith("file:") and str(error).isprintable()


def test_cut_between_lines_says_so() -> None:
    found, error = read(b"".join(LINES[:3]))
    assert found == list(SAMPLES[:2])
    assert error == "file:4: the recording ends without its summary: it was cut"


# -- damaged


def test_every_flipped_bit_is_read_or_named() -> None:
    data = recorded([call()])
    for place in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        found, error = read(bytes(flipped))
        assert not error or error.startswith("file:"), error
        assert error or len(found) == 1


@given(st.data())
def test_flipped_bytes_are_read_or_named(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(WHOLE) - 1))] = data.draw(st.integers(0, 255))
    found, error = read(bytes(damaged))
    line = int(error.split(":")[1]) if error else len(LINES)
    assert len(found) >= min(line, len(LINES)) - 2
    assert error.isprintable()


@given(st.integers(0, 7))
def test_what_stands_before_the_damage_is_read(line: int) -> None:
    damaged = [*LINES[:line], b"{]\n", *LINES[line + 1 :]]
    found, error = read(b"".join(damaged))
    assert found == list(SAMPLES[: max(0, line - 1)])
    assert error == f"file:{line + 1}: not JSON"


@given(st.binary())
@example(b"\n" * 5)
@example(b"\0" * 4096)
@example(b"\x7fELF\x02\x01\x01" + bytes(64))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"null\n")
@example(b"7" * 5000)
@example(b'{"recording": 1}')
def test_binary_junk_is_no_recording(junk: bytes) -> None:
    found, error = read(junk)
    assert found == []
    assert error.startswith("file:1: ")


@pytest.mark.parametrize("junk", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"7" * 5000])
def test_junk_in_the_middle_is_named(junk: bytes) -> None:
    found, error = read(b"".join(LINES[:3]) + junk + b"\n")
    assert (len(found), error) == (2, "file:4: not JSON")


def test_an_endless_line_is_not_read_into_memory() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def readline(self, size: int | None = -1) -> bytes:
            assert size is not None and size > 0
            self.taken += size
            return b"0" * size

    stream = Endless()
    with pytest.raises(RecordingError, match="file:1: not JSON, and far too long"):
        Recording(stream, "file")  # type: ignore[arg-type]
    assert stream.taken == recording.LONGEST_LINE


def test_a_file_that_cannot_be_read_further_is_named() -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            if self.tell() >= len(LINES[0]):
                raise OSError(5, "Input/output error")
            return super().readline(size)

    with pytest.raises(RecordingError, match="file:2: cannot be read: Input/output error"):
        list(Recording(Broken(WHOLE), "file").calls())


# -- the header and the summary


def edited(number: int, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The recording with one line changed by ``change``."""
    line = json.loads(LINES[number])
    change(line)
    return b"".join([*LINES[:number], json.dumps(line).encode() + b"\n", *LINES[number + 1 :]])


def test_an_empty_file_is_no_recording() -> None:
    assert read(b"")[1] == ("file:1: not a listenwatch recording: make one with 'watch -o FILE'")


@pytest.mark.parametrize("data", [b"{}\n", LINES[1], b'{"summary": {"lost": 0}}\n'])
def test_other_json_is_no_recording(data: bytes) -> None:
    assert "not a listenwatch recording" in read(data)[1]


@pytest.mark.parametrize("schema", ["listenwatch/recording/4", 3, True, None, [], {}])
def test_a_newer_schema_is_named(schema: object) -> None:
    def newer(line: dict[str, Any]) -> None:
        line["schema"] = schema
        line["recording"]["listenwatch"] = "9.1"

    assert read(edited(0, newer))[1] == (
        f"file:1: schema {schema} by listenwatch 9.1; this is {__version__} and reads "
        "listenwatch/recording/3: use a newer listenwatch"
    )


def test_nothing_of_a_file_steers_the_terminal() -> None:
    def hostile(line: dict[str, Any]) -> None:
        line["recording"] |= {"schema": "\x1b[31m", "listenwatch": "\n\x1b]0;x\x07" * 999}

    assert read(edited(0, hostile))[1].isprintable()
    found, error = read(edited(1, lambda line: line["pre"].update({"\x1b[31m" * 999: 1})))
    assert found == []
    assert error.startswith("file:2: damaged call (not a key: ")
    assert error.isprintable() and len(error) < 300


def older(line: dict[str, Any], schema: int) -> dict[str, Any]:
    """The line as schema 1 and 2 had it: a number in the header's object and in a call, none in a summary."""
    named = line.pop("schema")
    for key in ("port", "repeats"):
        line.pop(key, None)
    if "recording" in line:
        line["recording"]["schema"] = schema
        del line["recording"]["not_seen"]
        return line
    if "summary" in line:
        return {"summary": {name: line["summary"][name] for name in (*recording.VERDICTS, "lost")}}
    assert named == "listenwatch/call/3"
    return {"schema": schema, **line}


@pytest.mark.parametrize("schema", [1, 2])
def test_older_schemas_are_read(schema: int) -> None:
    lines = [older(json.loads(line), schema) for line in LINES]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert read(data) == (list(SAMPLES), "")
    if schema == 2:
        validator = Draft202012Validator(json.loads((ROOT / "listenwatch/schemas/recording-2.json").read_text()))
        assert [line for line in lines if not validator.is_valid(line)] == []


@pytest.mark.parametrize("schema", [1, 3, None, "listenwatch/call/2"])
def test_a_line_of_another_schema_than_the_header_is_named(schema: object) -> None:
    other = {**json.loads(LINES[2]), "schema": schema}
    _, error = read(b"".join([*LINES[:2], json.dumps(other).encode() + b"\n", *LINES[3:]]))
    assert error == f"file:3: a line of schema {schema} under a header of listenwatch/call/3"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", [6]),
        ("version", "6.1"),
        ("version", [6, 1, None]),
        ("version", [6, 1, -1]),
        ("version", None),
        ("has", {"inet6_hash": True}),
        ("has", [1]),
        ("release", ...),
        ("machine", ...),
    ],
)
def test_a_damaged_header_is_named(key: str, value: object) -> None:
    def damage(line: dict[str, Any]) -> None:
        kernel = line["recording"]["kernel"]
        kernel[key] = value
        if value is ...:
            del kernel[key]

    assert read(edited(0, damage))[1].startswith("file:1: the header is damaged (")


@pytest.mark.parametrize("lost", [None, "3", 1.5, -1, float("inf"), float("nan"), True, [], {}])
def test_a_damaged_summary_is_named(lost: object) -> None:
    found, error = read(edited(len(LINES) - 1, lambda line: line["summary"].update(lost=lost)))
    assert len(found) == len(SAMPLES)
    assert error.startswith(f"file:{len(LINES)}: damaged summary (")


@pytest.mark.parametrize("summary", [None, [], {}, "x", 3])
def test_a_summary_of_another_kind_is_named(summary: object) -> None:
    _, error = read(edited(len(LINES) - 1, lambda line: line.update(summary=summary)))
    assert error.startswith(f"file:{len(LINES)}: damaged summary (")


def test_a_line_that_was_taken_out_is_noticed() -> None:
    _, error = read(b"".join([*LINES[:2], *LINES[3:]]))
    assert error == "file:7: the summary counts 6 calls, 5 stand before it"


def test_a_line_of_several_calls_counts_as_many_times() -> None:
    several = call()._replace(repeats=1000)
    data = recorded([several, refused()])
    assert json.loads(data.splitlines()[-1])["summary"]["agree"] == 1001
    assert read(data) == ([several, refused()], "")
    first, line, *rest = data.splitlines(keepends=True)
    _, error = read(b"".join([first, line.replace(b'"repeats": 1000', b'"repeats": 999'), *rest]))
    assert error == "file:4: the summary counts 1001 calls, 1000 stand before it"


def test_two_recordings_in_one_file_are_noticed() -> None:
    found, error = read(WHOLE + WHOLE)
    assert len(found) == len(SAMPLES)
    assert error == "file:9: more follows the summary: one recording at a time"
