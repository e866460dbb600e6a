"""Makes one set of series of what all elements have reported: sums, and labels that elements do not know themselves."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.metrics.ledger import Buckets, Key, Labels, Ledger
from orchestrator.metrics.names import METRICS
from orchestrator.metrics.names.model import Metric


@dataclass(frozen=True)
class Who:
    """An element, as labels tell of it."""

    element: str = ""
    kind: str = ""
    tier: str = ""
    launched: bool = False
    node: str = ""
    """The node that a CNI agent is of."""
    scenario: str = ""
    """What the world was started for, or empty."""

    def label(self, name: str) -> str:
        """`element`, `node`, `kind`, `tier`, `scenario`; `process` and `client` are the element, and of launched ones
        their kind: they may be hundreds."""
        match name:
            case "element" | "process" | "client":
                return self.kind if self.launched else self.element
            case "node":
                return self.node or self.element
            case "kind":
                return self.kind
            case "scenario":
                return self.scenario
            case _:
                return self.tier

    def heir(self) -> "Who":
        """In whose name numbers live on when a launched element is gone: all of its kind that have gone."""
        return replace(self, element=f"{self.kind} (gone)")


@dataclass
class Family:
    """All series of one metric."""

    metric: Metric
    values: dict[Labels, float] = field(default_factory=dict)
    buckets: dict[Labels, Buckets] = field(default_factory=dict)


def families(
    ledger: Ledger,
    known: dict[str, Who],
    only: Callable[[str], bool] = lambda name: True,
    *,
    apart: bool = False,
) -> dict[str, Family]:
    """Every metric that somebody has reported (of those that are wanted), by name. If `apart`, no two elements share a
    series: whose it is says the label `element`."""
    found: dict[str, Family] = {}
    for element in ledger.elements():
        who = known.get(element, Who(element))
        own = (("element", element),) if apart else ()
        for (name, labels), value in _numbers(ledger, element):
            if not only(name):
                continue
            family = _family(found, name, labels, "counter" if name.endswith("_total") else "gauge")
            _merge(family, _labels(family.metric, labels, who) + own, value)
        for (name, labels), buckets in ledger.histograms.get(element, {}).items():
            if not only(name):
                continue
            family = _family(found, name, labels, "histogram")
            _merge_buckets(family, _labels(family.metric, labels, who) + own, buckets)
    return found


def _numbers(ledger: Ledger, element: str) -> Iterator[tuple[Key, float]]:
    yield from ledger.counters.get(element, {}).items()
    yield from ledger.gauges.get(element, {}).items()


def _family(found: dict[str, Family], name: str, labels: Labels, kind: Any) -> Family:
    family = found.get(name)
    if family is None:
        metric = METRICS.get(name)
        if metric is None:  # of an element that somebody has added
            metric = Metric(
                name, kind, "A metric of an element of this world.", tuple(key for key, _ in labels)
            )
        family = found[name] = Family(metric)
    return family


def _labels(metric: Metric, labels: Labels, who: Who) -> Labels:
    if not metric.added:
        return labels
    return (*labels, *((name, who.label(name)) for name in metric.added))


def _merge(family: Family, labels: Labels, value: float) -> None:
    before = family.values.get(labels)
    if before is None:
        family.values[labels] = value
    elif family.metric.merge == "sum":
        family.values[labels] = before + value
    else:
        family.values[labels] = (max if family.metric.merge == "max" else min)(before, value)


def _merge_buckets(family: Family, labels: Labels, buckets: Buckets) -> None:
    before = family.buckets.get(labels)
    if before is None:
        before = family.buckets[labels] = Buckets(buckets.bounds, [0] * len(buckets.counts))
    if before.bounds == buckets.bounds:
        before.add(buckets.counts, buckets.sum)
        before.exemplars.update(buckets.exemplars)


def total(values: Iterable[tuple[Labels, float]], **labels: str) -> float:
    """The sum of the series that carry these labels."""
    wanted = labels.items()
    return sum(value for series, value in values if wanted <= dict(series).items())
