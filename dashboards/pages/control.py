"""What requests wait for before there are any: names, and the cluster's control plane."""

from dashboards.model import RARE, Page, Panel, Query, mean, quantile, rate

_CACHE = "journey_dns_cache_requests_total"
_HIT = 'result=~"hit|stale"'

PAGE = Page(
    uid="journey-control",
    title="DNS and control plane",
    question="Are names found quickly and from caches, and does the cluster's control plane keep up?",
    panels=(
        Panel(
            "DNS queries by level",
            "Queries per second at each level; the further from the laptop, the fewer, because of caches.",
            (Query(rate("journey_dns_queries_total", "resolver"), "{{resolver}}"),),
            unit="reqps",
        ),
        Panel(
            "DNS answers that are errors",
            "Answers per second that are neither NOERROR nor NXDOMAIN, and names that do not exist.",
            (
                Query(
                    rate("journey_dns_queries_total", "resolver, rcode", "rcode!='NOERROR'"),
                    "{{resolver}} {{rcode}}",
                ),
            ),
            unit="reqps",
            may_be_empty="while every name is found",
        ),
        Panel(
            "Cache hit ratio",
            "Share of questions that a cache answered; it falls to 0 at every end of a TTL and rises again.",
            (
                Query(
                    f"{rate(_CACHE, 'resolver', _HIT, RARE)} / ({rate(_CACHE, 'resolver', over=RARE)} > 0)",
                    "{{resolver}}",
                ),
            ),
            unit="percentunit",
            most=1,
            may_be_empty="while nobody asks for a name",
        ),
        Panel(
            "DNS query duration",
            "p99 from question to answer: a miss pays for the way to the authoritative server.",
            (
                Query(
                    quantile(0.99, "journey_dns_query_duration_seconds", "resolver", over=RARE),
                    "p99 {{resolver}}",
                ),
            ),
            unit="s",
            may_be_empty="while nobody asks for a name",
        ),
        Panel(
            "Work queues",
            "Objects that wait for each controller; it empties within moments unless the API server is away.",
            (Query("sum by (controller) (journey_kube_workqueue_items)", "{{controller}}"),),
        ),
        Panel(
            "Reconcile duration",
            "The mean time of one round of each controller.",
            (
                Query(
                    mean("journey_kube_reconcile_duration_seconds", "controller", over=RARE), "{{controller}}"
                ),
            ),
            unit="s",
            may_be_empty="while no controller has work",
        ),
        Panel(
            "From endpoint to consumer",
            "p50 and p99 of how long kube-proxy and the load balancer controller take to act on a changed "
            "endpoint.",
            (
                Query(
                    quantile(0.5, "journey_kube_endpoint_propagation_seconds", "consumer", over=RARE),
                    "p50 {{consumer}}",
                ),
                Query(
                    quantile(0.99, "journey_kube_endpoint_propagation_seconds", "consumer", over=RARE),
                    "p99 {{consumer}}",
                ),
            ),
            unit="s",
            may_be_empty="while endpoints stay as they are",
        ),
        Panel(
            "AWS API calls",
            "Calls per second to the emulated AWS API, by operation: controllers are mostly quiet.",
            (Query(rate("journey_aws_requests_total", "operation"), "{{operation}}"),),
            unit="reqps",
            may_be_empty="while nobody calls AWS",
        ),
    ),
)
