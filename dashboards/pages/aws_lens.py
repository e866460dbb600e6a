"""The same world through CloudWatch's glasses: a point a minute, nothing while idle, in the names that YACE gives."""

from dashboards.model import Page, Panel, Query, Row

_MINUTE = "1m"
_GROUP, _ZONE = "dimension_TargetGroup", "dimension_AvailabilityZone"


def _alb(name: str, by: str = "", how: str = "sum", zones: bool = False) -> str:
    """Of one combination of CloudWatch's dimensions: each of several would tell of the same again.

    By target group where `by` is that, by zone where `zones` is asked for."""
    group, zone = ("!=" if asked else "=" for asked in ("TargetGroup" in by, zones))
    where = f'dimension_TargetGroup{group}"",dimension_AvailabilityZone{zone}""'
    labels = f" by ({by})" if by else ""
    return f"{how}{labels} (aws_applicationelb_{name}{{{where}}})"


def _panel(title: str, description: str, *queries: Query, unit: str = "short", empty: str = "") -> Panel:
    return Panel(title, description, queries, unit=unit, interval=_MINUTE, may_be_empty=empty)


PAGE = Page(
    uid="journey-aws-lens",
    title="As CloudWatch shows it",
    question="What would I see of this in AWS, and what not?",
    refresh="30s",
    span="now-1h",
    panels=(
        _panel(
            "RequestCount",
            "Requests per minute: what the other dashboards show each second is one point here.",
            Query(_alb("request_count_sum"), "RequestCount"),
        ),
        _panel(
            "RequestCount by AvailabilityZone",
            "Which zone's load balancer nodes took the requests: what clients' DNS answers led to.",
            Query(_alb("request_count_sum", _ZONE, zones=True), "{{dimension_AvailabilityZone}}"),
        ),
        _panel(
            "HTTP codes",
            "Per minute, of the load balancer (ELB) and of targets.",
            Query(_alb("httpcode_target_2_xx_count_sum"), "Target 2XX"),
            Query(_alb("httpcode_target_4_xx_count_sum"), "Target 4XX"),
            Query(_alb("httpcode_target_5_xx_count_sum"), "Target 5XX"),
            Query(_alb("httpcode_elb_4_xx_count_sum"), "ELB 4XX"),
            Query(_alb("httpcode_elb_5_xx_count_sum"), "ELB 5XX"),
            empty="of a kind that has not been answered, as in CloudWatch",
        ),
        _panel(
            "TargetResponseTime",
            "Average and p99 of a minute: a pause of ten seconds is a slightly higher point.",
            Query(_alb("target_response_time_average", how="avg"), "average"),
            Query(_alb("target_response_time_p99", how="max"), "p99"),
            unit="s",
        ),
        _panel(
            "Hosts",
            "The lowest HealthyHostCount and the UnHealthyHostCount of each minute: a rollout can hide "
            "between two points.",
            Query(_alb("healthy_host_count_minimum", _GROUP, "min"), "healthy {{dimension_TargetGroup}}"),
            Query(_alb("un_healthy_host_count_sum", _GROUP, "max"), "unhealthy {{dimension_TargetGroup}}"),
        ),
        _panel(
            "RequestCountPerTarget",
            "The mean over targets: CloudWatch does not tell which of them had how many, nor what was "
            "outstanding.",
            Query(_alb("request_count_per_target_sum", _GROUP), "{{dimension_TargetGroup}}"),
        ),
        _panel(
            "Connections",
            "ActiveConnectionCount and NewConnectionCount per minute.",
            Query(_alb("active_connection_count_sum"), "active"),
            Query(_alb("new_connection_count_sum"), "new"),
        ),
        _panel(
            "Connection errors",
            "TargetConnectionErrorCount and RejectedConnectionCount per minute.",
            Query(_alb("target_connection_error_count_sum"), "to targets"),
            Query(_alb("rejected_connection_count_sum"), "rejected"),
            empty="while there are none, as in CloudWatch",
        ),
        _panel(
            "ProcessedBytes",
            "Bytes per minute through the load balancer.",
            Query(_alb("processed_bytes_sum"), "ProcessedBytes"),
            unit="bytes",
        ),
    ),
    rows=(
        Row(
            "Inside the cluster, in the names of its exporters",
            (
                _panel(
                    "VPC CNI",
                    "The agent's own figures (awscni_*): total and assigned addresses.",
                    Query("sum(awscni_total_ip_addresses)", "total"),
                    Query("sum(awscni_assigned_ip_addresses)", "assigned"),
                ),
                _panel(
                    "Pods by phase",
                    "kube-state-metrics: pods by phase.",
                    Query("sum by (phase) (kube_pod_status_phase)", "{{phase}}"),
                ),
                _panel(
                    "Available replicas",
                    "kube-state-metrics: what each deployment has.",
                    Query(
                        "sum by (deployment) (kube_deployment_status_replicas_available)", "{{deployment}}"
                    ),
                ),
                _panel(
                    "CoreDNS",
                    "Questions per second, and what its cache answered.",
                    Query("sum(rate(coredns_dns_requests_total[$__rate_interval]))", "questions"),
                    Query("sum(rate(coredns_cache_hits_total[$__rate_interval]))", "cache hits"),
                    unit="reqps",
                    empty="while no pod asks for a name",
                ),
            ),
        ),
    ),
)
