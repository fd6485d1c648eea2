"""Whether the processes that hold a listener accept its connections, and what keeps them from it."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from listenwatch.linux.accept_queue import Connections
from listenwatch.linux.process_sample import ProcessSample
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.process_view import Activity, ProcessView, view


class Progress(Enum):
    """Whether anything was accepted between two looks."""

    ACCEPTS = "accepts"
    NOTHING_ACCEPTED = "accepts nothing"
    NOTHING_WAITED = "nothing waits"
    UNKNOWN = "cannot be told"


class Consumer(NamedTuple):
    """Who accepts at a listener. ``views`` are the processes of ``holders`` of which ``activity`` is true.

    ``accepted`` were accepted in ``seconds``, at the least. ``past``: it was so, and is no more.
    """

    progress: Progress
    activity: Activity
    views: tuple[ProcessView, ...]
    holders: int
    seconds: float
    accepted: int
    past: bool = False

    @property
    def is_cause(self) -> bool:
        """Whether what the processes do explains a full queue, so that a longer one only buys time."""
        if self.activity in _KEEP_FROM_ACCEPTING:
            return True
        if self.activity is Activity.UNKNOWN:
            return False
        return self.progress is Progress.NOTHING_ACCEPTED


class Glance(NamedTuple):
    """A listener and its processes at one moment; ``connections`` is None where they are not known."""

    taken: float
    queue: int
    connections: Connections | None
    processes: Mapping[int, ProcessSample | None]


_KEEP_FROM_ACCEPTING = frozenset(
    (Activity.STOPPED, Activity.TRACED, Activity.FROZEN, Activity.NO_DESCRIPTORS, Activity.BUSY, Activity.STARVED)
)
"""Whatever else was seen. Threads that sleep, or wait for a lock, are no sign as long as something is accepted."""


def judge(row: ListenerRow, first: Glance, second: Glance) -> Consumer:
    """What two glances at a listener and its processes show."""
    views = [
        view(process.pid, first.processes.get(process.pid), second.processes.get(process.pid)) for process in row.holders
    ]
    accepted = _accepted_at_least(row, first, second)
    progress = _progress(row, first, second, accepted, views)
    activity = min((each.activity for each in views), key=lambda activity: activity.rank, default=Activity.UNKNOWN)
    concerned = tuple(each for each in views if each.activity is activity)
    return Consumer(progress, activity, concerned, len(views), round(second.taken - first.taken, 3), accepted)


def _accepted_at_least(row: ListenerRow, first: Glance, second: Glance) -> int:
    """The queue's length by what it lost, and got in addition; or those that waited and have a process now.

    The first queue is read before its connections and the second after them: what comes in between makes the number
    too small, never too large. One that comes, is accepted and ends between the glances is not seen.
    """
    lost = first.queue - second.queue
    if row.group > 1 or first.connections is None or second.connections is None:
        return max(0, lost)  # of a group the connections are not told apart
    (waited, had), (waits, have) = first.connections, second.connections
    came = len(waits - waited) + len(have - had - waited)
    return max(0, lost + came, len(have - had))


def _progress(
    row: ListenerRow, first: Glance, second: Glance, accepted: int, views: Sequence[ProcessView]
) -> Progress:
    if accepted:
        return Progress.ACCEPTS
    if not first.queue or not second.queue:
        return Progress.NOTHING_WAITED
    if views and all(each.did_nothing for each in views):
        return Progress.NOTHING_ACCEPTED
    both = first.connections, second.connections
    if both[0] and both[1] and both[0].waiting and both[0].waiting <= both[1].waiting:
        return Progress.NOTHING_ACCEPTED  # first in, first out: those that waited then wait still
    return Progress.UNKNOWN
