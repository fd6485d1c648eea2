"""Looks at the processes of some listeners, and soon again, and says what keeps them from accepting."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

import psutil

from listenwatch.linux.accept_queue import connections
from listenwatch.linux.netns import Namespace, inside
from listenwatch.linux.process_sample import ProcessSample, sample
from listenwatch.linux.sock_diag import listeners
from listenwatch.sockets.consumer import Consumer, Glance, judge
from listenwatch.sockets.inventory import ListenerRow

INTERVAL = 0.3
"""Seconds between two glances. A scheduler's tick is 10 ms at most, and what runs is added up with each."""
MOST_LISTENERS = 64
"""Of so many the connections are looked at; of all the processes and the queue."""
MOST_PROCESSES = 256


def worth_a_look(rows: Sequence[ListenerRow]) -> list[ListenerRow]:
    """Those at which connections wait, or one of whose processes is stopped."""
    stopped = set(filter(_is_stopped, {process.pid for row in rows for process in row.holders}))
    return [row for row in rows if row.listener.queue or any(process.pid in stopped for process in row.holders)]


def _is_stopped(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    return False


def look_at_consumers(rows: Sequence[ListenerRow]) -> dict[int, Consumer]:
    """Who accepts at each listener, by its cookie. Takes INTERVAL; none of it where there are no listeners.

    A namespace that has gone meanwhile, or that this user may not enter, has none.
    """
    if not rows:
        return {}
    first = _glances(rows, queue_first=True)
    time.sleep(INTERVAL)
    second = _glances(rows, queue_first=False)
    return {
        row.listener.cookie: judge(row, first[row.listener.cookie], second[row.listener.cookie])
        for row in rows
        if row.listener.cookie in first and row.listener.cookie in second
    }


def _glances(rows: Sequence[ListenerRow], *, queue_first: bool) -> dict[int, Glance]:
    by_namespace: dict[Namespace, list[ListenerRow]] = defaultdict(list)
    for row in rows:
        by_namespace[row.namespace].append(row)
    detailed = {row.listener.cookie for row in rows[:MOST_LISTENERS]}
    glances: dict[int, Glance] = {}
    samples = _samples(rows)
    for namespace, members in by_namespace.items():
        with contextlib.suppress(OSError), inside(namespace):
            taken = time.monotonic()
            queues = _queues() if queue_first else {}
            waiting = connections(row.listener for row in members if row.listener.cookie in detailed)
            queues = queues or _queues()
            for row in members:
                cookie = row.listener.cookie
                if cookie in queues:
                    glances[cookie] = Glance(taken, queues[cookie], waiting.get(cookie), samples)
    return glances


def _queues() -> dict[int, int]:
    return {listener.cookie: listener.queue for listener in listeners()}


def _samples(rows: Iterable[ListenerRow]) -> dict[int, ProcessSample | None]:
    pids = dict.fromkeys(process.pid for row in rows for process in row.holders)
    return {pid: sample(pid) for pid in list(pids)[:MOST_PROCESSES]}
