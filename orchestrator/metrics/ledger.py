"""Adds up the metric deltas that elements report; numbers outlive the restarts of those who counted."""

from collections import defaultdict
from typing import Any

Key = tuple[str, tuple[tuple[str, str], ...]]


class Ledger:
    """Counters and gauges of every element, by name and labels."""

    def __init__(self) -> None:
        self.counters: dict[str, dict[Key, float]] = defaultdict(lambda: defaultdict(float))
        self.gauges: dict[str, dict[Key, float]] = defaultdict(dict)

    def add(self, element: str, deltas: dict[str, Any]) -> None:
        """Take in what an element reported: counters by how much they grew, gauges as they are."""
        for name, labels, growth in deltas["counters"]:
            self.counters[element][name, tuple(sorted(labels.items()))] += growth
        for name, labels, value in deltas["gauges"]:
            self.gauges[element][name, tuple(sorted(labels.items()))] = value

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
