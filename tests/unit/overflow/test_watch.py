"""The overflow watch with counts that a test sets: what is shown, what is added up, what it says it missed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from listenwatch.bpf.overflow import Counted, Netns, OverflowProbe, Total
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.netns import Namespace, Namespaces
from listenwatch.linux.processes import Holders, Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.linux.wakeups import SignalPipe, UntilInterrupted
from listenwatch.overflow import counters, listeners, refusing
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.overflow.watch import NotCounted, OverflowWatch
from listenwatch.report.notices import missed_texts
from listenwatch.sockets.consumer import Consumer, Progress
from listenwatch.sockets.inventory import ListenerRow, NamespaceListeners
from listenwatch.sockets.listener_filter import ListenerFilter
from listenwatch.sockets.process_view import Activity, ProcessView

HERE = Namespace(100, Path("/proc/thread-self/ns/net"))
KERNEL = Kernel("6.1.0", (6, 1, 0), "x86_64", {})


class Probe:
    """Counts of a listener on 0.0.0.0:80 with the cookie 1, and of others if a test adds some."""

    attach, why, epoch = "kprobe", "", 0

    def __init__(self) -> None:
        self.times: dict[tuple[int, OverflowKind], int] = {}
        self.unplaced = 0
        self.connections = 0

    def next_epoch(self) -> None:
        self.epoch += 1

    def counted(self) -> list[Counted]:
        return [
            Counted(1, 77, 100, port, 2, kind, bytes(112), times, port - 79, 3, 2, 1, self.epoch, 4, 0, self.connections, 2)
            for (port, kind), times in self.times.items()
        ]

    def total(self, netns: Netns) -> Total:
        return Total((0, 0, 0, 0, 0), self.unplaced)

    def namespaces(self) -> list[Netns]:
        return [Netns(100, 77)]

    def skipped(self) -> int:
        return 5


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    listener = Listener("tcp", 2, "0.0.0.0", 80, 0, 3, 2, 9, 1, 0)
    here = NamespaceListeners(HERE, 77, [listener], 4096)
    server = Process(7, 1.0, "server", "server", 7)
    monkeypatch.setattr(listeners, "find_namespaces", lambda: Namespaces([HERE], 0))
    monkeypatch.setattr(listeners, "_read", lambda namespace: here)
    monkeypatch.setattr(listeners, "find_holders", lambda inodes: Holders({9: (server,)}, 0))
    monkeypatch.setattr(counters, "_read", lambda: (0, 0, 0, 0))
    monkeypatch.setattr(counters, "cookie", lambda: 77)
    monkeypatch.setattr(refusing, "look_at_consumers", lambda rows: {})
    return Probe()


def watch(probe: Probe, wanted: ListenerFilter | None = None) -> OverflowWatch:
    return OverflowWatch(cast(OverflowProbe, probe), KERNEL, wanted or ListenerFilter())


def test_each_interval_has_what_is_new_and_the_total_has_it_all(probe: Probe) -> None:
    probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL] = 10  # before the watch began
    watching = watch(probe)
    assert watching.take() == []
    for times in (12, 17):
        probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL] = times
        (event,) = watching.take()
        assert (event.times, event.local) == (2 if times == 12 else 5, "0.0.0.0:80")
    summary = watching.finish()
    assert [(total.times, total.peers) for total in summary.totals] == [(7, 4)]
    assert [shown.row.listener.cookie for shown in summary.advised] == [1]
    assert summary.advised[0].advice
    assert missed_texts(summary.not_counted) == []


def test_a_drop_for_another_reason_is_no_cause_for_advice(probe: Probe) -> None:
    watching = watch(probe)
    probe.times[80, OverflowKind.SYN_DROPPED] = 1
    watching.take()
    assert watching.finish().advised == []


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        (ListenerFilter(), [80, 81]),
        (ListenerFilter(pids=[7]), [80]),
        (ListenerFilter(pids=[8]), []),
        (ListenerFilter(names=["serv"]), [80]),
        (ListenerFilter(ports=[81]), [81]),
        (ListenerFilter(ports=[80, 81]), [80, 81]),
        (ListenerFilter(ports=[80, 81], pids=[7, 8]), [80]),
        (ListenerFilter(netns=100), [80, 81]),
        (ListenerFilter(netns=200), []),
    ],
)
def test_only_what_is_wanted_is_shown(probe: Probe, wanted: ListenerFilter, ports: list[int]) -> None:
    watching = watch(probe, wanted)
    for port in (80, 81):  # nothing listens on 81 any more
        probe.times[port, OverflowKind.ACK_IGNORED] = 1
    assert [event.port for event in watching.take()] == ports
    assert [event.port for event in watching.finish().totals] == ports


def test_it_ends_after_its_duration_with_what_came_since_the_last_interval(probe: Probe) -> None:
    with closing(SignalPipe()) as signals:
        watching = watch(probe)
        probe.times[80, OverflowKind.ACK_RESET] = 3
        events = list(watching.intervals(UntilInterrupted(signals, 0.05), 0.01))
        assert [event.times for interval in events for event in interval] == [3]
        assert len(events) > 1
        probe.times[80, OverflowKind.ACK_RESET] = 4
        ((event,),) = watching.intervals(UntilInterrupted(signals, 0.01), 5.0)
        assert event.times == 1


def test_the_counters_are_read_before_the_names_are_looked_for(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names take time, and a namespace whose last process ends meanwhile takes its counters with it."""
    moved = (0, 0, 0, 0)

    def read() -> tuple[int, ...]:
        return moved

    def end(inodes: object) -> Holders:
        monkeypatch.setattr(counters, "_read", gone)
        return Holders({}, 0)

    def gone() -> tuple[int, ...]:
        raise FileNotFoundError

    monkeypatch.setattr(counters, "_read", read)
    watching = watch(probe)
    probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL] = 1
    moved = (1, 1, 0, 0)
    monkeypatch.setattr(listeners, "find_holders", end)
    assert len(watching.take()) == 1
    assert [(row.counter, row.most) for row in watching.finish().counters] == [
        ("ListenOverflows", 1), ("ListenDrops", 1)
    ]


