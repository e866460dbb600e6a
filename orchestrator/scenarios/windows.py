"""A part of a run, as if it had been the whole: what thresholds with `after` or `during` are about.

It is made of the run's seconds: what was answered (or had failed) in them counts, whenever it was due.
"""

from collections import Counter
from typing import Any

from actors.parts.latencies import new_histogram, percentiles_ms
from actors.units import SECOND
from orchestrator.reports.histograms import decoded
from orchestrator.reports.series import Seconds
from orchestrator.scenarios.models import Threshold
from orchestrator.scenarios.thresholds import NoValue

WINDOWED = ("latency", "service_latency", "requests", "errors", "responses", "dropped", "share")
"""Metrics that are known second by second."""

HTTP = "http_"
"""How kinds of errors begin that are answers all the same."""


def window_of(
    threshold: Threshold, events: list[dict[str, Any]], ends_s: float
) -> tuple[float, float] | None:
    """From when to when a threshold is about, in seconds; None: the whole run. Raises `NoValue`."""
    if not threshold.after and threshold.during is None:
        return None
    since_s, until_s = threshold.after / SECOND, ends_s
    if threshold.during is not None:
        event = next((each for each in events if each.get("name") == threshold.during), None)
        if event is None:
            raise NoValue(f"{threshold.during} did not happen")
        since_s, until_s = max(since_s, event["at_s"]), event.get("until_s", ends_s)
    if since_s >= until_s:
        raise NoValue("that part of the run is empty")
    return since_s, until_s


def figures_within(
    seconds: Seconds, figures: dict[str, Any], since_s: float, until_s: float
) -> dict[str, Any]:
    """The figures of the seconds that lie in a window, or reach into it."""
    latency, service = new_histogram(), new_histogram()
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("errors", "dropped", "per_pod", "statuses")
    }
    completed = 0
    elapsed_s = before_s = 0.0
    for row, (_, hdr), service_hdr in zip(
        seconds.rows, seconds.histograms, seconds.service_histograms, strict=True
    ):
        began_s, before_s = before_s, row["t_s"]
        if row["t_s"] <= since_s or began_s >= until_s:
            continue
        elapsed_s += row["t_s"] - began_s
        completed += row["completed"]
        for name, count in counts.items():
            count.update(row[name])
        latency.add(decoded(hdr))
        service.add(decoded(service_hdr))
    total = sum(counts["per_pod"].values())
    pods = [
        {
            **pod,
            "requests": counts["per_pod"][pod["pod"]],
            "share": counts["per_pod"][pod["pod"]] / total if total else 0.0,
            "latency_ms": {},
        }
        for pod in figures["pods"]
    ]
    unanswered = sum(n for kind, n in counts["errors"].items() if not kind.startswith(HTTP))
    load = {
        # Rates are shares of what ended here: a request that failed here may have been due before.
        "offered": completed + unanswered + sum(counts["dropped"].values()),
        "requests": completed,
        "elapsed_s": elapsed_s,
        **{name: dict(count) for name, count in counts.items()},
        "latency_ms": percentiles_ms(latency),
        "service_ms": percentiles_ms(service),
        "hdr": latency.encode().decode(),
    }
    return {**figures, "load": load, "pods": pods}
