"""What a receiver of OTLP gets: the metrics of a scrape, by the same declarations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from listenwatch.exporter import metrics, otlp
from listenwatch.exporter.desk import Busy
from listenwatch.exporter.labels import Labels
from listenwatch.exporter.otlp import Push
from listenwatch.exporter.samples import Sample
from listenwatch.version import __version__
from tests.helpers.otlp import Receiver, labels_of, receiver, value_of

TCP = Labels("tcp", "0.0.0.0", "80", "100", "nginx", "nginx.service", "", "", "")
SAMPLES: list[Sample] = [
    (metrics.LIMIT, TCP, 128), (metrics.CLAMPED, TCP, True), (metrics.LOOK_SECONDS, (), 0.25),
    (metrics.OVERFLOWS, (*TCP, "ack_ignored"), 7), (metrics.OVERFLOWS, (*TCP, "ack_reset"), 0),
]  # fmt: skip


class Said:
    """How often it was said that metrics do not arrive, and that they do again."""

    def __init__(self) -> None:
        self.failed, self.recovered = threading.Semaphore(0), threading.Semaphore(0)


@contextmanager
def pushing(to: Receiver, *answers: list[Sample] | type[Busy], interval: float = 3600.0) -> Iterator[Said]:
    """One that takes these, and then the last of them for ever."""
    left, said = list(answers), Said()

    def take() -> list[Sample]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, type):
            raise answer
        return answer

    push = Push(otlp.Receiver(f"{to.url}/v1/metrics", interval, said.failed.release, said.recovered.release), take)
    push.start()
    try:
        yield said
    finally:
        push.stop()


def test_each_metric_has_its_kind_meaning_and_labels() -> None:
    with receiver() as there, pushing(there, SAMPLES):
        got = there.next()
    assert got.path == "/v1/metrics"
    assert got.resource.items() >= {"service.name": "listenwatch", "service.version": __version__}.items()
    assert got.resource["host.name"]
    assert {name: metric.description for name, metric in got.metrics.items()} == {m.name: m.text for m, *_ in SAMPLES}
    assert not got.metrics["listenwatch_listener_limit"].HasField("sum")
    counter = got.metrics["listenwatch_listener_overflows"].sum
    assert counter.is_monotonic and counter.aggregation_temporality == 2  # cumulative
    sent = {(name, *labels_of(point).values()): value_of(point) for name in got.metrics for point in got.points(name)}
    assert sent == {(metric.name, *labels): value for metric, labels, value in SAMPLES}
    (point,) = got.points("listenwatch_listener_limit")
    assert labels_of(point) == TCP._asdict()
    assert all(0 < point.start_time_unix_nano < point.time_unix_nano for point in counter.data_points)


def test_no_samples_in_time_are_no_end() -> None:
    with receiver() as there, pushing(there, Busy, SAMPLES, interval=0.01):
        assert there.next().metrics


def test_many_come_in_requests_of_a_bounded_size() -> None:
    many: list[Sample] = [(metrics.SOMAXCONN, (str(number),), number) for number in range(otlp.POINTS + 1)]
    with receiver() as there, pushing(there, many):
        sizes = [len(there.next().points("listenwatch_namespace_somaxconn")) for _ in range(2)]
    assert sizes == [otlp.POINTS, 1]


def test_that_they_do_not_arrive_is_said_once_and_that_they_do_again() -> None:
    with receiver() as there:
        there.status = 400
        with pushing(there, SAMPLES, interval=0.01) as said:
            for _ in range(3):
                there.next()
            assert said.failed.acquire(timeout=60)
            there.status = 200
            assert said.recovered.acquire(timeout=60)
            assert not said.failed.acquire(blocking=False)


def test_ending_does_not_wait_for_a_receiver_that_is_not_there() -> None:
    with receiver() as there:
        pass
    with pushing(there, SAMPLES) as said:
        pass
    assert not said.recovered.acquire(blocking=False)
