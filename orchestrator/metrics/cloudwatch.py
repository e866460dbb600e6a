"""What CloudWatch would say of the load balancers.

CloudWatch has statistics of periods. A value here is that of the last 60 seconds: what a counter grew by, the average
and the 99th percentile of a histogram's growth, the least or the most of a gauge. As in CloudWatch, what did not happen
in the period is absent rather than zero. What there is says `names/cloudwatch.py`. AvailabilityZone is the zone of the
node that tells: of a request the node that took it, of hosts the node that checks them.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from orchestrator.metrics.ledger import Buckets, Labels, Ledger
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names import METRICS
from orchestrator.metrics.names import cloudwatch as names
from orchestrator.metrics.names.cloudwatch import Dimensions, Statistic
from orchestrator.metrics.names.model import gauge

PERIOD_S = 60.0

LCU = {"new_connections": 25.0, "active_connections": 3000.0, "bytes": 1e9 / 3600, "rule_evaluations": 1000.0}
"""What one load balancer capacity unit holds, each second (bytes: 1 GB an hour); the dearest dimension counts."""

FREE_EVALUATIONS = 10
"""Rules that each request may be held against for nothing."""

NODE_INFO = "journey_alb_node_info"

Values = dict[Labels, float]
Told = tuple[Statistic, Values]
Places = Mapping[str, Mapping[str, str]]
"""Of each node the dimensions that follow from where it is: LoadBalancer and AvailabilityZone."""


class _Moment(NamedTuple):
    """How gauges and histograms stood, and by how much counters have grown since the moment before.

    Growth is told without the label `target`, which hundreds of series may have; `targets` are those that were there.
    """

    at_s: float
    gauges: dict[str, Values]
    buckets: dict[Labels, Buckets]
    grown: dict[str, Values]
    targets: dict[Labels, set[str]]


def wanted(name: str) -> bool:
    """Whether statistics are made of this metric."""
    return name in names.NAMES


def places(ledger: Ledger) -> Iterator[tuple[str, dict[str, str]]]:
    """Which load balancer a node serves, and in which zone it is, as nodes have told."""
    for element, gauges in ledger.gauges.items():
        for (name, labels), value in gauges.items():
            if name == NODE_INFO and value:
                told = dict(labels)
                zone, balancer = told["availability_zone"], told["load_balancer"]
                yield element, {names.ZONE: zone, names.LOAD_BALANCER: balancer}


class Period:
    """The last 60 seconds of the load balancers' metrics."""

    def __init__(self) -> None:
        self._moments: deque[_Moment] = deque()
        self._places: dict[str, Mapping[str, str]] = {}
        self._counted: dict[str, Values] = {}

    def note(self, now_s: float, families: Mapping[str, Family], found: Places) -> None:
        """Remember how the metrics stand; to be called every few seconds. Series have the label `element`.

        A node that is away for a while is where it was: what it has counted is there yet."""
        self._places.update(found)
        values = {name: dict(family.values) for name, family in families.items() if family.values}
        counted = {name: values.pop(name) for name in list(values) if METRICS[name].kind == "counter"}
        moment = _Moment(now_s, values, _copies(families.get(names.RESPONSES)), {}, {})
        if self._moments:
            for name, now in counted.items():
                moment.grown[name] = _growth(self._counted.get(name, {}), now, moment.targets)
        self._counted = counted
        self._moments.append(moment)
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

    def _keys(self, by: Dimensions, labels: Labels) -> Iterator[Labels]:
        """The series of CloudWatch that one of ours is part of."""
        known = dict(labels)
        place = self._places.get(known.get("element", ""))
        if place is None:
            return
        values = {names.GROUP: known.get("target_group", ""), **place}
        for dimensions in by:
            yield tuple((f"dimension_{each}", values[each]) for each in dimensions)

    # ---- counters ------------------------------------------------------------------------------------------------

    def _growth(self, name: str) -> Values:
        """Within the period: series that end in it have grown until then."""
        grown: Values = {}
        for moment in islice(self._moments, 1, None):
            for labels, growth in moment.grown.get(name, {}).items():
                grown[labels] = grown.get(labels, 0.0) + growth
        return grown

    def _sum(self, wish: Statistic) -> Values:
        sums: Values = {}
        for labels, growth in self._growth(wish.of).items():
            if growth > 0 and _is_of(wish, labels):
                for key in self._keys(wish.by, labels):
                    sums[key] = sums.get(key, 0.0) + growth
        return sums

    def _per_target(self) -> Values:
        sums: Values = {}
        targets: dict[Labels, set[str]] = {}
        for labels, growth in self._growth(names.TARGET_REQUESTS).items():
            for key in self._keys(names.PER_TARGET.by, labels):
                sums[key] = sums.get(key, 0.0) + growth
                for moment in islice(self._moments, 1, None):
                    targets.setdefault(key, set()).update(moment.targets.get(labels, ()))
        return {key: growth / len(targets[key]) for key, growth in sums.items() if growth > 0}

    def _units(self) -> Iterator[Told]:
        seconds = max(self._moments[-1].at_s - self._moments[0].at_s, 1.0)
        active = self._by_balancer(self._moments[-1].gauges.get(names.CONNECTIONS, {}))

        def per_s(name: str) -> Callable[[Labels], float]:
            grown = self._by_balancer(self._growth(name))
            return lambda key: grown.get(key, 0.0) / seconds

        evaluations, requests = per_s("journey_alb_rule_evaluations_total"), per_s(names.REQUESTS)
        connections, sent = (
            per_s("journey_alb_new_connections_total"),
            per_s("journey_alb_processed_bytes_total"),
        )
        units: Values = {}
        for key in sorted(set(self._balancers())):
            used = {
                "new_connections": connections(key),
                "active_connections": active.get(key, 0.0),
                "bytes": sent(key),
                "rule_evaluations": max(evaluations(key) - FREE_EVALUATIONS * requests(key), 0.0),
            }
            units[key] = max(used[dimension] / LCU[dimension] for dimension in LCU)
        yield names.ACTIVE, {key: count for key, count in active.items() if count}
        yield names.UNITS, {key: count for key, count in units.items() if count}

    def _balancers(self) -> Iterator[Labels]:
        for element in self._places:
            yield from self._keys(names.BALANCER, (("element", element),))

    def _by_balancer(self, values: Values) -> Values:
        sums: Values = {}
        for labels, value in values.items():
            for key in self._keys(names.BALANCER, labels):
                sums[key] = sums.get(key, 0.0) + value
        return sums

    # ---- histograms and gauges -----------------------------------------------------------------------------------

    def _response_times(self) -> Iterator[Told]:
        first, last = self._moments[0].buckets, self._moments[-1].buckets
        grown: dict[Labels, Buckets] = {}
        for labels, now in last.items():
            before = first.get(labels) or Buckets(now.bounds, [0] * len(now.counts))
            counts = [one - other for one, other in zip(now.counts, before.counts, strict=True)]
            for key in self._keys(names.MEAN_TIME.by, labels):
                empty = Buckets(now.bounds, [0] * len(counts))
                grown.setdefault(key, empty).add(counts, now.sum - before.sum)
        busy = {key: each for key, each in grown.items() if sum(each.counts) > 0}
        yield names.MEAN_TIME, {key: each.sum / sum(each.counts) for key, each in busy.items()}
        yield names.SLOW_TIME, {key: quantile(0.99, each.bounds, each.counts) for key, each in busy.items()}

    def _level(self, wish: Statistic) -> Values:
        extreme = min if wish.how == "Minimum" else max
        found: Values = {}
        for moment in self._moments:
            for key, value in self._merged(wish, moment).items():
                found[key] = extreme(found.get(key, value), value)
        return found

    def _merged(self, wish: Statistic, moment: _Moment) -> Values:
        """What the nodes together make of a gauge: each of them tells of the same targets."""
        merge = {"min": min, "max": max}[METRICS[wish.of].merge]
        merged: Values = {}
        for labels, value in moment.gauges.get(wish.of, {}).items():
            if _is_of(wish, labels):
                for key in self._keys(wish.by, labels):
                    merged[key] = merge(merged.get(key, value), value)
        return merged


