"""What CloudWatch would say of the load balancers, under the names that YACE gives its metrics.

How this works. CloudWatch has statistics of periods. A value here is that of the last 60 seconds: what a counter grew
by, the average and the 99th percentile of a histogram's growth, the least or the most of a gauge. As in CloudWatch,
what did not happen in the period is absent rather than zero. (Names as YACE makes them: an underscore before an
upper-case letter that follows a lower-case letter or a digit, hence `5_xx` and `un_healthy`.)
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orchestrator.metrics.ledger import Buckets, Labels
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names.model import gauge

PERIOD_S = 60.0
PREFIX = "aws_applicationelb_"

REQUESTS = "journey_alb_requests_total"
RESPONSES = "journey_alb_target_response_duration_seconds"
TARGETS = "journey_alb_targets"


class Sum(NamedTuple):
    """A counter's growth; its series must carry one of these values of each label."""

    name: str
    what: str
    of: str
    where: Mapping[str, tuple[str, ...]] = {}
    by_target_group: bool = False


SUMS: tuple[Sum, ...] = (
    Sum("request_count_sum", "RequestCount", REQUESTS, {}, True),
    *(
        Sum(f"httpcode_elb_{digit}_xx_count_sum", f"HTTPCode_ELB_{digit}XX_Count", REQUESTS,
            {"source": ("elb", "fixed_response", "redirect"), "code_class": (f"{digit}xx",)})
        for digit in (3, 4, 5)
    ),
    *(
        Sum(f"httpcode_elb_{status}_count_sum", f"HTTPCode_ELB_{status}_Count", "journey_alb_errors_total",
            {"status": (str(status),)})
        for status in (500, 502, 503, 504)
    ),
    *(
        Sum(f"httpcode_target_{digit}_xx_count_sum", f"HTTPCode_Target_{digit}XX_Count", REQUESTS,
            {"source": ("target",), "code_class": (f"{digit}xx",)}, True)
        for digit in (2, 3, 4, 5)
    ),
    Sum("new_connection_count_sum", "NewConnectionCount", "journey_alb_new_connections_total"),
    Sum("rejected_connection_count_sum", "RejectedConnectionCount", "journey_alb_rejected_connections_total"),
    Sum("target_connection_error_count_sum", "TargetConnectionErrorCount",
        "journey_alb_target_connection_errors_total"),
    Sum("processed_bytes_sum", "ProcessedBytes", "journey_alb_processed_bytes_total"),
    Sum("rule_evaluations_sum", "RuleEvaluations", "journey_alb_rule_evaluations_total"),
    Sum("client_tlsnegotiation_error_count_sum", "ClientTLSNegotiationErrorCount",
        "journey_alb_client_tls_negotiation_errors_total"),
    Sum("target_tlsnegotiation_error_count_sum", "TargetTLSNegotiationErrorCount",
        "journey_alb_target_tls_negotiation_errors_total"),
    Sum("unhealthy_routing_request_count_sum", "UnhealthyRoutingRequestCount",
        "journey_alb_unhealthy_routing_requests_total", {}, True),
)  # fmt: skip

LCU = {"new_connections": 25.0, "active_connections": 3000.0, "bytes": 1e9 / 3600, "rule_evaluations": 1000.0}
"""What one load balancer capacity unit holds, each second (bytes: 1 GB an hour); the dearest dimension counts."""


