"""Families of series as Prometheus reads them: its text format, or OpenMetrics with exemplars, by prometheus_client."""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as ClientMetric
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from orchestrator.metrics.ledger import Buckets
from orchestrator.metrics.merging import Family

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""Content types; names here are such that the oldest versions do."""


class _Collected(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[ClientMetric]:
        return map(_client_metric, self._families)


def expose(families: Iterable[Family], *, exemplars: bool) -> bytes:
    """The text of a scrape; with exemplars it is OpenMetrics."""
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return (openmetrics_exposition.generate_latest if exemplars else generate_latest)(registry)


def _client_metric(family: Family) -> ClientMetric:
    metric = family.metric
    if metric.kind == "histogram":
        return _histogram(family)
    if metric.kind == "summary":
        summary = SummaryMetricFamily(metric.name, metric.help)
        for labels, buckets in family.buckets.items():
            summary.add_sample(f"{metric.name}_count", dict(labels), sum(buckets.counts))
            summary.add_sample(f"{metric.name}_sum", dict(labels), buckets.sum)
        return summary
    if metric.kind == "info":
        info = InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
        for labels, value in family.values.items():
            if value:
                info.add_metric((), dict(labels))
        return info
    made: Any
    if metric.kind == "counter":  # names of other exporters do not all end as a counter's should
        made = CounterMetricFamily if metric.name.endswith("_total") else UnknownMetricFamily
    else:
        made = GaugeMetricFamily
    told = made(metric.name, metric.help)
    name = metric.name
    for labels, value in family.values.items():
        told.add_sample(name, dict(labels), value)
    return told


def _histogram(family: Family) -> ClientMetric:
    told = HistogramMetricFamily(family.metric.name, family.metric.help)
    bucket_name, name = f"{told.name}_bucket", told.name
    for labels, buckets in family.buckets.items():
        plain = dict(labels)
        running = list(accumulate(buckets.counts))
        for index, bound in enumerate((*buckets.bounds, float("inf"))):
            told.add_sample(
                bucket_name,
                {**plain, "le": floatToGoString(bound)},
                running[index],
                exemplar=_exemplar(buckets, index),
            )
        told.add_sample(f"{name}_count", plain, running[-1])
        told.add_sample(f"{name}_sum", plain, buckets.sum)
    return told


def _exemplar(buckets: Buckets, index: int) -> Exemplar | None:
    found = buckets.exemplars.get(index)
    return None if found is None else Exemplar({"trace_id": found[0]}, found[1])
