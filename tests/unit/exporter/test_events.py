"""Lines for a log: written in their order, dropped and counted rather than waited for, as the journal takes them."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from listenwatch.errors import ObserveError
from listenwatch.exporter.events import Events, Line, journal_entry, to_journal


def test_lines_are_written_in_their_order() -> None:
    written: list[Line] = []
    events = Events(written.append, patience=60)
    events.start()
    for number in range(100):
        events.put({"number": number})
    events.close()
    assert [line["number"] for line in written] == [*range(100)] and events.dropped == 0


def test_who_does_not_read_holds_nothing_up() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def write(_: Line) -> None:
        begun.set()
        assert go_on.wait(60)
        raise BrokenPipeError

    events = Events(write, room=2, patience=60)
    events.start()
    events.put({"number": 0})
    assert begun.wait(60)
    for number in range(5):
        events.put({"number": number})
    assert events.dropped == 3
    go_on.set()
    events.close()
    assert events.dropped == 6


def fields(entry: bytes) -> dict[str, bytes]:
    """Those of an entry, as journald reads it."""
    read = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        length = int.from_bytes(rest[:8], "little")
        read[name.decode()] = rest[8 : 8 + length]
        assert rest[8 + length : 9 + length] == b"\n"
        entry = rest[9 + length :]
    return read


def test_an_entry_of_the_journal_has_fields_that_may_hold_anything() -> None:
    line = {"schema": "listenwatch/call/3", "reason": "a\nb", "local": "@\udcff", "pid": 7, "errno": None, "pre": {"x": 1}}
    assert fields(journal_entry(line)) == {
        "PRIORITY": b"5", "SYSLOG_IDENTIFIER": b"listenwatch", "MESSAGE": b"@\\udcff: a\nb",
        "LISTENWATCH_SCHEMA": b"listenwatch/call/3", "LISTENWATCH_LOCAL": b"@\\udcff", "LISTENWATCH_PID": b"7",
        "LISTENWATCH_PRE": b'{"x": 1}',
    }  # fmt: skip


def test_the_message_of_the_journal_says_whose_it_is() -> None:
    line: Line = {"reason": "asked 77, stored 77", "comm": "redis-server", "local": "127.0.0.1:6379"}
    assert fields(journal_entry(line))["MESSAGE"] == b"redis-server 127.0.0.1:6379: asked 77, stored 77"
    assert fields(journal_entry({**line, "local": None}))["MESSAGE"] == b"redis-server: asked 77, stored 77"


def test_the_journal_gets_it(tmp_path: Path) -> None:
    with pytest.raises(ObserveError, match="no journal"):
        to_journal(str(tmp_path / "journal"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        line = {"reason": "as asked"}
        to_journal(str(tmp_path / "journal"))(line)
        assert journal.recv(4096) == journal_entry(line)
