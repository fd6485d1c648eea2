"""What each listener asked for, from a recording of ``watch -o``: certain, or not said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from listenwatch.model.inputs import TcpState
from listenwatch.names import local_address, protocol_of
from listenwatch.record import ListenCall
from listenwatch.sockets.inventory import Row


class Asked:
    """The successful calls of a recording, to be found again by the socket they were made on."""

    def __init__(self, calls: Iterable[ListenCall]) -> None:
        """Keep the calls of this boot (a time before it is below zero on its clock)."""
        self._by_place: dict[tuple[int, str, str], list[ListenCall]] = defaultdict(list)
        for call in calls:
            post = call.post
            if call.result or call.asked is None or not post.seen or call.time_ns < 0:
                continue
            if TcpState.LISTEN in (post.state, post.subflow_state):
                place = call.netns_inode, protocol_of(post), local_address(call)
                self._by_place[place].append(call)

    def __len__(self) -> int:
        return sum(map(len, self._by_place.values()))

    def of(self, row: Row) -> int | None:
        """The backlog of the last listen() on this socket; None where it was not seen for certain.

        A call whose stored limit is not the limit now was followed by another that was not seen, or
        was made on another socket. Of the sockets of a SO_REUSEPORT group the process decides, and
        where it cannot, nothing is said.
        """
        listener = row.listener
        place = row.namespace.inode, listener.protocol, listener.local
        calls = [c for c in self._by_place[place] if c.socket_cookie in (0, listener.cookie)]
        if row.group > 1:
            pids = {process.pid for process in row.holders}
            calls = [call for call in calls if call.pid in pids]
        if not calls or (row.group > 1 and len({call.backlog for call in calls}) > 1):
            return None
        last = calls[-1]
        return last.asked if last.stored == listener.limit else None