class _Moment(NamedTuple):
    at_s: float
    values: dict[str, dict[Labels, float]]
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
        responses = families.get(RESPONSES)
        buckets = dict(responses.buckets) if responses else {}
        copies = {key: Buckets(each.bounds, list(each.counts), each.sum) for key, each in buckets.items()}
        self._moments.append(_Moment(now_s, values, copies))
        while len(self._moments) > 2 and self._moments[1].at_s <= now_s - PERIOD_S:
            self._moments.popleft()

    def statistics(self) -> Iterator[Family]:
        """The page's families, those that have something to say."""
        if not self._moments:
            return
        yield from filter(None, map(self._sum, SUMS))
        yield from self._per_target()
        yield from self._response_times()
        yield from self._hosts()
        yield from self._units()

    # ---- counters ------------------------------------------------------------------------------------------------

    def _growth(self, name: str) -> dict[Labels, float]:
        first, last = self._moments[0].values.get(name, {}), self._moments[-1].values.get(name, {})
        if len(self._moments) == 1:
            first = {}  # the world is younger than the period
        return {labels: value - first.get(labels, 0.0) for labels, value in last.items()}

    def _sum(self, wish: Sum) -> Family | None:
        sums: dict[Labels, float] = {}
        for labels, growth in self._growth(wish.of).items():
            known = dict(labels)
            if growth > 0 and all(known.get(key) in values for key, values in wish.where.items()):
                key = _group(known) if wish.by_target_group else ()
                sums[key] = sums.get(key, 0.0) + growth
        return _told(wish.name, f"{wish.what}, Sum", sums)

    def _per_target(self) -> Iterator[Family]:
        sums: dict[Labels, list[float]] = {}
        for labels, growth in self._growth("journey_alb_target_requests_total").items():
            sums.setdefault(_group(dict(labels)), []).append(growth)
        means = {key: sum(each) / len(each) for key, each in sums.items() if sum(each) > 0}
        yield from _some(_told("request_count_per_target_sum", "RequestCountPerTarget, Sum", means))

    def _units(self) -> Iterator[Family]:
        seconds = max(self._moments[-1].at_s - self._moments[0].at_s, 1.0)
        active = sum(self._moments[-1].values.get("journey_alb_connections", {}).values())
        per_s = {
            "new_connections": sum(self._growth("journey_alb_new_connections_total").values()) / seconds,
            "active_connections": active,
            "bytes": sum(self._growth("journey_alb_processed_bytes_total").values()) / seconds,
            "rule_evaluations": sum(self._growth("journey_alb_rule_evaluations_total").values()) / seconds,
        }
        if active:
            yield from _some(_told("active_connection_count_sum", "ActiveConnectionCount, Sum", {(): active}))
        units = max(per_s[dimension] / LCU[dimension] for dimension in LCU)
        if units > 0:
            yield from _some(_told("consumed_lcus_average", "ConsumedLCUs, Average", {(): units}))

    # ---- histograms and gauges -----------------------------------------------------------------------------------

    def _response_times(self) -> Iterator[Family]:
        first = self._moments[0].buckets if len(self._moments) > 1 else {}
        means: dict[Labels, float] = {}
        slow: dict[Labels, float] = {}
        for labels, now in self._moments[-1].buckets.items():
            before = first.get(labels) or Buckets(now.bounds, [0] * len(now.counts))
            counts = [one - other for one, other in zip(now.counts, before.counts, strict=True)]
            if (times := sum(counts)) > 0:
                key = _group(dict(labels))
                means[key] = (now.sum - before.sum) / times
                slow[key] = quantile(0.99, now.bounds, counts)
        yield from _some(_told("target_response_time_average", "TargetResponseTime, Average", means))
        yield from _some(_told("target_response_time_p99", "TargetResponseTime, p99", slow))

    def _hosts(self) -> Iterator[Family]:
        healthy: dict[Labels, float] = {}
        unhealthy: dict[Labels, float] = {}
        for moment in self._moments:
            for labels, value in moment.values.get(TARGETS, {}).items():
                known = dict(labels)
                key = _group(known)
                if known.get("state") == "healthy":
                    healthy[key] = min(healthy.get(key, value), value)
                elif known.get("state") == "unhealthy":
                    unhealthy[key] = max(unhealthy.get(key, value), value)
        yield from _some(_told("healthy_host_count_minimum", "HealthyHostCount, Minimum", healthy))
        yield from _some(_told("un_healthy_host_count_maximum", "UnHealthyHostCount, Maximum", unhealthy))
        yield from _some(_told("un_healthy_host_count_sum", "UnHealthyHostCount, Sum", unhealthy))


def quantile(share: float, bounds: tuple[float, ...], counts: list[int]) -> float:
    """As Prometheus' `histogram_quantile`: even within a bucket, and never above the highest bound."""
    rank, below, low = share * sum(counts), 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return low + (bound - low) * (rank - below) / count
        below, low = below + count, bound
    return bounds[-1]


def _group(labels: Mapping[str, str]) -> Labels:
    return (("dimension_TargetGroup", labels.get("target_group", "")),)


def _told(name: str, what: str, values: dict[Labels, float]) -> Family | None:
    return (
        Family(gauge(PREFIX + name, f"CloudWatch AWS/ApplicationELB {what}, of 60 s."), values)
        if values
        else None
    )


def _some(family: Family | None) -> Iterator[Family]:
    if family is not None:
        yield family
