"""Adds up the metric deltas that elements report; numbers outlive the restarts of those who counted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]

IDENTITY = frozenset({"pod", "target", "link", "node", "eni", "process"})
"""Labels that name something which comes and goes: series of an element that is gone for good go with it if they
carry one of these. What else it counted goes to an heir and stays in the sums, for a counter that falls looks like a
restart."""


@dataclass
class Buckets:
    """A histogram: how many values fell into each bucket, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum: float = 0.0
    exemplars: dict[int, tuple[str, float]] = field(default_factory=dict)

    def add(self, counts: Iterable[int], total: float) -> None:
        """So many more in each bucket."""
        self.counts = [one + more for one, more in zip(self.counts, counts, strict=True)]
        self.sum += total


class Ledger:
    """Counters, gauges and histograms of every element, by name and labels."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[Key, float]] = defaultdict(lambda: defaultdict(float))
        self.gauges: dict[str, dict[Key, float]] = defaultdict(dict)
        self.histograms: dict[str, dict[Key, Buckets]] = defaultdict(dict)
        self._peaks: list[tuple[str, dict[str, float]]] = []

    def add(self, element: str, deltas: dict[str, Any]) -> None:
        """Take in what an element reported: counters by how much they grew, gauges as they are."""
        for name, labels in deltas.get("removed", ()):
            self._remove(element, name, labels)
        for name, labels, growth in deltas["counters"]:
            self.counters[element][name, _sorted(labels)] += growth
        for name, labels, value in deltas["gauges"]:
            self.gauges[element][name, _sorted(labels)] = value
            for watched, peaks in self._peaks:
                if watched == name:
                    peaks[element] = max(peaks.get(element, value), value)
        for name, labels, bounds, counts, total, exemplars in deltas.get("histograms", ()):
            buckets = self._buckets(element, (name, _sorted(labels)), bounds)
            buckets.add(counts, total)
            buckets.exemplars.update((bucket, (trace, value)) for bucket, (trace, value) in exemplars.items())

    def ended(self, element: str, heir: str | None = None) -> None:
        """An element's process has ended: its gauges say nothing any more. One that will not come back has an heir, in
        whose name the ledger keeps what it has counted."""
        self.gauges.pop(element, None)
        if heir is None:
            return
        for key, count in self.counters.pop(element, {}).items():
            if not _identifies(key):
                self.counters[heir][key] += count
        for key, buckets in self.histograms.pop(element, {}).items():
            if not _identifies(key):
                self._buckets(heir, key, buckets.bounds).add(buckets.counts, buckets.sum)

    def everything(self, element: str) -> dict[str, list[Any]]:
        """All that is known of an element, as deltas from nothing."""
        return {
            "removed": [],
            "counters": [
                (name, dict(labels), v) for (name, labels), v in self.counters.get(element, {}).items()
            ],
            "gauges": [(name, dict(labels), v) for (name, labels), v in self.gauges.get(element, {}).items()],
            "histograms": [
                (name, dict(labels), list(each.bounds), each.counts, each.sum, each.exemplars)
                for (name, labels), each in self.histograms.get(element, {}).items()
            ],
        }

    def elements(self) -> list[str]:
        """Everybody who has reported something, in the order of the alphabet."""
        return sorted({*self.counters, *self.gauges, *self.histograms})

    @contextmanager
    def peaks(self, gauge: str) -> Iterator[dict[str, float]]:
        """While this lasts: the highest value of a gauge that each element has reported since it began."""
        peaks: dict[str, float] = {}
        watch = (gauge, peaks)
        self._peaks.append(watch)
        try:
            yield peaks
        finally:
            self._peaks = [other for other in self._peaks if other is not watch]

    def total(self, name: str, element: str | None = None, **labels: str) -> float:
        """The sum of a counter over all elements (or one) and all series that carry these labels."""
        wanted = labels.items()
        return sum(
            value
            for owner, series in self.counters.items()
            if element in (None, owner)
            for (series_name, series_labels), value in series.items()
            if series_name == name and wanted <= dict(series_labels).items()
        )

    def _buckets(self, element: str, key: Key, bounds: Iterable[float]) -> Buckets:
        mine = self.histograms[element]
        if (buckets := mine.get(key)) is None:
            bounds = tuple(bounds)
            buckets = mine[key] = Buckets(bounds, [0] * (len(bounds) + 1))
        return buckets

    def _remove(self, element: str, name: str | None, labels: dict[str, str]) -> None:
        wanted = labels.items()
        series: dict[Key, Any]
        for series in (self.counters[element], self.gauges[element], self.histograms[element]):
            for key in [
                key for key in series if key[0] == (name or key[0]) and wanted <= dict(key[1]).items()
            ]:
                del series[key]


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _identifies(key: Key) -> bool:
    return any(label in IDENTITY for label, _ in key[1])
