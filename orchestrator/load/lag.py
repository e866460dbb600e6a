"""By how much the emulator was late while a load ran, element by element, from what elements report of themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.metrics.ledger import Ledger

FRAMES = "journey_runtime_dispatch_lag_seconds_max"
"""The worst that an element saw of frames in the last second."""
TIMERS = "journey_runtime_loop_lag_seconds"
"""A histogram: of timers it is known to be so late at least."""


class Lags:
    """Since it was made, or cleared."""

    def __init__(self, ledger: Ledger, frames_s: dict[str, float]) -> None:
        self._ledger, self._frames_s = ledger, frames_s
        self._before = self._timers()

    def clear(self) -> None:
        """What was late until now does not count."""
        self._frames_s.clear()
        self._before = self._timers()

    def by_element_ms(self) -> dict[str, float]:
        """The worst of each element."""
        lags_s = dict(self._frames_s)
        for element, counts in self._timers().items():
            before = self._before.get(element, {})
            for least_s, count in counts.items():
                if count > before.get(least_s, 0):
                    lags_s[element] = max(lags_s.get(element, 0.0), least_s)
        return {element: round(lag_s * 1000, 3) for element, lag_s in sorted(lags_s.items())}

    def worst(self) -> dict[str, Any]:
        """`max` in ms, of which `element`, and all `elements`."""
        lags_ms = self.by_element_ms()
        element = max(lags_ms, key=lags_ms.__getitem__, default=None)
        return {"max": 0.0 if element is None else lags_ms[element], "element": element, "elements": lags_ms}

    def _timers(self) -> dict[str, dict[float, int]]:
        """By element and bucket, which is named by its lower bound: how many timers were so late."""
        found: dict[str, dict[float, int]] = {}
        for element, series in self._ledger.histograms.items():
            for (name, _), buckets in series.items():
                if name == TIMERS:
                    found[element] = dict(zip((0.0, *buckets.bounds), buckets.counts, strict=True))
        return found


@contextmanager
def watched(ledger: Ledger) -> Iterator[Lags]:
    """Lags while this lasts."""
    with ledger.peaks(FRAMES) as frames_s:
        yield Lags(ledger, frames_s)
