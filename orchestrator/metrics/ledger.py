"""Adds up the metric deltas that elements report; numbers outlive the restarts of those who counted."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Key = tuple[str, tuple[tuple[str, str], ...]]


class Ledger:
    """Counters and gauges of every element, by name and labels."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[Key, float]] = defaultdict(lambda: defaultdict(float))
        self.gauges: dict[str, dict[Key, float]] = defaultdict(dict)
        self._peaks: list[tuple[str, dict[str, float]]] = []

    def add(self, element: str, deltas: dict[str, Any]) -> None:
        """Take in what an element reported: counters by how much they grew, gauges as they are."""
        for name, labels, growth in deltas["counters"]:
            self.counters[element][name, tuple(sorted(labels.items()))] += growth
        for name, labels, value in deltas["gauges"]:
            self.gauges[element][name, tuple(sorted(labels.items()))] = value
            for watched, peaks in self._peaks:
                if watched == name:
                    peaks[element] = max(peaks.get(element, value), value)

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
