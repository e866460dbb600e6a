"""Metrics of ours under the names of other exporters: CoreDNS, and the service graph of a trace pipeline."""

from collections.abc import Callable, Iterator, Mapping

from orchestrator.metrics.ledger import Labels
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names.model import Metric, counter, histogram

QUERIES = "journey_dns_queries_total"
CACHE = "journey_dns_cache_requests_total"
QUERY_TIME = "journey_dns_query_duration_seconds"
REQUESTS = "journey_alb_requests_total"
RESPONSES = "journey_alb_target_response_duration_seconds"

DNS_REQUESTS = counter("coredns_dns_requests_total", "Queries, by resolver.", "server")
DNS_RESPONSES = counter("coredns_dns_responses_total", "Responses, by code.", "server", "rcode")
CACHE_REQUESTS = counter("coredns_cache_requests_total", "Questions to the cache.", "server")
CACHE_HITS = counter("coredns_cache_hits_total", "Questions that the cache could answer.", "server")
DNS_TIME = histogram("coredns_dns_request_duration_seconds", "From query to response.", "server")

EDGES = counter("traces_service_graph_request_total", "Requests along an edge.", "client", "server")
FAILED_EDGES = counter(
    "traces_service_graph_request_failed_total", "Requests along it that got a 5xx.", "client", "server"
)
EDGE_TIME = histogram(
    "traces_service_graph_request_server_seconds", "How long the server took.", "client", "server"
)

RENAMED: tuple[tuple[Metric, str], ...] = (
    (DNS_REQUESTS, QUERIES),
    (DNS_RESPONSES, QUERIES),
    (CACHE_REQUESTS, CACHE),
    (CACHE_HITS, CACHE),
    (DNS_TIME, QUERY_TIME),
    (EDGES, REQUESTS),
    (FAILED_EDGES, REQUESTS),
    (EDGE_TIME, RESPONSES),
)
"""What there is, and what it is made of."""

Rename = Callable[[dict[str, str]], dict[str, str]]


def coredns(families: Mapping[str, Family]) -> Iterator[Family]:
    """The resolvers' metrics as CoreDNS names them, the resolver as its `server`."""
    queries, cache = families.get(QUERIES), families.get(CACHE)
    yield from _counted(DNS_REQUESTS, queries, _resolver)
    yield from _counted(DNS_RESPONSES, queries, _resolver)
    yield from _counted(CACHE_REQUESTS, cache, _resolver)
    yield from _counted(CACHE_HITS, cache, _resolver, result="hit")
    yield from _timed(DNS_TIME, families.get(QUERY_TIME), _resolver)


def service_graph(families: Mapping[str, Family]) -> Iterator[Family]:
    """The edge from the load balancer to each target group, as Grafana's service graph wants edges."""
    requests = families.get(REQUESTS)
    yield from _counted(EDGES, requests, _edge, source="target")
    yield from _counted(FAILED_EDGES, requests, _edge, source="target", code_class="5xx")
    yield from _timed(EDGE_TIME, families.get(RESPONSES), _edge)


def _resolver(labels: dict[str, str]) -> dict[str, str]:
    return {**labels, "server": labels.get("resolver", "")}


def _edge(labels: dict[str, str]) -> dict[str, str]:
    return {"client": "alb", "server": labels.get("target_group", "")}


def _counted(metric: Metric, of: Family | None, rename: Rename, **where: str) -> Iterator[Family]:
    """The sums of the series that carry these labels."""
    sums: dict[Labels, float] = {}
    for labels, value in of.values.items() if of else ():
        known = dict(labels)
        if where.items() <= known.items():
            key = _labels(metric, rename(known))
            sums[key] = sums.get(key, 0.0) + value
    if sums:
        yield Family(metric, sums)


def _timed(metric: Metric, of: Family | None, rename: Rename) -> Iterator[Family]:
    if of:
        buckets = {_labels(metric, rename(dict(labels))): each for labels, each in of.buckets.items()}
        yield Family(metric, buckets=buckets)


def _labels(metric: Metric, known: dict[str, str]) -> Labels:
    return tuple((label, known.get(label, "")) for label in metric.labels)
