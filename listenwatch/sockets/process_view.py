"""What one process that holds a listener does, from two samples of it."""

import math
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from listenwatch.linux.process_sample import ProcessSample, Thread

WHOLE_CORE = 0.9
"""Of the time between two samples: a thread that runs or wants to run for so much of it could use a core alone."""
_HAS_ONE = 0.1
"""A thread that wants a core and has it for less does not lack speed but the core."""
_IDLE = 0.02
"""A process that ran for less accepts nothing worth the name."""
EVENT_WAITS = ("ep_poll", "do_epoll", "poll_schedule", "do_sys_poll", "do_poll", "do_select", "io_cqring_wait")
"""How the kernel functions begin in which a thread waits for events of several files."""
_LOCKS = ("futex", "rt_mutex", "do_semtimedop", "semtimedop", "fcntl_setlk", "locks_lock_inode_wait")
"""How the kernel functions begin in which a thread sleeps until another releases something."""


class Activity(Enum):
    """What a process does, what keeps it from accepting first; the value is the word a table shows."""

    STOPPED = "stopped"
    TRACED = "held by a tracer"
    FROZEN = "frozen"
    NO_DESCRIPTORS = "out of descriptors"
    WAITS_FOR_DEVICE = "in state D"
    BUSY = "busy"
    STARVED = "without a CPU"
    WAITS_FOR_LOCK = "waits for a lock"
    RUNS = "runs"
    SLEEPS = "sleeps"
    UNKNOWN = "cannot be told"

    @property
    def rank(self) -> int:
        """Its place among them all."""
        return list(Activity).index(self)


class ProcessView(NamedTuple):
    """One process. ``activity`` is true of ``concerned`` of its ``threads``, of which ``tid`` is the busiest.

    ``ran`` and ``delayed`` are the parts of the time in which that one had a processor, and in which it was
    ready and had none; ``cpu`` is what all threads had, in cores. ``waits_in`` is the kernel function it sleeps in,
    empty if not known; ``tracer`` the process that traces it, or 0.
    """

    pid: int
    activity: Activity = Activity.UNKNOWN
    threads: int = 0
    concerned: int = 0
    tid: int = 0
    ran: float = 0.0
    delayed: float = 0.0
    cpu: float = 0.0
    waits_in: str = ""
    tracer: int = 0
    descriptors: int | None = None
    hard_limit: int | None = None

    @property
    def did_nothing(self) -> bool:
        """Whether it is certain that it made no system call."""
        return self.activity is not Activity.UNKNOWN and self.cpu == self.delayed == 0


class _Use(NamedTuple):
    """A thread in both samples, and the parts of the time in between in which it ran, and was ready but did not."""

    before: Thread
    thread: Thread
    ran: float
    delayed: float

    def stays(self, state: str) -> bool:
        """Whether it was in this state both times."""
        return self.before.state == self.thread.state == state

    def sleeps_in(self, functions: tuple[str, ...]) -> bool:
        """Whether it was in one of these functions both times."""
        return self.before.waits_in.startswith(functions) and self.thread.waits_in.startswith(functions)


def view(pid: int, first: ProcessSample | None, second: ProcessSample | None) -> ProcessView:
    """What a process did between two samples; UNKNOWN where one of them is missing."""
    if first is None or second is None or first.start != second.start or second.taken <= first.taken:
        return ProcessView(pid)
    uses = _uses(first, second)
    if not uses:
        return ProcessView(pid)
    activity, concerned = _activity(second, uses)
    busiest = max(concerned, key=lambda use: use.ran + use.delayed)
    return ProcessView(
        pid, activity, len(uses), len(concerned), busiest.thread.tid, busiest.ran, busiest.delayed,
        sum(use.ran for use in uses), busiest.thread.waits_in, second.tracer, second.descriptors, second.hard_limit,
    )  # fmt: skip


def _uses(first: ProcessSample, second: ProcessSample) -> list[_Use]:
    """The threads that were there both times and have not ended."""
    nanoseconds = (second.taken - first.taken) * 1e9
    before = {thread.tid: thread for thread in first.threads}
    uses = []
    for thread in second.threads:
        earlier = before.get(thread.tid)
        if earlier is None or thread.state in "ZX":
            continue
        ran = (thread.ran_ns - earlier.ran_ns) / nanoseconds
        delayed = (thread.delayed_ns - earlier.delayed_ns) / nanoseconds
        if earlier.state == thread.state == "R" and ran == delayed == 0:
            delayed = 1.0  # the kernel adds the time up only when the thread gets a processor
        uses.append(_Use(earlier, thread, ran, delayed))
    return uses


def _activity(second: ProcessSample, uses: list[_Use]) -> tuple[Activity, list[_Use]]:
    """The first that is true of the process, and the threads it is true of."""

    def those(test: Callable[[_Use], bool]) -> list[_Use]:
        return [use for use in uses if test(use)]

    for activity, threads in (
        (Activity.TRACED, those(lambda use: use.stays("t"))),
        (Activity.STOPPED, those(lambda use: use.stays("T"))),
    ):
        if len(threads) == len(uses):
            return activity, threads
    if second.frozen:
        return Activity.FROZEN, uses
    if second.descriptors is not None and second.descriptors >= (second.most_descriptors or math.inf):
        return Activity.NO_DESCRIPTORS, uses
    if wanting := those(lambda use: use.ran + use.delayed >= WHOLE_CORE):
        return Activity.BUSY if max(use.ran for use in wanting) >= _HAS_ONE else Activity.STARVED, wanting
    if sum(use.ran for use in uses) >= _IDLE:
        return Activity.RUNS, uses
    if threads := those(lambda use: use.stays("D")):
        return Activity.WAITS_FOR_DEVICE, threads
    if threads := those(lambda use: use.sleeps_in(_LOCKS)):
        return Activity.WAITS_FOR_LOCK, threads
    return Activity.SLEEPS, uses