def test_what_was_missed_is_said(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = watch(probe)
    monkeypatch.setattr(counters, "_read", lambda: (2, 0, 0, 0))
    probe.unplaced = 4
    missed = watching.finish().not_counted
    assert missed == NotCounted(5, [(100, 4)], [])
    assert missed_texts(missed._replace(gone=[300])) == [
        "not all that the kernel counted was seen; it skipped the probe 5 times",
        "namespace 100: 4 of too many listeners to tell apart",
    ]


def test_connections_are_added_up_once_however_often_they_try(probe: Probe) -> None:
    probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL], probe.connections = 4, 3  # before the watch began
    watching = watch(probe)
    for times, connections in ((6, 5), (8, 5), (12, 6)):
        probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL], probe.connections = times, connections
        (event,) = watching.take()
        assert event.connections == 2
    assert [(total.times, total.connections) for total in watching.finish().totals] == [(8, 3)]


def consumer(activity: Activity, progress: Progress = Progress.NOTHING_ACCEPTED) -> Consumer:
    return Consumer(progress, activity, (ProcessView(7, activity),), 1, 0.3, 0)


def test_what_explains_most_is_kept_and_is_past_where_it_is_so_no_more(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, accepts = consumer(Activity.STOPPED), consumer(Activity.SLEEPS, Progress.ACCEPTS)
    seen = iter((accepts, stopped, consumer(Activity.WAITS_FOR_LOCK), stopped, accepts))
    monkeypatch.setattr(refusing, "look_at_consumers", lambda rows: {1: next(seen)})
    monkeypatch.setattr(refusing, "LOOK_AGAIN", 0.0)
    monkeypatch.setattr(refusing, "RECENT", -1.0)
    watching = watch(probe)
    for times in (1, 2, 3):
        probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL] = times
        watching.take()
    for past in (False, True):
        (shown,) = watching.finish().advised
        assert shown.consumer == stopped._replace(past=past)


def test_the_end_takes_a_look_of_a_moment_ago_for_what_is_the_case(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = consumer(Activity.STOPPED)
    looked = list[int]()

    def look(rows: list[ListenerRow]) -> dict[int, Consumer]:
        looked.extend(row.listener.cookie for row in rows)
        return {1: stopped} if rows else {}

    monkeypatch.setattr(refusing, "look_at_consumers", look)
    watching = watch(probe)
    probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL] = 1
    watching.take()
    (shown,) = watching.finish().advised
    assert (shown.consumer, looked) == (stopped, [1])


def test_a_listener_that_goes_on_refusing_is_not_looked_at_each_time(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[int]()

    def look(rows: list[ListenerRow]) -> dict[int, Consumer]:
        looked.extend(row.listener.cookie for row in rows)
        return {}

    monkeypatch.setattr(refusing, "look_at_consumers", look)
    watching = watch(probe)
    for times in range(1, 4):
        probe.times[80, OverflowKind.SYN_ACCEPT_QUEUE_FULL] = times
        watching.take()
    assert len(looked) == 1
