"""What is known of a metric by its name: how it is told to Prometheus, and to readers of `docs/metrics.md`."""

from dataclasses import dataclass
from typing import Literal

from actors.bounds import DURATIONS_S

Kind = Literal["counter", "gauge", "histogram", "summary", "info"]
Merge = Literal["sum", "max", "min"]
Page = Literal["world", "aws"]


@dataclass(frozen=True)
class Metric:
    """One metric. Labels that are `added` are not the element's: the exporter knows them, and the element does not."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Of `element`, `client`, `kind`, `node`, `tier`, `process` and `scenario`; see `metrics/merging.py`."""
    merge: Merge = "sum"
    """What several elements make of one series of a gauge: two ALB nodes have an opinion of one target each."""
    page: Page = "world"
    section: str = ""
    buckets: tuple[float, ...] = DURATIONS_S
    """Of a histogram: its upper bounds."""

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Those that Prometheus sees, but for a histogram's `le`."""
        return self.labels + self.added

    @property
    def unit(self) -> str:
        """The base unit that the name ends in, if it does."""
        stem = self.name.removesuffix("_total")
        if stem.endswith("_bytes_per_second"):
            return "bytes per second"
        return next((unit for unit in ("seconds", "bytes", "ratio") if stem.endswith(f"_{unit}")), "")


def counter(name: str, text: str, *labels: str, added: tuple[str, ...] = (), page: Page = "world") -> Metric:
    return Metric(name, "counter", text, labels, added, page=page)


def gauge(
    name: str,
    text: str,
    *labels: str,
    added: tuple[str, ...] = (),
    merge: Merge = "sum",
    page: Page = "world",
) -> Metric:
    return Metric(name, "gauge", text, labels, added, merge, page)


def histogram(
    name: str,
    text: str,
    *labels: str,
    added: tuple[str, ...] = (),
    page: Page = "world",
    buckets: tuple[float, ...] = DURATIONS_S,
) -> Metric:
    return Metric(name, "histogram", text, labels, added, page=page, buckets=buckets)


def summary(name: str, text: str, *labels: str, added: tuple[str, ...] = (), page: Page = "world") -> Metric:
    """A sum and a count, without quantiles; elements tell it as a histogram that has no bounds."""
    return Metric(name, "summary", text, labels, added, page=page, buckets=())


def info(name: str, text: str, *labels: str, added: tuple[str, ...] = ()) -> Metric:
    return Metric(name, "info", text, labels, added, merge="max")
