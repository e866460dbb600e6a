"""HdrHistograms, as loads tell them: what one second added, the percentiles of a curve, and the two file formats."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

from hdrh.histogram import HdrHistogram

from actors.parts.latencies import Ranks, new_histogram, span

US_PER_MS = 1000.0
NINES = (
    *(0, 10, 20, 25, 30, 40, 50, 55, 60, 65, 70, 75, 80, 82, 84, 86, 88),
    *(90, 91, 92, 93, 94, 95, 96, 97, 97.5, 98, 98.5, 99, 99.2, 99.4, 99.5, 99.6, 99.8),
    *(99.9, 99.92, 99.95, 99.98, 99.99, 99.995, 99.999, 100),
)
"""Where a curve is drawn: closer together towards each further nine."""


def decoded(encoded: str) -> Any:
    """The histogram (microseconds); an empty one for nothing."""
    return HdrHistogram.decode(encoded) if encoded else new_histogram()


def added_since(now: str, before: str) -> Any:
    """What came to a histogram that only grows. A client that was killed takes what it had not told with it: never
    less than nothing."""
    later, earlier = decoded(now), decoded(before)
    result = new_histogram()
    first, behind = span(later)
    counts = zip(later.counts[first:behind], earlier.counts[first:behind], strict=True)
    for index, (new, old) in enumerate(counts, first):
        if new > old:
            result.record_value(max(later.get_value_from_index(index), 1), new - old)
    return result


def curve(encoded: str) -> list[tuple[float, float]]:
    """Percentile and milliseconds, as far into the nines as there are requests to tell of."""
    ranks = Ranks(decoded(encoded))
    return [
        (percentile, ranks.ms(percentile))
        for percentile in NINES
        if ranks.total and (percentile == 100 or (100 - percentile) / 100 * ranks.total >= 0.5)
    ]


def hgrm(encoded: str) -> str:
    """The percentile distribution as HdrHistogram's plotters read it (`.hgrm`), values in milliseconds."""
    out = io.BytesIO()
    decoded(encoded).output_percentile_distribution(out, US_PER_MS)
    return out.getvalue().decode()


def hlog(tagged: Iterable[tuple[str, list[tuple[float, str]]]], began_s: float) -> Iterator[str]:
    """The lines of a histogram log (`.hlog`, version 1.3): an interval histogram (microseconds) for each second.

    `tagged` are variants, with the end of each second and its histogram; the times are seconds after `began_s`.
    """
    yield "#[Histogram log format version 1.3]\n"
    yield f"#[StartTime: {began_s:.3f} (seconds since epoch)]\n"
    yield f"#[BaseTime: {began_s:.3f} (seconds since epoch)]\n"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    for tag, seconds in tagged:
        since = 0.0
        for until, encoded in seconds:
            ranks = Ranks(decoded(encoded))
            most_ms = ranks.ms(100) if ranks.total else 0.0
            label = f"Tag={tag}," if tag else ""
            yield f"{label}{since:.3f},{until - since:.3f},{most_ms:.3f},{encoded}\n"
            since = until
