"""The backlog each listener asked for, from the calls that were seen: certain, or None."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import psutil

from listenwatch.call.record import ListenCall
from listenwatch.call.recording import Recording
from listenwatch.call.text import local_address, protocol_of
from listenwatch.errors import RecordingError, UsageError
from listenwatch.linux.terminal import escape, say
from listenwatch.model.inputs import TcpState
from listenwatch.sockets.inventory import ListenerRow

MOST = 20_000
"""How many calls are remembered, of those addresses that were last called at; some 10 MB."""
MOST_AT_ADDRESS = 64
"""How many of one address, the last ones: a SO_REUSEPORT group may have a call for every worker."""


class _Asked(NamedTuple):
    """What counts of a call."""

    socket_cookie: int
    pid: int
    backlog: int
    asked: int
    stored: int | None


class AskedBacklogs:
    """The successful calls of a recording or of a watch, of each process the last one on each socket."""

    def __init__(self, calls: Iterable[ListenCall] = ()) -> None:
        """Keep the calls since this machine was booted: a socket of before is gone."""
        self._booted = psutil.boot_time() * 10**9
        self._by_address: OrderedDict[tuple[int, str, str], dict[object, _Asked]] = OrderedDict()
        self._number = 0
        for call in calls:
            self.add(call)

    def add(self, call: ListenCall) -> None:
        """The next call; one that failed, or that is older than this boot, says nothing."""
        post = call.post
        if call.result or call.asked is None or not post.seen or call.time_ns < self._booted:
            return
        if TcpState.LISTEN in (post.state, post.subflow_state):
            address = call.netns_inode, protocol_of(post), local_address(call)
            calls = self._by_address.setdefault(address, {})
            self._by_address.move_to_end(address)
            self._number -= len(calls)
            asked = _Asked(call.socket_cookie, call.pid, call.backlog, call.asked, call.stored)
            key = asked[:2] if call.socket_cookie else asked  # of an unknown socket one more may have been called alike
            calls.pop(key, None)
            calls[key] = asked
            if len(calls) > MOST_AT_ADDRESS:
                del calls[next(iter(calls))]
            self._number += len(calls)
            while self._number > MOST:
                self._number -= len(self._by_address.popitem(last=False)[1])

    def __len__(self) -> int:
        """How many calls are remembered."""
        return self._number

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
        calls = [c for c in self._by_address.get(address, {}).values() if c.socket_cookie in (0, listener.cookie)]
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