def quantile(share: float, bounds: tuple[float, ...], counts: list[int]) -> float:
    """As Prometheus' `histogram_quantile`: even within a bucket, and never above the highest bound."""
    rank, below, low = share * sum(counts), 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return low + (bound - low) * (rank - below) / count
        below, low = below + count, bound
    return bounds[-1]


def _copies(family: Family | None) -> dict[Labels, Buckets]:
    found = family.buckets.items() if family else ()
    return {key: Buckets(each.bounds, list(each.counts), each.sum) for key, each in found}


def _growth(before: Values, now: Values, targets: dict[Labels, set[str]]) -> Values:
    grown: Values = {}
    for labels, value in now.items():
        rest = labels
        if (target := dict(labels).get("target")) is not None:
            rest = tuple(each for each in labels if each[0] != "target")
            targets.setdefault(rest, set()).add(target)
        grown[rest] = grown.get(rest, 0.0) + max(value - before.get(labels, 0.0), 0.0)
    return grown


def _is_of(wish: Statistic, labels: Labels) -> bool:
    known = dict(labels)
    return all(known.get(label) in values for label, values in wish.where.items())


def _family(wish: Statistic, values: Values) -> Family:
    return Family(
        gauge(wish.name, f"CloudWatch AWS/ApplicationELB {wish.what}, {wish.how}, of 60 s."), values
    )
