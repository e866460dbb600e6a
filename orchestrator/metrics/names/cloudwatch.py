"""CloudWatch's metrics of load balancers: which statistics there are, and what they are made of.

A name is CloudWatch's as YACE changes it: an underscore between a lower-case letter or digit and an upper-case letter,
all in lower case, the statistic behind it. Hence `5_xx` and `un_healthy`.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

PREFIX = "aws_applicationelb_"

REQUESTS = "journey_alb_requests_total"
TARGET_REQUESTS = "journey_alb_target_requests_total"
RESPONSES = "journey_alb_target_response_duration_seconds"
TARGETS = "journey_alb_targets"
CONNECTIONS = "journey_alb_connections"
ZONES = "journey_alb_zone_healthy"


LOAD_BALANCER, ZONE, GROUP = "LoadBalancer", "AvailabilityZone", "TargetGroup"
Dimensions = tuple[tuple[str, ...], ...]

BALANCER: Dimensions = ((LOAD_BALANCER,),)
ZONAL: Dimensions = (*BALANCER, (ZONE, LOAD_BALANCER))
PER_GROUP: Dimensions = ((GROUP, LOAD_BALANCER),)
GROUPS: Dimensions = (*PER_GROUP, (GROUP, ZONE, LOAD_BALANCER))
ALL: Dimensions = (*ZONAL, *GROUPS)
"""The combinations of dimensions that CloudWatch publishes metrics by (Elastic Load Balancing's user guide,
"CloudWatch metrics for your Application Load Balancer"): a sum over series of several would count twice."""


class Statistic(NamedTuple):
    """One statistic of one metric, made of the series of another that carry one of these values of each label."""

    what: str
    """As CloudWatch calls the metric."""
    how: Literal["Sum", "Average", "Minimum", "Maximum", "p99"]
    of: str
    where: Mapping[str, tuple[str, ...]] = {}
    by: Dimensions = BALANCER
    """By which combinations of dimensions it is told."""
    unit: str = "Count"

    @property
    def name(self) -> str:
        """As Prometheus calls it."""
        return f"{PREFIX}{_as_yace_does(self.what)}_{self.how.lower()}"


def _as_yace_does(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def _sum(
    what: str, of: str, *, by: Dimensions = BALANCER, unit: str = "Count", **where: str | tuple[str, ...]
) -> Statistic:
    values = {label: (value,) if isinstance(value, str) else value for label, value in where.items()}
    return Statistic(what, "Sum", of, values, by, unit)


_OWN = ("elb", "fixed_response", "redirect")

SUMS: tuple[Statistic, ...] = (
    _sum("RequestCount", TARGET_REQUESTS, by=ALL),
    *(
        _sum(f"HTTPCode_ELB_{digit}XX_Count", REQUESTS, by=ZONAL, source=_OWN, code_class=f"{digit}xx")
        for digit in (3, 4, 5)
    ),
    *(
        _sum(f"HTTPCode_ELB_{status}_Count", "journey_alb_errors_total", status=str(status))
        for status in (500, 502, 503, 504)
    ),
    *(
        _sum(f"HTTPCode_Target_{digit}XX_Count", REQUESTS, by=ALL, source="target", code_class=f"{digit}xx")
        for digit in (2, 3, 4, 5)
    ),
    _sum("HTTP_Redirect_Count", REQUESTS, source="redirect"),
    _sum("HTTP_Fixed_Response_Count", REQUESTS, source="fixed_response"),
    _sum("HTTP_Redirect_Url_Limit_Exceeded_Count", "journey_alb_redirect_url_limit_exceeded_total"),
    _sum("NewConnectionCount", "journey_alb_new_connections_total"),
    _sum("RejectedConnectionCount", "journey_alb_rejected_connections_total", by=ZONAL),
    _sum("TargetConnectionErrorCount", "journey_alb_target_connection_errors_total", by=ZONAL),
    _sum("ClientTLSNegotiationErrorCount", "journey_alb_client_tls_negotiation_errors_total", by=ZONAL),
    _sum("TargetTLSNegotiationErrorCount", "journey_alb_target_tls_negotiation_errors_total", by=ZONAL),
    _sum("ProcessedBytes", "journey_alb_processed_bytes_total", unit="Bytes"),
    _sum("RuleEvaluations", "journey_alb_rule_evaluations_total"),
    _sum("NonStickyRequestCount", "journey_alb_non_sticky_requests_total", by=ZONAL),
    _sum(
        "DroppedInvalidHeaderRequestCount",
        "journey_alb_invalid_header_requests_total",
        by=ZONAL,
        header="dropped",
    ),
    _sum(
        "ForwardedInvalidHeaderRequestCount",
        "journey_alb_invalid_header_requests_total",
        by=ZONAL,
        header="forwarded",
    ),
    _sum(
        "DesyncMitigationMode_NonCompliant_Request_Count", "journey_alb_noncompliant_requests_total", by=ZONAL
    ),
    _sum("UnhealthyRoutingRequestCount", "journey_alb_unhealthy_routing_requests_total", by=GROUPS),
)
"""By how much a counter grew."""

LEVELS: tuple[Statistic, ...] = (
    Statistic("HealthyHostCount", "Minimum", TARGETS, {"state": ("healthy",)}, GROUPS),
    Statistic("UnHealthyHostCount", "Maximum", TARGETS, {"state": ("unhealthy",)}, GROUPS),
    Statistic("UnHealthyHostCount", "Sum", TARGETS, {"state": ("unhealthy",)}, GROUPS),
    Statistic("AnomalousHostCount", "Maximum", "journey_alb_anomalous_targets", {}, GROUPS),
    Statistic("MitigatedHostCount", "Maximum", "journey_alb_mitigated_targets", {}, GROUPS),
    Statistic("HealthyStateDNS", "Minimum", ZONES, {"kind": ("dns",)}, GROUPS),
    Statistic("HealthyStateRouting", "Minimum", ZONES, {"kind": ("routing",)}, GROUPS),
)
"""The least or the most that a gauge was."""

PER_TARGET = Statistic("RequestCountPerTarget", "Sum", TARGET_REQUESTS, {}, PER_GROUP)
MEAN_TIME = Statistic("TargetResponseTime", "Average", RESPONSES, {}, ALL, "Seconds")
SLOW_TIME = Statistic("TargetResponseTime", "p99", RESPONSES, {}, ALL, "Seconds")
ACTIVE = Statistic("ActiveConnectionCount", "Sum", CONNECTIONS)
UNITS = Statistic("ConsumedLCUs", "Average", CONNECTIONS)

STATISTICS: tuple[Statistic, ...] = (
    *SUMS, PER_TARGET, MEAN_TIME, SLOW_TIME, ACTIVE, *LEVELS, UNITS,
)  # fmt: skip
"""All that the page `/metrics/aws` has of CloudWatch."""

NAMES = frozenset(each.of for each in STATISTICS) | {REQUESTS}
"""What they are made of."""
