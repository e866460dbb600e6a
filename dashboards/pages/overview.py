"""The whole journey at a glance."""

from dashboards.model import RARE, Page, Panel, Query, mean, percentiles, rate

_REQUESTS = "journey_client_requests_total"
_NETWORK = "outcome=~'timeout|refused|reset|dns_error|tls_error'"

PAGE = Page(
    uid="journey-overview",
    title="Journey overview",
    question="How many requests, how many fail and through whom, how long do they take and where?",
    panels=(
        Panel(
            "Requests",
            "Offered and answered requests per second by how they ended; offered and ok lie on each other "
            "when all is well.",
            (
                Query(rate("journey_client_offered_requests_total"), "offered"),
                Query(rate(_REQUESTS, "outcome"), "{{outcome}}"),
            ),
            unit="reqps",
            leads_to=("journey-load",),
        ),
        Panel(
            "Errors by who caused them",
            "Failures of the network, answers that the load balancer made itself (ELB), and errors of the "
            "pods (target).",
            (
                Query(rate(_REQUESTS, where=_NETWORK), "network"),
                Query(rate("journey_alb_requests_total", where="source='elb',code_class='5xx'"), "ELB 5xx"),
                Query(rate("journey_alb_requests_total", where="source='elb',code_class='4xx'"), "ELB 4xx"),
                Query(
                    rate("journey_alb_requests_total", where="source='target',code_class='5xx'"), "target 5xx"
                ),
                Query(
                    rate("journey_alb_requests_total", where="source='target',code_class='4xx'"), "target 4xx"
                ),
            ),
            unit="reqps",
            stacked=True,
            may_be_empty="until the first error of a kind",
            leads_to=("journey-alb", "journey-path"),
        ),
        Panel(
            "Latency from intended start",
            "p50, p90 and p99 as a user feels them, waiting in the load generator included. Estimated from buckets; "
            "reports have the exact ones.",
            percentiles("journey_client_request_duration_seconds", exemplars=True),
            unit="s",
            leads_to=("journey-load",),
        ),
        Panel(
            "Latency budget by tier",
            "Time on the way per request, summed over all packets that belong to it, by tier: the tallest "
            "band is where to look.",
            (
                Query(
                    f"{rate('journey_hop_duration_seconds_sum', 'tier')} / ignoring(tier) group_left() "
                    f"({rate(_REQUESTS, '')} > 0)",
                    "{{tier}}",
                ),
            ),
            unit="s",
            stacked=True,
            leads_to=("journey-path",),
        ),
        Panel(
            "Phases of a request",
            "The mean of each phase of requests that open a connection of their own, as `journey trace` sends them.",
            (Query(mean("journey_client_phase_duration_seconds", "phase", over=RARE), "{{phase}}"),),
            unit="s",
            may_be_empty="while nobody browses: a load keeps its connections, and has no phases",
            leads_to=("journey-control",),
        ),
        Panel(
            "Where packets spend their time",
            "Seconds per second that packets spend in flight (propagation), in queues (queueing) and being "
            "worked on.",
            (Query(rate("journey_hop_duration_seconds_sum", "kind"), "{{kind}}"),),
            unit="s",
            stacked=True,
            leads_to=("journey-path",),
        ),
        Panel(
            "Latency, all requests",
            "Each column is a moment, each row a latency: two bands mean two kinds of requests.",
            (Query(rate("journey_client_request_duration_seconds_bucket", "le"), "{{le}}"),),
            kind="heatmap",
            unit="s",
        ),
        Panel(
            "Requests under way",
            "Requests that are sent and not answered: it grows when answers come later than requests.",
            (Query("sum(journey_client_inflight_requests)", "requests in flight"),),
        ),
        Panel(
            "Events",
            "What was done to the world, from when to when.",
            (Query("max by (event, target) (journey_event_active)", "{{event}} {{target}}"),),
            kind="statetimeline",
            width=24,
            height=6,
            words={"0": (" ", "transparent"), "1": ("active", "purple")},
            may_be_empty="while nothing has been done to the world",
        ),
    ),
)
