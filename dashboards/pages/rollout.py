"""A deployment's way from one set of pods to the next."""

from dashboards.model import RARE, Page, Panel, Query, Variable, quantile, rate

_DEPLOYMENT = 'deployment=~"$deployment"'

PAGE = Page(
    uid="journey-rollout",
    title="Deployments and draining",
    question="What happens to requests while pods come and go?",
    variables=(Variable("deployment", "Deployment", "journey_kube_replicas", "deployment"),),
    panels=(
        Panel(
            "Replicas",
            "Pods by state; available must not fall below desired less maxUnavailable.",
            (Query(f"sum by (state) (journey_kube_replicas{{{_DEPLOYMENT}}})", "{{state}}"),),
        ),
        Panel(
            "Targets by state",
            "The same pods as the load balancer sees them, always a little later: that gap is where 502s "
            "come from.",
            (Query("sum by (state) (journey_alb_targets)", "{{state}}"),),
            stacked=True,
            leads_to=("journey-alb",),
        ),
        Panel(
            "Errors of the load balancer by cause",
            "502, 503 and 504 per second, each with its cause: a pod that closed too early, no target left, "
            "too slow.",
            (
                Query(
                    rate("journey_alb_errors_total", "status, cause", "status=~'50.'"), "{{status}} {{cause}}"
                ),
            ),
            unit="reqps",
            may_be_empty="while there are no errors",
        ),
        Panel(
            "Requests of pods",
            "Requests per second of each pod: one that drains must fall to 0 before its line ends.",
            (Query(rate("journey_pod_requests_total", "pod"), "{{pod}}"),),
            unit="reqps",
        ),
        Panel(
            "Pod start by phase, median",
            "Where a new pod's time goes until it gets requests; with images at hand, readiness and health "
            "checks dominate.",
            (
                Query(
                    quantile(0.5, "journey_kube_pod_start_duration_seconds", "phase", over=RARE), "{{phase}}"
                ),
            ),
            unit="s",
            may_be_empty="while no pod has started",
        ),
        Panel(
            "Pod start by phase, slowest tenth",
            "The p90 of the same phases: an address that needs a new network interface shows here.",
            (
                Query(
                    quantile(0.9, "journey_kube_pod_start_duration_seconds", "phase", over=RARE), "{{phase}}"
                ),
            ),
            unit="s",
            may_be_empty="while no pod has started",
            leads_to=("journey-cni",),
        ),
        Panel(
            "Draining",
            "Targets that drain, and the requests that they still owe: requests must be gone before the "
            "delay is over.",
            (
                Query('sum(journey_alb_targets{state="draining"})', "draining targets"),
                Query("sum(journey_pod_inflight_requests)", "requests in pods"),
            ),
        ),
        Panel(
            "Deregistration countdown",
            "Seconds that each draining target has left to finish its requests; whoever closes before 0 cuts them off.",
            (
                Query(
                    "max by (target) (journey_alb_target_deregistration_end_timestamp_seconds) - time()",
                    "{{target}}",
                ),
            ),
            unit="s",
            may_be_empty="while no target drains",
        ),
        Panel(
            "From endpoint to consumer, p99",
            "How long kube-proxy and the load balancer controller go on believing what has changed.",
            (
                Query(
                    quantile(0.99, "journey_kube_endpoint_propagation_seconds", "consumer", over=RARE),
                    "{{consumer}}",
                ),
            ),
            unit="s",
            may_be_empty="while endpoints stay as they are",
        ),
        Panel(
            "Request duration in pods",
            "p50 and p99 of what nginx itself needs: a rollout must not show here.",
            (
                Query(
                    quantile(0.5, "journey_pod_request_duration_seconds", "deployment", _DEPLOYMENT), "p50"
                ),
                Query(
                    quantile(0.99, "journey_pod_request_duration_seconds", "deployment", _DEPLOYMENT), "p99"
                ),
            ),
            unit="s",
        ),
        Panel(
            "Queue in front of pods",
            "Connections that the kernel has accepted and nginx has not: it is full before a pod refuses.",
            (Query("max by (pod) (journey_pod_accept_queue)", "{{pod}}"),),
        ),
    ),
)
