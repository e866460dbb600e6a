"""The numbers of one element, and what has changed in them since they were last told."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from actors.element import Counter, Gauge

Key = tuple[str, tuple[tuple[str, str], ...]]
Sample = tuple[str, dict[str, str], float]
Kind = TypeVar("Kind", Counter, Gauge)


class MetricStore:
    """Counters and gauges by name and labels."""

    def __init__(self) -> None:
        self._counters: dict[Key, Counter] = {}
        self._gauges: dict[Key, Gauge] = {}
        self._told: dict[Key, float] = {}
        self._collectors: list[Callable[[], None]] = []

    def counter(self, name: str, /, **labels: str) -> Counter:
        return self._find(self._counters, Counter, name, labels)

    def gauge(self, name: str, /, **labels: str) -> Gauge:
        return self._find(self._gauges, Gauge, name, labels)

    def on_collect(self, collect: Callable[[], None]) -> None:
        """Call this before the numbers are read: for those who count in plain attributes."""
        self._collectors.append(collect)

    def deltas(self) -> dict[str, list[Sample]]:
        """`counters` by how much they grew and `gauges` as they are, those that changed since the last call."""
        self._collect()
        return {
            "counters": list(self._changes(self._counters, growth=True)),
            "gauges": list(self._changes(self._gauges, growth=False)),
        }

    def values(self) -> dict[str, float]:
        """Every number as it is, by `name{label="value"}`."""
        self._collect()
        every: dict[Key, Counter | Gauge] = {**self._counters, **self._gauges}
        return {series_text(*key): metric.value for key, metric in sorted(every.items())}

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
