"""What several clients have counted, as one: counts are added up, and histograms, of which percentiles are told then.

A percentile of the whole is never made of percentiles of parts. HdrHistograms have equal bounds, so their sum is the
histogram of all that was measured, to the last count.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from actors.parts.latencies import new_histogram, percentiles_ms

Status = dict[str, Any]

SUMS = ("requests", "offered", "retries")
COUNTS = ("statuses", "errors", "per_pod", "connections", "dropped")
HISTOGRAMS = {"hdr": "latency_ms", "service_hdr": "service_ms", "lag_hdr": "dispatch_lag_ms"}
"""What is told of each."""


def add_up(statuses: Sequence[Status]) -> Status:
    """What is counted in any of them, added up: sums, counts by name, histograms and their percentiles."""
    whole: Status = {
        name: sum(status.get(name, 0) for status in statuses) for name in SUMS if _told(statuses, name)
    }
    for name in COUNTS:
        if _told(statuses, name):
            whole[name] = _counted(status.get(name, {}) for status in statuses)
    for name, told in HISTOGRAMS.items():
        if _told(statuses, name):
            histogram = added(status.get(name, "") for status in statuses)
            whole |= {told: percentiles_ms(histogram), name: histogram.encode().decode()}
    if _told(statuses, "per_pod_hdr"):
        whole["per_pod_ms"] = _each(status.get("per_pod_hdr", {}) for status in statuses)
    if _told(statuses, "per_request"):
        whole["per_request"] = _per_request([status.get("per_request", {}) for status in statuses])
    return whole


def added(encoded: Iterable[str], digits: int = 3) -> Any:
    """Histograms as one; of nothing an empty one."""
    histogram = new_histogram(digits)
    for each in encoded:
        if each:
            histogram.decode_and_add(each)
    return histogram


def _told(statuses: Iterable[Status], name: str) -> bool:
    return any(name in status for status in statuses)


def _counted(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    whole: Counter[str] = Counter()
    for each in counts:
        whole.update(each)
    return dict(sorted(whole.items()))


def _each(encoded: Iterable[dict[str, str]]) -> dict[str, dict[str, float]]:
    """Percentiles by name, of histograms by name."""
    by_name: dict[str, list[str]] = {}
    for histograms in encoded:
        for name, histogram in histograms.items():
            by_name.setdefault(name, []).append(histogram)
    return {name: percentiles_ms(added(by_name[name], digits=2)) for name in sorted(by_name)}


def _per_request(parts: list[dict[str, Any]]) -> dict[str, Any]:
    names = sorted({name for part in parts for name in part})
    latencies = _each({name: found.get("hdr", "") for name, found in part.items()} for part in parts)
    return {
        name: {
            "requests": sum(part[name]["requests"] for part in parts if name in part),
            "failed": sum(part[name]["failed"] for part in parts if name in part),
            "latency_ms": latencies[name],
        }
        for name in names
    }
