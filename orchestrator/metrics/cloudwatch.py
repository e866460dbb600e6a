"""What CloudWatch would say of the load balancers.

CloudWatch has statistics of periods. A value here is that of the last 60 seconds: what a counter grew by, the average
and the 99th percentile of a histogram's growth, the least or the most of a gauge. As in CloudWatch, what did not happen
in the period is absent rather than zero. What there is says `names/cloudwatch.py`.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from orchestrator.metrics.ledger import Buckets, Labels
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names import cloudwatch as names
from orchestrator.metrics.names.cloudwatch import Statistic
from orchestrator.metrics.names.model import gauge

PERIOD_S = 60.0

LCU = {"new_connections": 25.0, "active_connections": 3000.0, "bytes": 1e9 / 3600, "rule_evaluations": 1000.0}
"""What one load balancer capacity unit holds, each second (bytes: 1 GB an hour); the dearest dimension counts."""

FREE_EVALUATIONS = 10
"""Rules that each request may be held against for nothing."""

Values = dict[Labels, float]
Told = tuple[Statistic, Values]


class _Moment(NamedTuple):
    at_s: float
    values: dict[str, Values]
    buckets: dict[Labels, Buckets]


def wanted(name: str) -> bool:
    """Whether statistics are made of this metric."""
    return name.startswith("journey_alb_")


class Period:
    """The last 60 seconds of the load balancers' metrics."""

    def __init__(self) -> None:
        self._moments: deque[_Moment] = deque()

    def note(self, now_s: float, families: Mapping[str, Family]) -> None:
        """Remember how the metrics stand; to be called every few seconds."""
        values = {name: dict(family.values) for name, family in families.items() if family.values}
        responses = families.get(names.RESPONSES)
        buckets = dict(responses.buckets) if responses else {}
        copies = {key: Buckets(each.bounds, list(each.counts), each.sum) for key, each in buckets.items()}
        self._moments.append(_Moment(now_s, values, copies))
        while len(self._moments) > 2 and self._moments[1].at_s <= now_s - PERIOD_S:
            self._moments.popleft()

    def statistics(self) -> Iterator[Family]:
        """The page's families, those that have something to say."""
        if not self._moments:
            return
        told: list[Told] = [(each, self._sum(each)) for each in names.SUMS]
        told += [(names.PER_TARGET, self._per_target()), *self._response_times()]
        told += [(each, self._level(each)) for each in names.LEVELS]
        told += self._units()
        yield from (_family(each, values) for each, values in told if values)

    # ---- counters ------------------------------------------------------------------------------------------------

    def _growth(self, name: str) -> Values:
        """From moment to moment: series that end within the period have grown until then."""
        grown: Values = {}
        for before, after in pairwise(moment.values.get(name, {}) for moment in self._moments):
            for labels, value in after.items():
                grown[labels] = grown.get(labels, 0.0) + max(value - before.get(labels, 0.0), 0.0)
        return grown

    def _sum(self, wish: Statistic) -> Values:
        sums: Values = {}
        for labels, growth in self._growth(wish.of).items():
            if growth > 0 and _is_of(wish, labels):
                key = _dimensions(wish, labels)
                sums[key] = sums.get(key, 0.0) + growth
        return sums

    def _per_target(self) -> Values:
        sums: dict[Labels, list[float]] = {}
        for labels, growth in self._growth(names.TARGET_REQUESTS).items():
            sums.setdefault(_dimensions(names.PER_TARGET, labels), []).append(growth)
        return {key: sum(each) / len(each) for key, each in sums.items() if sum(each) > 0}

    def _units(self) -> Iterator[Told]:
        seconds = max(self._moments[-1].at_s - self._moments[0].at_s, 1.0)
        active = sum(self._moments[-1].values.get(names.CONNECTIONS, {}).values())

        def per_s(name: str) -> float:
            return sum(self._growth(name).values()) / seconds

        evaluations_per_s = per_s("journey_alb_rule_evaluations_total")
        used = {
            "new_connections": per_s("journey_alb_new_connections_total"),
            "active_connections": active,
            "bytes": per_s("journey_alb_processed_bytes_total"),
            "rule_evaluations": max(evaluations_per_s - FREE_EVALUATIONS * per_s(names.REQUESTS), 0.0),
        }
        units = max(used[dimension] / LCU[dimension] for dimension in LCU)
        yield names.ACTIVE, {(): active} if active else {}
        yield names.UNITS, {(): units} if units else {}

    # ---- histograms and gauges -----------------------------------------------------------------------------------

    def _response_times(self) -> Iterator[Told]:
        first, last = self._moments[0].buckets, self._moments[-1].buckets
        means: Values = {}
        slow: Values = {}
        for labels, now in last.items():
            before = first.get(labels) or Buckets(now.bounds, [0] * len(now.counts))
            counts = [one - other for one, other in zip(now.counts, before.counts, strict=True)]
            if (times := sum(counts)) > 0:
                key = _dimensions(names.MEAN_TIME, labels)
                means[key] = (now.sum - before.sum) / times
                slow[key] = quantile(0.99, now.bounds, counts)
        yield from ((names.MEAN_TIME, means), (names.SLOW_TIME, slow))

    def _level(self, wish: Statistic) -> Values:
        extreme = min if wish.how == "Minimum" else max
        found: Values = {}
        for moment in self._moments:
            for labels, value in moment.values.get(wish.of, {}).items():
                if _is_of(wish, labels):
                    key = _dimensions(wish, labels)
                    found[key] = extreme(found.get(key, value), value)
        return found


def quantile(share: float, bounds: tuple[float, ...], counts: list[int]) -> float:
    """As Prometheus' `histogram_quantile`: even within a bucket, and never above the highest bound."""
    rank, below, low = share * sum(counts), 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return low + (bound - low) * (rank - below) / count
        below, low = below + count, bound
    return bounds[-1]


def _is_of(wish: Statistic, labels: Labels) -> bool:
    known = dict(labels)
    return all(known.get(label) in values for label, values in wish.where.items())


def _dimensions(wish: Statistic, labels: Labels) -> Labels:
    return (("dimension_TargetGroup", dict(labels).get("target_group", "")),) if wish.by_target_group else ()


def _family(wish: Statistic, values: Values) -> Family:
    return Family(
        gauge(wish.name, f"CloudWatch AWS/ApplicationELB {wish.what}, {wish.how}, of 60 s."), values
    )
