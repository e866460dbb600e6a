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


class Statistic(NamedTuple):
    """One statistic of one metric, made of the series of another that carry one of these values of each label."""

    what: str
    """As CloudWatch calls the metric."""
    how: Literal["Sum", "Average", "Minimum", "Maximum", "p99"]
    of: str
    where: Mapping[str, tuple[str, ...]] = {}
    by_target_group: bool = False
    """Whether `TargetGroup` is one of its dimensions."""
    unit: str = "Count"

    @property
    def name(self) -> str:
        """As Prometheus calls it."""
        return f"{PREFIX}{_as_yace_does(self.what)}_{self.how.lower()}"


def _as_yace_does(name: str) -> str:
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def _sum(
    what: str, of: str, *, group: bool = False, unit: str = "Count", **where: str | tuple[str, ...]
) -> Statistic:
    values = {label: (value,) if isinstance(value, str) else value for label, value in where.items()}
    return Statistic(what, "Sum", of, values, group, unit)


_OWN = ("elb", "fixed_response", "redirect")

SUMS: tuple[Statistic, ...] = (
    _sum("RequestCount", TARGET_REQUESTS, group=True),
    *(
        _sum(f"HTTPCode_ELB_{digit}XX_Count", REQUESTS, source=_OWN, code_class=f"{digit}xx")
        for digit in (3, 4, 5)
    ),
    *(
        _sum(f"HTTPCode_ELB_{status}_Count", "journey_alb_errors_total", status=str(status))
        for status in (500, 502, 503, 504)
    ),
    *(
        _sum(
            f"HTTPCode_Target_{digit}XX_Count", REQUESTS, source="target", code_class=f"{digit}xx", group=True
        )
        for digit in (2, 3, 4, 5)
    ),
    _sum("HTTP_Redirect_Count", REQUESTS, source="redirect"),
    _sum("HTTP_Fixed_Response_Count", REQUESTS, source="fixed_response"),
    _sum("HTTP_Redirect_Url_Limit_Exceeded_Count", "journey_alb_redirect_url_limit_exceeded_total"),
    _sum("NewConnectionCount", "journey_alb_new_connections_total"),
    _sum("RejectedConnectionCount", "journey_alb_rejected_connections_total"),
    _sum("TargetConnectionErrorCount", "journey_alb_target_connection_errors_total"),
    _sum("ClientTLSNegotiationErrorCount", "journey_alb_client_tls_negotiation_errors_total"),
    _sum("TargetTLSNegotiationErrorCount", "journey_alb_target_tls_negotiation_errors_total"),
    _sum("ProcessedBytes", "journey_alb_processed_bytes_total", unit="Bytes"),
    _sum("RuleEvaluations", "journey_alb_rule_evaluations_total"),
    _sum("NonStickyRequestCount", "journey_alb_non_sticky_requests_total"),
    _sum("DroppedInvalidHeaderRequestCount", "journey_alb_invalid_header_requests_total", header="dropped"),
    _sum(
        "ForwardedInvalidHeaderRequestCount", "journey_alb_invalid_header_requests_total", header="forwarded"
    ),
    _sum("DesyncMitigationMode_NonCompliant_Request_Count", "journey_alb_noncompliant_requests_total"),
    _sum("UnhealthyRoutingRequestCount", "journey_alb_unhealthy_routing_requests_total", group=True),
)
"""By how much a counter grew."""

LEVELS: tuple[Statistic, ...] = (
    Statistic("HealthyHostCount", "Minimum", TARGETS, {"state": ("healthy",)}, True),
    Statistic("UnHealthyHostCount", "Maximum", TARGETS, {"state": ("unhealthy",)}, True),
    Statistic("UnHealthyHostCount", "Sum", TARGETS, {"state": ("unhealthy",)}, True),
    Statistic("AnomalousHostCount", "Maximum", "journey_alb_anomalous_targets", {}, True),
    Statistic("MitigatedHostCount", "Maximum", "journey_alb_mitigated_targets", {}, True),
    Statistic("HealthyStateDNS", "Minimum", ZONES, {"kind": ("dns",)}, True),
    Statistic("HealthyStateRouting", "Minimum", ZONES, {"kind": ("routing",)}, True),
)
"""The least or the most that a gauge was."""

PER_TARGET = Statistic("RequestCountPerTarget", "Sum", TARGET_REQUESTS, {}, True)
MEAN_TIME = Statistic("TargetResponseTime", "Average", RESPONSES, {}, True, "Seconds")
SLOW_TIME = Statistic("TargetResponseTime", "p99", RESPONSES, {}, True, "Seconds")
ACTIVE = Statistic("ActiveConnectionCount", "Sum", CONNECTIONS)
UNITS = Statistic("ConsumedLCUs", "Average", CONNECTIONS)

STATISTICS: tuple[Statistic, ...] = (
    *SUMS, PER_TARGET, MEAN_TIME, SLOW_TIME, ACTIVE, *LEVELS, UNITS,
)  # fmt: skip
"""All that the page `/metrics/aws` has of CloudWatch."""
