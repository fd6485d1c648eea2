"""Lines for a log, written by a thread of their own: whoever does not read them holds nothing up, and what is dropped is counted."""

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from listenwatch.errors import ObserveError

ROOM = 10_000
"""Lines that wait to be written."""
JOURNAL = "/run/systemd/journal/socket"
Line = Mapping[str, Any]
Write = Callable[[Line], None]


class Events:
    """``put`` from any thread; ``close`` writes what waits, as long as that takes no longer than ``patience`` seconds."""

    def __init__(self, write: Write, room: int = ROOM, patience: float = 2.0) -> None:
        self._write, self._patience = write, patience
        self._waiting: queue.Queue[Line | None] = queue.Queue(room)
        self._lock = threading.Lock()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, line: Line) -> None:
        """The next line; dropped where too many wait."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._drop()

    @property
    def dropped(self) -> int:
        """How many lines were not written."""
        return self._dropped

    def close(self) -> None:
        """End, after what waits."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=self._patience)
        self._thread.join(self._patience)

    def _drop(self) -> None:
        with self._lock:
            self._dropped += 1

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                self._write(line)
            except OSError:  # nobody reads, or the journal has no room
                self._drop()


def to_stdout(line: Line) -> None:
    """A line of JSON."""
    print(json.dumps(line), flush=True)


def to_journal(path: str = JOURNAL) -> Write:
    """What writes entries to systemd's journal by its own protocol; ObserveError where there is none."""

    def write(line: Line) -> None:
        _send(path, journal_entry(line))

    try:
        _send(path)
    except OSError as error:
        raise ObserveError(f"no journal at {path}: {error.strerror}: use --events stdout") from None
    return write


def _send(path: str, entry: bytes | None = None) -> None:
    """The journal may be started anew, so each entry comes by a socket of its own; None: only see that it is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.connect(path)
        if entry is not None:
            journal.send(entry)


def journal_entry(line: Line) -> bytes:
    """The line as a journal entry: each key that is not null a field, objects as JSON, and in the message whose it is, and the reason.

    Lengths go before values, so that these may hold anything (systemd, JOURNAL_NATIVE_PROTOCOL).
    """
    whose = " ".join(str(line[key]) for key in ("comm", "local") if line.get(key))
    message = ": ".join(filter(None, (whose, line.get("reason"))))
    fields = {"MESSAGE": message, "PRIORITY": "5", "SYSLOG_IDENTIFIER": "listenwatch"}
    for key, value in line.items():
        if value is not None and key != "reason":
            fields[f"LISTENWATCH_{key.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return b"".join(_field(name, value.encode("utf-8", "backslashreplace")) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
