"""Latencies of many requests, as a histogram: told as percentiles, and encoded so that several can be added up."""

from bisect import bisect_left
from itertools import accumulate

from hdrh.histogram import HdrHistogram

LONGEST_US = 60_000_000
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


def new_histogram(digits: int = 3) -> HdrHistogram:
    """For latencies in microseconds, at most `LONGEST_US`; two digits take a tenth of the memory of three."""
    return HdrHistogram(1, LONGEST_US, digits)


def span(histogram: HdrHistogram) -> tuple[int, int]:
    """Where among its counts those are that may not be 0: the first, and one behind the last. Few of the twenty
    thousand are, so that whoever walks over them all walks in vain."""
    if not histogram.total_count:
        return 0, 0
    first = histogram.get_counts_array_index(histogram.min_value)
    return first, histogram.get_counts_array_index(histogram.max_value) + 1


class Ranks:
    """A histogram's percentiles as HdrHistogram tells them, in one pass over its counts: its own way walks over them
    for each percentile anew, which takes milliseconds."""

    def __init__(self, histogram: HdrHistogram) -> None:
        self._histogram = histogram
        self._first, behind = span(histogram)
        # a slice is three times as quick as an iteration
        self._up_to = list(accumulate(histogram.counts[self._first : behind]))
        self.total = self._up_to[-1] if self._up_to else 0

    def ms(self, percentile: float) -> float:
        """What so many of a hundred did not exceed. There must be at least one."""
        rank = max(int(self.total * percentile / 100 + 0.5), 1)
        value = self._histogram.get_value_from_index(self._first + bisect_left(self._up_to, rank))
        return float(self._histogram.get_highest_equivalent_value(value)) / 1000


def percentiles_ms(histogram: HdrHistogram) -> dict[str, float]:
    """Those of `PERCENTILES`; none of an empty histogram."""
    ranks = Ranks(histogram)
    return {name: ranks.ms(percent) for name, percent in PERCENTILES.items()} if ranks.total else {}


class Lately:
    """Latencies since somebody asked last, each within half a hundredth; counted only while somebody goes on asking."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] | None = None

    def add(self, latency_ns: int) -> None:
        """One more."""
        if (counts := self._counts) is not None:
            value = rounded(latency_ns)
            counts[value] = counts.get(value, 0) + 1

    def take(self, more: bool) -> list[tuple[int, int]]:
        """What there was, as `(ns, how often)`, rising; nothing at first. `more`: whether it will be asked again."""
        counts, self._counts = self._counts, {} if more else None
        return sorted(counts.items()) if counts else []


def rounded(ns: int) -> int:
    """The middle of the step that a time lies in: there are 128 of one width between a power of two and the next."""
    shift = ns.bit_length() - 8
    return ns if shift < 1 else ((ns >> shift) * 2 + 1) << (shift - 1)
