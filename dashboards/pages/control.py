"""What requests wait for before there are any: names, routes, and the cluster's control plane."""

from dashboards.model import RARE, Page, Panel, Query, mean, quantile, rate

_CACHE = "journey_dns_cache_requests_total"
_HIT = 'result=~"hit|stale"'

PAGE = Page(
    uid="journey-control",
    title="DNS, BGP and control plane",
    question="Are names found from caches and routes settled, and does the cluster's control plane keep up?",
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
            "BGP sessions",
            "Sessions that are established and those that are not, by autonomous system; a line that falls is a lost "
            "neighbour.",
            (
                Query("sum by (asn) (journey_bgp_session_up)", "AS{{asn}} up"),
                Query("sum by (asn) (1 - journey_bgp_session_up)", "AS{{asn}} down"),
            ),
        ),
        Panel(
            "Changes of best paths",
            "Best paths that changed per minute, and prefixes that neighbours announced and withdrew: quiet unless "
            "something happens.",
            (
                Query(
                    f"60 * {rate('journey_bgp_best_path_changes_total', 'asn', over=RARE)}",
                    "AS{{asn}} best paths",
                ),
                Query(
                    f"60 * {rate('journey_bgp_updates_total', 'asn, kind', over=RARE)}", "AS{{asn}} {{kind}}"
                ),
            ),
        ),
        Panel(
            "BGP convergence",
            "p99 of the time from an event to the last change of a best path: moments when a carrier falls, the hold "
            "time when a link is silent.",
            (
                Query(
                    quantile(0.99, "journey_bgp_convergence_duration_seconds", "event", over=RARE),
                    "p99 {{event}}",
                ),
            ),
            unit="s",
            may_be_empty="while no route changes",
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
