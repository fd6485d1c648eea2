"""What a process of a watched session knows of its calls: asked for at the process above it (session_server.py)."""

import json
import mmap
import os
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from listenwatch.pytest_plugin.seen import SeenCall

FOLDER = "LISTENWATCH_SESSION"
"""The environment variable that names the folder of the session: there is one where a session is watched."""
SOCKET, COUNTER, COUNTER_SIZE = "socket", "calls", 8
UNCOUNTED = 2**64 - 1
"""What the counter says where calls are not counted as they come: then asking is the only way to know."""


class SessionCall(NamedTuple):
    """A call of the session: what is kept of it, its process and those above that, and all that was recorded."""

    seen: SeenCall
    lineage: tuple[int, ...]
    recorded: dict[str, Any]

    def is_below(self, pid: int) -> bool:
        """Whether this process or one that it started made the call."""
        return pid in self.lineage


def is_watched() -> bool:
    """Whether this process belongs to a watched session."""
    return FOLDER in os.environ


class Client:
    """A place in the calls of the session: each is given once. ``is_top``: we are the process all others come of."""

    def __init__(self, at: int = 0) -> None:
        folder = Path(os.environ[FOLDER])
        with (folder / COUNTER).open("rb") as file:
            self._counter = mmap.mmap(file.fileno(), COUNTER_SIZE, access=mmap.ACCESS_READ)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(folder / SOCKET))
        self._stream = self._socket.makefile("rb")
        self._at, self._counted = at, -1
        self._pid = os.getpid()
        self.lost, self.attach, self.is_top = 0, "", False

    def new(self) -> list[SessionCall]:
        """The calls that returned since the last time, ours and our children's; at the top everybody's."""
        counted = int.from_bytes(self._counter[:], "little")
        if counted == self._counted != UNCOUNTED:
            return []
        calls = self._ask("pull")
        self._counted = counted
        return [call for call in calls if self.is_top or call.is_below(self._pid)]

    def coming(self, until: int) -> Iterator[SessionCall]:
        """Each call of the session as it comes, until this descriptor is readable; then those that came before that."""
        poll = select.poll()
        for descriptor in (until, self._socket.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            self._send("wait")
            if until in {descriptor for descriptor, _ in poll.poll()}:
                break
            yield from self._answer()
        with closing(Client(self._at)) as last:  # the answer to our own question may come any time now
            yield from last.rest()

    def rest(self) -> list[SessionCall]:
        """Those that returned before now."""
        return self._ask("pull")

    def _ask(self, word: str) -> list[SessionCall]:
        self._send(word)
        return self._answer()

    def _send(self, word: str) -> None:
        self._socket.sendall(f"{word} {self._at}\n".encode())

    def _answer(self) -> list[SessionCall]:
        calls: list[SessionCall] = []
        for line in self._stream:
            values = json.loads(line)
            if "next" in values:
                self._at, self.lost, self.attach = values["next"], values["lost"], values["attach"]
                self.is_top = values["top"] == self._pid
                return calls
            calls.append(SessionCall(SeenCall.read(values["seen"]), tuple(values["lineage"]), values["call"]))
        raise EOFError("the process that watches this session has gone")

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self._socket.close()
        self._counter.close()
