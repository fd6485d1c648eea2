"""The same metrics by OpenTelemetry's protocol (OTLP over HTTP), by the official SDK: the only module that knows it."""

import logging
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as Sent
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from listenwatch.exporter.desk import Busy
from listenwatch.exporter.metrics import Metric
from listenwatch.exporter.samples import Sample
from listenwatch.version import __version__

POINTS = 10_000
"""In one request, some 3 MB: a collector takes 20 MiB by default, and the SDK sends no more than 64 MiB."""


class Receiver(NamedTuple):
    """Where metrics go, every so many seconds; what is called once when they do not arrive, and once when they do again."""

    url: str
    interval: float
    failed: Callable[[], None]
    recovered: Callable[[], None]


class Push:
    """A thread of its own from ``start`` to ``stop``. Certificates and headers are the SDK's environment variables."""

    def __init__(self, receiver: Receiver, take: Callable[[], Iterable[Sample]]) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would write of each attempt
        self._receiver, self._take = receiver, take
        self._exporter = OTLPMetricExporter(endpoint=receiver.url, max_export_batch_size=POINTS)
        self._began = time.time_ns()
        self._stopped = threading.Event()
        self._fails = False
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)

    def start(self) -> None:
        """Push for the first time now."""
        self._thread.start()

    def stop(self) -> None:
        """What is under way is given up."""
        self._stopped.set()
        self._exporter.shutdown()
        self._thread.join()

    def _run(self) -> None:
        resource = Resource.create(
            {"service.name": "listenwatch", "service.version": __version__, "host.name": socket.gethostname()}
        )
        while not self._stopped.is_set():
            try:
                samples = self._take()
            except Busy:  # the next time
                pass
            else:
                data = metrics_data(samples, resource, self._began, time.time_ns())
                self._tell(self._exporter.export(data) is not MetricExportResult.SUCCESS)
            self._stopped.wait(self._receiver.interval)

    def _tell(self, fails: bool) -> None:
        if fails != self._fails and not self._stopped.is_set():
            self._fails = fails
            (self._receiver.failed if fails else self._receiver.recovered)()


def metrics_data(samples: Iterable[Sample], resource: Resource, began: int, now: int) -> MetricsData:
    """What the SDK sends. Times in ns since the epoch; counters count since ``began``, their names have no ``_total``."""
    points: defaultdict[Metric, list[NumberDataPoint]] = defaultdict(list)
    for metric, labels, value in samples:
        number = value if isinstance(value, float) else int(value)  # a bool would be no number
        start = began if metric.kind == "counter" else 0
        points[metric].append(NumberDataPoint(dict(zip(metric.labels, labels, strict=True)), start, now, number))
    sent = [_sent(metric, of_metric) for metric, of_metric in points.items()]
    scope = ScopeMetrics(InstrumentationScope("listenwatch", __version__), sent, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _sent(metric: Metric, points: list[NumberDataPoint]) -> Sent:
    data: Gauge | Sum = Gauge(points)
    if metric.kind == "counter":
        data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Sent(metric.name, metric.text, "", data)
