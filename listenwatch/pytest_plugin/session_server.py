"""The process above a watched session: it starts pytest again as its child, watches that, and answers what was seen.

It is the parent because only a parent may look into its children everywhere (Yama's ptrace_scope), and because a
thread of the session itself could not let a call happen while another holds Python's lock.
"""

import json
import mmap
import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from listenwatch.api.judged_call import JudgedCall
from listenwatch.call.codec import call_to_json
from listenwatch.call.record import decode_all
from listenwatch.errors import ObserveError
from listenwatch.features.attach import SECCOMP, open_any_engine
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.pytest_plugin.seen import SeenCall
from listenwatch.pytest_plugin.session_client import (
    COUNTER,
    COUNTER_SIZE,
    FOLDER,
    SOCKET,
    UNCOUNTED,
)
from listenwatch.report.tested import cannot_watch_text
from listenwatch.session.filters import CallFilter
from listenwatch.verdict.compare import excuse_skipped
from listenwatch.verdict.judge import Judge

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine

_GENERATIONS = 128


def run(command: Sequence[str]) -> int:
    """Run the command, which finds us by its environment; returns its exit status, 128 + n where signal n ended it."""
    with _open_engine() as engine, tempfile.TemporaryDirectory(prefix="listenwatch-") as folder:
        server = _Server(engine, Path(folder))
        passed_on = (signal.SIGTERM, signal.SIGHUP)
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to pytest too, which ends by it
        environment = {**os.environ, FOLDER: folder}
        process = subprocess.Popen(command, env=environment, preexec_fn=lambda: _become_child(engine, interrupt))
        for number in passed_on:
            signal.signal(number, lambda number, _: process.send_signal(number))
        server.serve(process.pid)
        status = process.wait()
    return status if status >= 0 else 128 - status


def _become_child(engine: "AnyEngine", interrupt: Any) -> None:
    signal.signal(signal.SIGINT, interrupt)  # ignored still where it was before us
    if engine.enter_child:
        engine.enter_child()


def _open_engine() -> "AnyEngine":
    """Attach mode seccomp, as root too: it costs nothing but at listen(), and knows each caller while it waits."""
    reasons = []
    for attach in (SECCOMP, "auto"):
        try:
            return open_any_engine("core", attach, follow=True)
        except ObserveError as error:
            reasons.append(str(error))
    raise ObserveError(cannot_watch_text(reasons))


class _Server:
    """What was seen so far, and who asks for it: one thread, one poll."""

    def __init__(self, engine: "AnyEngine", folder: Path) -> None:
        self._engine, self._kernel = engine, running_kernel()
        self._judge, self._filter = Judge(behaviour_of(self._kernel)), CallFilter(followed=True)
        self._lines: list[bytes] = []
        self._skipped = 0
        self._lineages: dict[int, list[int]] = {}
        self._waiting: dict[socket.socket, int] = {}
        with (folder / COUNTER).open("xb+") as file:
            file.truncate(COUNTER_SIZE)
            self._counter = mmap.mmap(file.fileno(), COUNTER_SIZE)
        self._count = 0
        if engine.attach == SECCOMP:
            engine.on_call = self._note  # type: ignore[union-attr]
        else:
            self._set_counter(UNCOUNTED)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / SOCKET))
        self._socket.listen()

    def _note(self, tid: int) -> None:
        """From the engine's thread, while the call waits: its process cannot have ended."""
        lineage = _lineage(tid)
        self._lineages[lineage[0]] = lineage
        self._count += 1
        self._set_counter(self._count)

    def _set_counter(self, value: int) -> None:
        self._counter[:] = value.to_bytes(COUNTER_SIZE, "little")

    def serve(self, top: int) -> None:
        """Until the process ``top`` has ended."""
        self._top, ended, poll = top, os.pidfd_open(top), select.poll()
        clients: dict[int, socket.socket] = {}
        for descriptor in (self._engine.fileno(), self._socket.fileno(), ended):
            poll.register(descriptor, select.POLLIN)
        while True:
            patience = self._engine.patience()
            ready = [fd for fd, _ in poll.poll(None if patience is None else patience * 1000)]
            self._take(self._engine.read())
            for descriptor in ready:
                if descriptor == self._socket.fileno():
                    client, _ = self._socket.accept()
                    clients[client.fileno()] = client
                    poll.register(client, select.POLLIN)
                elif descriptor in clients and not self._heard(clients[descriptor]):
                    poll.unregister(descriptor)
                    self._waiting.pop(clients[descriptor], None)
                    clients.pop(descriptor).close()
            self._answer_those_waiting()
            if ended in ready:
                os.close(ended)
                return

    def _heard(self, client: socket.socket) -> bool:
        """Answer what a client asks for: ``pull N`` or ``wait N``, the calls from number N on; False: it has gone."""
        try:
            word, _, number = client.recv(64).decode().strip().partition(" ")
            if not word:
                return False
            if word == "wait" and int(number) >= len(self._lines):
                self._waiting[client] = int(number)
                return True
            self._take(self._engine.sync())
            self._answer(client, int(number))
        except OSError:
            return False
        return True

    def _answer_those_waiting(self) -> None:
        for client, number in list(self._waiting.items()):
            if number < len(self._lines):
                del self._waiting[client]
                self._answer(client, number)

    def _answer(self, client: socket.socket, number: int) -> None:
        last = {"next": len(self._lines), "lost": self._engine.loss().lost, "attach": self._engine.attach, "top": self._top}
        try:
            client.sendall(b"".join([*self._lines[number:], _line(last)]))
        except BrokenPipeError:  # it has gone, as its next request would say
            return

    def _take(self, records: list[bytes]) -> None:
        skipped = self._engine.skipped()
        meanwhile = skipped - self._skipped
        if not self._engine.is_behind:
            self._skipped = skipped
        for call, record in zip(decode_all(records), records, strict=True):
            if self._filter.matches(call):
                verdict = excuse_skipped(self._judge.judge(call, record), meanwhile)
                seen = SeenCall.of(JudgedCall(call, verdict, self._kernel), len(self._lines))
                lineage = self._lineages.get(call.pid) or _lineage(call.pid)
                self._lines.append(_line({"seen": seen._asdict(), "lineage": lineage, "call": call_to_json(call)}))


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _lineage(tid: int) -> list[int]:
    """The process of a thread, its parent, and so on up to us; as far as there are still processes."""
    lineage: list[int] = []
    pid = tid
    while pid > 1 and pid != os.getpid() and len(lineage) < _GENERATIONS:
        try:
            status = Path("/proc", str(pid), "status").read_text(errors="replace")
        except OSError:
            break
        fields = dict(line.split(":", 1) for line in status.splitlines())
        lineage.append(int(fields["Tgid"]))
        pid = int(fields["PPid"])
    return lineage or [tid]
