"""A small receiver of OTLP over HTTP, which decodes what comes by the protocol's own definitions."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from tests.helpers.serving import serving
from tests.helpers.watching import PATIENCE


def value_of(point: NumberDataPoint) -> float:
    return point.as_int if point.WhichOneof("value") == "as_int" else point.as_double


class Received:
    """One request."""

    def __init__(self, path: str, body: bytes) -> None:
        self.path = path
        (of_resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
        self.resource = {each.key: each.value.string_value for each in of_resource.resource.attributes}
        (scope,) = of_resource.scope_metrics
        self.metrics: dict[str, Metric] = {metric.name: metric for metric in scope.metrics}

    def points(self, name: str) -> list[NumberDataPoint]:
        metric = self.metrics[name]
        return list(metric.sum.data_points if metric.HasField("sum") else metric.gauge.data_points)

    def sum(self, name: str, **labels: str) -> float:
        """Of the values with these labels."""
        return sum(value_of(point) for point in self.points(name) if labels.items() <= labels_of(point).items())


def labels_of(point: NumberDataPoint) -> dict[str, str]:
    return {each.key: each.value.string_value for each in point.attributes}


class Receiver:
    """``status`` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self._came: queue.Queue[Received] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = ExportMetricsServiceResponse().SerializeToString()
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                receiver._came.put(Received(self.path, body))

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def next(self) -> Received:
        return self._came.get(timeout=PATIENCE)


@contextmanager
def receiver() -> Iterator[Receiver]:
    there = Receiver()
    with serving(there.server):
        yield there
