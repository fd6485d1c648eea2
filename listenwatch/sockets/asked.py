"""The backlog each listener asked for, from a recording of ``watch -o``: certain, or None."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import psutil

from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Recording
from listenwatch.call.text import local_address, protocol_of
from listenwatch.errors import RecordingError, UsageError
from listenwatch.linux.terminal import escape, say
from listenwatch.model.inputs import TcpState
from listenwatch.sockets.inventory import ListenerRow


class AskedBacklogs:
    """The successful calls of a recording, by the socket they were made on."""

    def __init__(self, calls: Iterable[ListenCall]) -> None:
        """Keep the calls since this machine was booted: a socket of before is gone."""
        booted = psutil.boot_time() * 10**9
        self._by_address: dict[tuple[int, str, str], list[ListenCall]] = defaultdict(list)
        for call in calls:
            post = call.post
            if call.result or call.asked is None or not post.seen or call.time_ns < booted:
                continue
            if TcpState.LISTEN in (post.state, post.subflow_state):
                address = call.netns_inode, protocol_of(post), local_address(call)
                self._by_address[address].append(call)

    @classmethod
    def read(cls, file: str) -> AskedBacklogs:
        """The calls of a recording up to where it can be read: ``watch`` may be writing it still."""
        try:
            stream = open(file, "rb")  # noqa: SIM115, PTH123  closed below
        except OSError as error:
            raise UsageError(f"cannot read {escape(file)}: {error.strerror}") from None
        with stream:
            return cls(_readable(Recording(stream, escape(file))))

    def of(self, row: ListenerRow) -> int | None:
        """The backlog of the last listen() on this socket; None where it was not seen for certain.

        A call whose stored limit is not the limit now was followed by another that was not seen, or
        was made on another socket. Sockets of a SO_REUSEPORT group are told apart by their process;
        where that does not do, the answer is None.
        """
        listener = row.listener
        address = row.namespace.inode, listener.protocol, listener.local
        calls = [c for c in self._by_address[address] if c.socket_cookie in (0, listener.cookie)]
        if row.group > 1:
            pids = {process.pid for process in row.holders}
            calls = [call for call in calls if call.pid in pids]
        if not calls or (row.group > 1 and len({call.backlog for call in calls}) > 1):
            return None
        last = calls[-1]
        return last.asked if last.stored == listener.limit else None


def _readable(recording: Recording) -> Iterator[ListenCall]:
    try:
        yield from recording.calls()
    except RecordingError as error:
        say(f"{error}; the calls before it are used")
