"""What a scrape is made of: gauges of who is there, counters that begin at 0, and no more namespaces than are wanted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from listenwatch.exporter import metrics
from listenwatch.exporter.calls import CallKind
from listenwatch.exporter.counting import Occupancy
from listenwatch.exporter.labels import Labels
from listenwatch.exporter.look import Look
from listenwatch.exporter.samples import Moment, samples_of
from listenwatch.exporter.series import ListenerState, SeriesTable
from listenwatch.linux.netns import Namespace
from listenwatch.overflow.counters import CounterComparison
from listenwatch.overflow.kinds import OverflowKind
from tests.helpers.counts import HERE

TCP = Labels("tcp", "0.0.0.0", "80", "100", "nginx", "nginx.service", "", "", "")
UNIX = Labels("unix", "/run/x", "", "100", "x", "", "", "", "")
STATE = ListenerState(128, None, 3, 129, clamped=True, stale=False, sockets=2)


def there(number: int, moved: int, difference: int = 0) -> CounterComparison:
    namespace = Namespace(number, Path(f"/proc/{number}/ns/net"))
    return CounterComparison(namespace, "ListenDrops", moved, moved, moved - difference)


def samples(table: SeriesTable, *counters: CounterComparison, most: int = 100) -> dict[tuple[str, tuple[str, ...]], float]:
    look = Look({}, 7, {100: 4096}, [HERE], 1, 2)
    calls = Counter({CallKind("agree", "listening", "kept"): 3})
    moment = Moment(look, 0.5, list(counters), 4, calls, 5, 6, {"listeners": Occupancy(8, 9)}, ("1", "6.1", "kprobe", "kprobe"), hidden=3, is_inside=True)
    every = [(metric.written, tuple(labels), value) for metric, labels, value in samples_of(moment, table, most)]
    assert len({(name, labels) for name, labels, _ in every}) == len(every)
    return {(name, labels): value for name, labels, value in every}


def test_a_listener_that_is_there_has_gauges_and_its_usual_reasons_begin_at_0() -> None:
    table = SeriesTable(10, 900.0)
    table.show({TCP: STATE, UNIX: STATE._replace(asked=511)})
    table.count(TCP, OverflowKind.ACK_RESET, 2)
    seen = samples(table)
    mine = {name: value for (name, labels), value in seen.items() if labels[:9] == TCP and len(labels) == 9}
    short = {name.removeprefix("listenwatch_listener_"): value for name, value in mine.items()}
    assert short == {"limit": 128, "queue": 3, "capacity": 129, "clamped": 1, "stale": 0, "sockets": 2}
    reasons = {labels[9]: value for (_, labels), value in seen.items() if labels[:9] == TCP and len(labels) == 10}
    assert reasons == {"syn_accept_queue_full": 0, "syn_cookie_sent": 0, "ack_ignored": 0, "ack_reset": 2}
    assert seen["listenwatch_listener_asked", UNIX] == 511
    assert seen["listenwatch_listener_overflows_total", (*UNIX, "unix_eagain")] == 0


def test_one_that_is_gone_has_its_counts_only() -> None:
    table = SeriesTable(10, 900.0)
    table.count(TCP, OverflowKind.ACK_IGNORED, 2)
    names = {name for name, labels in samples(table) if labels[:9] == TCP}
    assert names == {"listenwatch_listener_overflows_total"}


def test_what_is_not_of_a_listener() -> None:
    seen = samples(SeriesTable(10, 900.0))
    assert seen["listenwatch_listeners", ()] == 7
    assert seen["listenwatch_namespace_somaxconn", ("100",)] == 4096
    assert seen["listenwatch_overflows_unplaced_total", ()] == 4
    assert seen["listenwatch_listen_calls_total", ("agree", "listening", "kept")] == 3
    assert seen["listenwatch_listen_calls_lost_total", ()] == 5
    assert seen["listenwatch_events_dropped_total", ()] == 6
    unseen = {labels[0]: value for (name, labels), value in seen.items() if name == "listenwatch_unseen"}
    assert unseen == {"namespaces": 1 + 3, "processes": 2, "pid_namespaces": 1}
    assert (seen["listenwatch_map_entries", ("listeners",)], seen["listenwatch_map_capacity", ("listeners",)]) == (8, 9)


def test_every_metric_has_samples() -> None:
    table = SeriesTable(10, 900.0)
    table.show({TCP: STATE._replace(asked=511)})
    assert {name for name, _ in samples(table)} == {metric.written for metric in metrics.METRICS}


def test_namespaces_are_bounded_and_one_that_differs_is_named_first() -> None:
    seen = samples(SeriesTable(10, 900.0), there(1, 50), there(2, 40), there(3, 7, difference=2), most=2)
    drops = {labels[0]: value for (name, labels), value in seen.items() if name.endswith("kernel_total") and labels[1] == "ListenDrops"}
    assert drops == {str(HERE.inode): 0, "3": 7, "other": 90}
    differences = {labels[0]: value for (name, labels), value in seen.items() if name.endswith("difference")}
    assert differences["3"] == 2
