"""Metrics of load balancers and of the web firewall before them."""

from orchestrator.metrics.names.model import Metric, counter, gauge, histogram, info

_GROUP = "target_group"

LOAD_BALANCER: tuple[Metric, ...] = (
    counter(
        "journey_alb_requests_total",
        "Requests answered, by who answered: the target, or the load balancer itself (elb, fixed_response, redirect).",
        _GROUP, "code_class", "source",
    ),
    histogram(
        "journey_alb_target_response_duration_seconds",
        "TargetResponseTime: from the moment a request left the load balancer to the target's first byte.",
        _GROUP,
    ),
    counter("journey_alb_target_requests_total", "Requests given to a target.", _GROUP, "target"),
    gauge("journey_alb_target_outstanding_requests", "Requests that a target has not answered yet; what "
          "least_outstanding_requests looks at, over all nodes.", _GROUP, "target"),
    gauge("journey_alb_targets", "Targets by state: initial, healthy, unhealthy, draining, unused.", _GROUP, "state",
          merge="max"),
    gauge("journey_alb_target_deregistration_end_timestamp_seconds", "Until when a target drains, in Unix time; only "
          "targets that do have it.", _GROUP, "target", merge="max"),
    counter("journey_alb_target_state_changes_total", "Targets that entered a state, counted by each node.", _GROUP,
            "to"),
    gauge("journey_alb_connections", "Open connections with clients and with targets.", "side"),
    counter("journey_alb_new_connections_total", "Connections from clients, and to targets."),
    counter("journey_alb_rejected_connections_total", "Connections that a node had no room for."),
    counter("journey_alb_target_connection_errors_total", "Connections to targets that could not be opened."),
    counter("journey_alb_health_checks_total", "Health checks: passed, mismatch, timeout, failed.", _GROUP, "result"),
    info("journey_alb_config_info", "A target group's attributes.", _GROUP, "algorithm", "slow_start",
         "deregistration_delay"),
    counter("journey_alb_errors_total", "Requests that the load balancer answered with an error, or broke off, by "
            "why.", "status", "cause"),
    counter("journey_alb_processed_bytes_total", "Bytes to and from clients."),
    counter("journey_alb_rule_evaluations_total", "Rules that requests were held against."),
    counter("journey_alb_client_tls_negotiation_errors_total", "TLS handshakes with clients that failed."),
    counter("journey_alb_target_tls_negotiation_errors_total", "TLS handshakes with targets that failed."),
    counter("journey_alb_non_sticky_requests_total", "Requests whose sticky cookie led nowhere."),
    counter("journey_alb_redirect_url_limit_exceeded_total", "Redirects whose URL would have been too long."),
    counter("journey_alb_invalid_header_requests_total", "Requests with invalid header names, dropped or forwarded.",
            "header"),
    counter("journey_alb_noncompliant_requests_total", "Requests that do not follow RFC 7230."),
    counter("journey_alb_unhealthy_routing_requests_total", "Requests routed while no target was healthy enough.",
            _GROUP),
    gauge("journey_alb_anomalous_targets", "Targets that anomaly detection finds anomalous.", _GROUP, merge="max"),
    gauge("journey_alb_mitigated_targets", "Targets that get fewer requests for it.", _GROUP, merge="max"),
    gauge("journey_alb_zone_healthy", "Whether a zone meets its thresholds, for dns and for routing, in every zone.",
          _GROUP, "kind", merge="min"),
    info("journey_alb_node_info", "The load balancer that a node serves, and the node's zone.", "load_balancer",
         "availability_zone", added=("element",)),
    counter("journey_alb_refused_documents_total", "Documents of the control plane that a node could not follow.",
            "kind"),
    counter("journey_waf_requests_total", "Requests by what the web firewall did.", "web_acl", "action"),
)  # fmt: skip
