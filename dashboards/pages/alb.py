"""The load balancer, in the order of AWS's own page: requests, errors, durations, then what is in use."""

from dashboards.model import Page, Panel, Query, Row, Variable, percentiles, rate

_GROUP = 'target_group=~"$target_group"'
_REQUESTS = "journey_alb_requests_total"
_BY_TARGET = f"sum by (target) (rate(journey_alb_target_requests_total{{{_GROUP}}}[$__rate_interval]))"
_OUTSTANDING = f"sum by (target) (journey_alb_target_outstanding_requests{{{_GROUP}}})"
_KNOWN_A_MINUTE_AGO = f"sum by (target) (journey_alb_target_requests_total{{{_GROUP}}} offset 1m) > 0"

PAGE = Page(
    uid="journey-alb",
    title="ALB and targets",
    question="Which target gets what, why, and who made that error?",
    variables=(Variable("target_group", "Target group", "journey_alb_targets", "target_group"),),
    panels=(
        Panel(
            "Requests",
            "Requests per second by class of status and by who answered: the load balancer (elb) or a pod "
            "(target).",
            (Query(rate(_REQUESTS, "source, code_class", _GROUP), "{{source}} {{code_class}}"),),
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "5xx: load balancer or target?",
            "ELB 5xx were never answered by a pod (502 broken, 503 no target, 504 too late); target 5xx are "
            "its own words.",
            (
                Query(rate(_REQUESTS, where="source='elb',code_class='5xx'"), "ELB 5xx"),
                Query(rate(_REQUESTS, where="source='target',code_class='5xx'"), "target 5xx"),
            ),
            unit="reqps",
            may_be_empty="until the first 5xx",
            leads_to=("journey-rollout",),
        ),
        Panel(
            "Requests by target",
            "Requests per second of each target: level with round robin, uneven on purpose with least "
            "outstanding requests.",
            (Query(_BY_TARGET, "{{target}}"),),
            unit="reqps",
        ),
        Panel(
            "Outstanding by target",
            "Requests that each target has not answered yet: what least outstanding requests keeps level. "
            "AWS does not show it.",
            (Query(_OUTSTANDING, "{{target}}"),),
        ),
        Panel(
            "Target response time",
            "CloudWatch's TargetResponseTime: from when the request left the load balancer until the "
            "response began.",
            percentiles("journey_alb_target_response_duration_seconds", _GROUP, exemplars=True),
            unit="s",
        ),
        Panel(
            "Imbalance",
            "The busiest target against the mean: 1 is even, 2 means that one target has twice its share.",
            (
                Query(f"max({_BY_TARGET}) / (avg({_BY_TARGET}) > 0)", "requests, max/mean"),
                Query(f"max({_OUTSTANDING}) / (avg({_OUTSTANDING}) > 0)", "outstanding, max/mean"),
            ),
            decimals=2,
            may_be_empty="while no target has requests",
        ),
        Panel(
            "Targets by state",
            "How many targets are in which state, as the load balancer's nodes see it.",
            (
                Query(
                    f"sum by (state) (journey_alb_targets{{{_GROUP}}})",
                    "{{state}}",
                ),
            ),
            stacked=True,
            leads_to=("journey-rollout",),
        ),
        Panel(
            "Targets, state changes",
            "Target states entered per second; healthy and unhealthy in turn is a check that flaps.",
            (Query(rate("journey_alb_target_state_changes_total", "to", _GROUP), "to {{to}}"),),
            may_be_empty="while all targets stay as they are",
        ),
    ),
    rows=(
        Row(
            "New targets",
            (
                Panel(
                    "First 60 s of a new target",
                    "Requests per second of targets that had none a minute ago: slow start rises in a line, without it "
                    "they get their share at once, and with least outstanding requests more than that.",
                    (Query(f"{_BY_TARGET} unless {_KNOWN_A_MINUTE_AGO}", "{{target}}"),),
                    unit="reqps",
                    may_be_empty="while no target is younger than a minute",
                ),
                Panel(
                    "Mean of the targets that are known",
                    "What a target gets that has been there for a minute, to compare with.",
                    (Query(f"avg({_BY_TARGET} and {_KNOWN_A_MINUTE_AGO})", "known targets, mean"),),
                    unit="reqps",
                    may_be_empty="during the first minute",
                ),
            ),
        ),
        Row(
            "Connections and health checks",
            (
                Panel(
                    "Connections",
                    "Open connections from clients and to targets; keep-alive on both sides makes few of "
                    "them.",
                    (Query("sum by (side) (journey_alb_connections)", "{{side}}"),),
                ),
                Panel(
                    "New and failed connections",
                    "Connections per second that clients opened, and those to targets that failed.",
                    (
                        Query(rate("journey_alb_new_connections_total"), "new"),
                        Query(rate("journey_alb_rejected_connections_total"), "rejected"),
                        Query(rate("journey_alb_target_connection_errors_total"), "errors to targets"),
                    ),
                    unit="cps",
                ),
                Panel(
                    "Health checks",
                    "Health checks per second by result: every node asks every target.",
                    (Query(rate("journey_alb_health_checks_total", "result", _GROUP), "{{result}}"),),
                    unit="reqps",
                ),
                Panel(
                    "Settings",
                    "How each target group chooses and drains.",
                    (
                        Query(
                            "max by (target_group, algorithm, slow_start, deregistration_delay)"
                            f" (journey_alb_config_info{{{_GROUP}}}) == 1"
                        ),
                    ),
                    kind="table",
                    hidden=("Value",),
                ),
            ),
        ),
    ),
)
