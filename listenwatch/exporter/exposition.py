"""A scrape, by the official client library: the only module that knows it, besides ``server``."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from listenwatch.exporter.metrics import METRICS, Metric
from listenwatch.exporter.samples import Sample


class _Samples(Collector):
    """Hands the library the samples of one moment."""

    def __init__(self, take: Callable[[], Iterable[Sample]]) -> None:
        self._take = take

    def collect(self) -> Iterator[Family]:
        families = {metric: _family(metric) for metric in METRICS}
        for metric, labels, value in self._take():
            families[metric].add_metric(labels, value)
        yield from families.values()


def _family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.text, labels=metric.labels)


def registry_of(take: Callable[[], Iterable[Sample]]) -> CollectorRegistry:
    """What the library serves: our samples, and its own of this process."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_Samples(take))
    return registry
