"""The numbers of one element, and what has changed in them since they were last told."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from actors.bounds import DURATIONS_S
from actors.element import Counter, Gauge, Histogram

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
Sample = tuple[str, dict[str, str], float]
HistogramSample = tuple[str, dict[str, str], list[float], list[int], float, dict[int, tuple[str, float]]]
"""Name, labels, bounds, by how much each bucket and the sum have grown, and exemplars by bucket."""

Kind = TypeVar("Kind", Counter, Gauge)


class MetricStore:
    """Counters, gauges and histograms by name and labels."""

    def __init__(self) -> None:
        self._counters: dict[Key, Counter] = {}
        self._gauges: dict[Key, Gauge] = {}
        self._histograms: dict[Key, Histogram] = {}
        self._told: dict[Key, float] = {}
        self._told_buckets: dict[Key, tuple[list[int], float]] = {}
        self._removed: list[tuple[str | None, dict[str, str]]] = []
        self._collectors: list[Callable[[], None]] = []

    def counter(self, name: str, /, **labels: str) -> Counter:
        return self._find(self._counters, Counter, name, labels)

    def gauge(self, name: str, /, **labels: str) -> Gauge:
        return self._find(self._gauges, Gauge, name, labels)

    def histogram(
        self, name: str, /, *, buckets: tuple[float, ...] = DURATIONS_S, **labels: str
    ) -> Histogram:
        key = (name, tuple(sorted(labels.items())))
        metric = self._histograms.get(key)
        if metric is None:
            metric = self._histograms[key] = Histogram(buckets)
        return metric

    def remove(self, name: str | None = None, /, **labels: str) -> None:
        """Forget every series (of this name) that carries these labels."""
        wanted, found = labels.items(), False
        series: dict[Key, Any]
        for series in (self._counters, self._gauges, self._histograms):
            for key in [
                key for key in series if key[0] == (name or key[0]) and wanted <= dict(key[1]).items()
            ]:
                del series[key]
                self._told.pop(key, None)
                self._told_buckets.pop(key, None)
                found = True
        if found:
            self._removed.append((name, labels))

    def on_collect(self, collect: Callable[[], None]) -> None:
        """Call this before the numbers are read: for those who count in plain attributes."""
        self._collectors.append(collect)

    def deltas(self) -> dict[str, list[Any]]:
        """What has changed since the last call: `removed` series (to be applied first), `counters` and `histograms` by
        how much they grew, and `gauges` as they are."""
        self._collect()
        removed, self._removed = self._removed, []
        return {
            "removed": removed,
            "counters": list(self._changes(self._counters, growth=True)),
            "gauges": list(self._changes(self._gauges, growth=False)),
            "histograms": list(self._bucket_changes()),
        }

    def values(self) -> dict[str, float]:
        """Every number as it is, by `name{label="value"}`; of a histogram its `_count` and `_sum`."""
        self._collect()
        values: dict[Key, float] = {key: each.value for key, each in self._counters.items()}
        values.update((key, each.value) for key, each in self._gauges.items())
        for (name, labels), each in self._histograms.items():
            values[f"{name}_count", labels] = sum(each.counts)
            values[f"{name}_sum", labels] = each.sum
        return {series_text(*key): value for key, value in sorted(values.items())}

    def _collect(self) -> None:
        for collect in self._collectors:
            collect()

    def _changes(self, metrics: dict[Key, Kind], growth: bool) -> Iterable[Sample]:
        for key, metric in metrics.items():
            value = metric.value
            known = self._told.get(key)
            if value != known:
                self._told[key] = value
                yield key[0], dict(key[1]), value - (known or 0) if growth else value

    def _bucket_changes(self) -> Iterable[HistogramSample]:
        for key, metric in self._histograms.items():
            counts, total = metric.counts, metric.sum
            known = self._told_buckets.get(key)
            if known is None:
                grown, more = list(counts), total
            elif known[0] == counts:
                continue
            else:
                grown = [now - before for now, before in zip(counts, known[0], strict=True)]
                more = total - known[1]
            self._told_buckets[key] = (list(counts), total)
            exemplars, metric.exemplars = metric.exemplars, {}
            yield key[0], dict(key[1]), list(metric.bounds), grown, more, exemplars

    @staticmethod
    def _find(metrics: dict[Key, Kind], kind: type[Kind], name: str, labels: dict[str, str]) -> Kind:
        key = (name, tuple(sorted(labels.items())))
        metric = metrics.get(key)
        if metric is None:
            metric = metrics[key] = kind()
        return metric


def series_text(name: str, labels: Iterable[tuple[str, str]]) -> str:
    """A series as Prometheus writes it: `name{label="value"}`."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels)
    return f"{name}{{{inside}}}" if inside else name
