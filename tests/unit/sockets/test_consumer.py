"""What keeps a process from accepting, from two samples of it and of its listener."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenwatch.linux.accept_queue import Connections
from listenwatch.linux.netns import Namespace
from listenwatch.linux.process_sample import ProcessSample, Thread
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.report.consumer import first_aid, sentence
from listenwatch.report.consumer_json import consumer_object
from listenwatch.sockets.consumer import Consumer, Glance, Progress, judge
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.process_view import Activity, view

SECOND = 10**9


def thread(tid: int, state: str = "S", waits_in: str = "", ran: float = 0.0, delayed: float = 0.0) -> Thread:
    return Thread(tid, state, waits_in, int(ran * SECOND), int(delayed * SECOND))


def sampled(
    *threads: Thread, taken: float = 0.0, start: int = 1, frozen: bool = False, descriptors: int | None = 10,
    tracer: int = 0,
) -> ProcessSample:  # fmt: skip
    return ProcessSample(7, start, taken, threads, tracer, frozen, descriptors, 1024, 4096)


def activity(before: list[Thread], after: list[Thread], **options: object) -> Activity:
    first, second = sampled(*before), sampled(*after, taken=1.0, **options)  # type: ignore[arg-type]
    return view(7, first, second).activity


LOCKED, POLLS = thread(1, waits_in="futex_do_wait"), thread(2, waits_in="ep_poll")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([thread(1, "T")], [thread(1, "T")], Activity.STOPPED),
        ([thread(1, "S")], [thread(1, "T")], Activity.SLEEPS),
        ([thread(1, "t")], [thread(1, "t")], Activity.TRACED),
        ([thread(1, "t")], [thread(1, "R")], Activity.SLEEPS),  # as under strace
        ([thread(1, "R")], [thread(1, "R", ran=0.95)], Activity.BUSY),
        ([thread(1, "R")], [thread(1, "R", ran=0.5, delayed=0.45)], Activity.BUSY),
        ([thread(1, "R")], [thread(1, "R", ran=0.02, delayed=0.95)], Activity.STARVED),
        ([thread(1, "R")], [thread(1, "R")], Activity.STARVED),
        ([thread(1, "R")], [thread(1, "S", ran=0.4)], Activity.RUNS),
        ([thread(1, "D")], [thread(1, "D")], Activity.WAITS_FOR_DEVICE),
        ([thread(1, "D")], [thread(1, "S")], Activity.SLEEPS),
        ([LOCKED], [LOCKED], Activity.WAITS_FOR_LOCK),
        ([LOCKED, POLLS], [LOCKED, POLLS], Activity.WAITS_FOR_LOCK),
        ([POLLS], [POLLS], Activity.SLEEPS),
        ([LOCKED, POLLS], [LOCKED, POLLS._replace(ran_ns=SECOND // 2)], Activity.RUNS),
        ([LOCKED], [thread(1, waits_in="ep_poll")], Activity.SLEEPS),
        ([thread(1, "Z"), LOCKED._replace(tid=2)], [thread(1, "Z"), LOCKED._replace(tid=2)], Activity.WAITS_FOR_LOCK),
        ([thread(1)], [thread(2)], Activity.UNKNOWN),
    ],
)
def test_what_a_process_does(before: list[Thread], after: list[Thread], expected: Activity) -> None:
    assert activity(before, after) is expected


def test_what_is_no_matter_of_threads() -> None:
    assert activity([POLLS], [POLLS], frozen=True) is Activity.FROZEN
    assert activity([POLLS], [POLLS], descriptors=1024) is Activity.NO_DESCRIPTORS
    assert activity([POLLS], [POLLS], descriptors=None) is Activity.SLEEPS
    assert activity([POLLS], [POLLS], start=2) is Activity.UNKNOWN  # another of that number
    assert view(7, None, sampled(POLLS)).activity is Activity.UNKNOWN


def row(*pids: int, group: int = 1) -> ListenerRow:
    listener = Listener("tcp", 2, "0.0.0.0", 80, 0, 9, 8, 5, 6, 0)
    holders = tuple(Process(pid, 1.0, "server", "server", pid) for pid in pids)
    return ListenerRow(listener, Namespace(100, Path("/proc/12/ns/net")), 4096, holders, group)


def glance(
    taken: float, queue: int, waiting: set[int] | None, accepted: set[int] = frozenset(),  # type: ignore[assignment]
    **processes: ProcessSample,
) -> Glance:  # fmt: skip
    known = None if waiting is None else Connections(frozenset(waiting), frozenset(accepted))
    return Glance(taken, queue, known, {int(name[1:]): sample for name, sample in processes.items()})


def progress(first: Glance, second: Glance, **options: int) -> tuple[Progress, int]:
    consumer = judge(row(7, **options), first, second)
    return consumer.progress, consumer.accepted


RUNS = sampled(thread(1)), sampled(thread(1, ran=0.3), taken=1.0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((3, {1, 2, 3}), (3, {1, 2, 3}), (Progress.NOTHING_ACCEPTED, 0)),
        ((2, {1, 2}), (3, {1, 2, 3}), (Progress.NOTHING_ACCEPTED, 0)),
        ((3, {1, 2, 3}), (1, {3}), (Progress.ACCEPTS, 2)),
        ((3, {1, 2, 3}), (3, {3, 4, 5}), (Progress.ACCEPTS, 2)),
        ((3, {1, 2, 3}), (3, {2, 3, 4}, {1}), (Progress.ACCEPTS, 1)),
        ((3, {1, 2, 3}), (3, {1, 2, 3}, {4}), (Progress.ACCEPTS, 1)),
        ((3, {1, 2, 3}), (3, {2, 3}), (Progress.UNKNOWN, 0)),  # 1 was reset by its client, and waits still
        ((0, set()), (0, set()), (Progress.NOTHING_WAITED, 0)),
        ((0, set()), (1, {1}), (Progress.NOTHING_WAITED, 0)),
        ((3, None), (3, None), (Progress.UNKNOWN, 0)),
        ((3, None), (1, None), (Progress.ACCEPTS, 2)),
    ],
)
def test_what_was_accepted(first: tuple, second: tuple, expected: tuple[Progress, int]) -> None:  # type: ignore[type-arg]
    assert progress(glance(0, *first, p7=RUNS[0]), glance(1, *second, p7=RUNS[1])) == expected


def test_who_made_no_system_call_accepted_nothing() -> None:
    idle = sampled(POLLS), sampled(POLLS, taken=1.0)
    assert progress(glance(0, 3, None, p7=idle[0]), glance(1, 3, None, p7=idle[1])) == (Progress.NOTHING_ACCEPTED, 0)


def test_of_a_group_only_the_queue_is_certain() -> None:
    first = glance(0, 3, {1, 2, 3}, p7=RUNS[0])
    assert progress(first, glance(1, 3, {2, 3, 4}, {1}, p7=RUNS[1]), group=2) == (Progress.UNKNOWN, 0)
    assert progress(first, glance(1, 2, {2, 3}, {1}, p7=RUNS[1]), group=2) == (Progress.ACCEPTS, 1)
    assert progress(first, glance(1, 3, {1, 2, 3}, p7=RUNS[1]), group=2) == (Progress.NOTHING_ACCEPTED, 0)


def stuck(*pids: int, **states: str) -> Consumer:
    """Connections wait and none is accepted; a process is stopped or sleeps."""
    first, second = (
        Glance(
            taken, 9, Connections(frozenset({1}), frozenset()),
            {pid: sampled(thread(pid, states.get(f"p{pid}", "S")), taken=taken) for pid in pids},
        )
        for taken in (0.0, 1.0)
    )  # fmt: skip
    return judge(row(*pids), first, second)


def test_one_of_several_processes_is_named_and_how_many_there_are() -> None:
    consumer = stuck(7, 8, 9, 10, p9="T")
    assert consumer.is_cause and [view.pid for view in consumer.views] == [9]
    assert sentence(row(7, 8, 9, 10), consumer) == "process 9 (one of 4 that hold it) is stopped: it accepts nothing"
    assert first_aid(consumer) == ("kill -CONT 9",)
    every = stuck(7, 8, p7="T", p8="T")
    assert sentence(row(7, 8), every) == "each of 2 processes of 2 that hold it (7, 8) is stopped: it accepts nothing"
    assert first_aid(every) == ("kill -CONT 7 8",)


def test_what_is_past_needs_no_first_aid() -> None:
    consumer = stuck(7, p7="T")._replace(past=True)
    assert sentence(row(7), consumer) == "no more so, but seen while it refused: process 7 is stopped: it accepts nothing"
    assert first_aid(consumer) == ()


def test_sleeping_is_no_cause_where_something_was_accepted() -> None:
    first, second = glance(0, 3, {1, 2}, p7=sampled(POLLS)), glance(1, 1, {2}, p7=sampled(POLLS, taken=1.0))
    consumer = judge(row(7), first, second)
    assert not consumer.is_cause and first_aid(consumer) == ()
    assert sentence(row(7), consumer) == "process 7 accepts (at least 2 accepted in 1.0 s): more came at once than the queue holds"


def test_what_cannot_be_told_is_said() -> None:
    unseen = judge(row(), glance(0, 3, {1}), glance(1, 3, {1}))
    assert sentence(row(), unseen) == "who accepts cannot be told: no process that can be seen holds it"
    unread = judge(row(7), glance(0, 3, {1}), glance(1, 3, {1}))
    assert (unread.activity, unread.is_cause) == (Activity.UNKNOWN, False)
    assert sentence(row(7), unread) == "what process 7 does cannot be told: nothing was accepted in 1.0 s"
    assert sentence(row(7), None) == "who accepts was not looked at"
    empty = row(7)._replace(listener=row(7).listener._replace(queue=0))
    assert sentence(empty, None) == "nothing waits now: who holds it is not the cause"


@pytest.mark.parametrize("activity", Activity)
def test_every_activity_has_its_words_and_what_to_do(activity: Activity) -> None:
    consumer = stuck(7, p7="T")
    consumer = consumer._replace(activity=activity, views=(consumer.views[0]._replace(activity=activity),))
    words = sentence(row(7), consumer)
    assert "process 7" in words and not words.endswith(".")
    assert bool(first_aid(consumer)) is consumer.is_cause is (activity is not Activity.UNKNOWN)
    shown = consumer_object(consumer)
    assert consumer_object(None) is None
    assert shown and (shown["activity"], shown["processes"][0]["pid"]) == (activity.name.lower(), 7)
