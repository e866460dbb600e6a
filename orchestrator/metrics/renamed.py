"""Metrics of ours under the names of other exporters: CoreDNS, and the service graph of a trace pipeline."""

from collections.abc import Iterator, Mapping

from orchestrator.metrics.ledger import Buckets, Labels
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names.model import Metric, counter, histogram

QUERIES = "journey_dns_queries_total"
CACHE = "journey_dns_cache_requests_total"
QUERY_TIME = "journey_dns_query_duration_seconds"
REQUESTS = "journey_alb_requests_total"
RESPONSES = "journey_alb_target_response_duration_seconds"


def coredns(families: Mapping[str, Family]) -> Iterator[Family]:
    """The resolvers' metrics as CoreDNS names them, the resolver as its `server`."""
    queries = _values(families, QUERIES)
    yield from _counted("coredns_dns_requests_total", "Queries.", queries, ("server",))
    yield from _counted("coredns_dns_responses_total", "Responses, by code.", queries, ("server", "rcode"))
    cache = _values(families, CACHE)
    yield from _counted("coredns_cache_requests_total", "Questions to the cache.", cache, ("server",))
    hits = {labels: value for labels, value in cache.items() if dict(labels).get("result") == "hit"}
    yield from _counted(
        "coredns_cache_hits_total", "Questions that the cache could answer.", hits, ("server",)
    )
    if (took := families.get(QUERY_TIME)) is not None:
        metric = histogram("coredns_dns_request_duration_seconds", "From query to response.", "server")
        yield Family(
            metric, buckets={_picked(labels, ("server",)): each for labels, each in took.buckets.items()}
        )


def service_graph(families: Mapping[str, Family]) -> Iterator[Family]:
    """The edge from the load balancer to each target group, as Grafana's service graph wants edges."""
    requests = {
        labels: value
        for labels, value in _values(families, REQUESTS).items()
        if dict(labels).get("source") == "target"
    }
    failed = {labels: value for labels, value in requests.items() if dict(labels).get("code_class") == "5xx"}
    yield from _edges("traces_service_graph_request_total", "Requests along an edge.", requests)
    yield from _edges("traces_service_graph_request_failed_total", "Requests that failed.", failed)
    if (took := families.get(RESPONSES)) is not None:
        buckets: dict[Labels, Buckets] = {_edge(labels): each for labels, each in took.buckets.items()}
        metric = histogram(
            "traces_service_graph_request_server_seconds", "How long the server took.", "client", "server"
        )
        yield Family(metric, buckets=buckets)


def _values(families: Mapping[str, Family], name: str) -> dict[Labels, float]:
    family = families.get(name)
    return family.values if family else {}


def _counted(name: str, text: str, values: Mapping[Labels, float], keep: tuple[str, ...]) -> Iterator[Family]:
    sums: dict[Labels, float] = {}
    for labels, value in values.items():
        key = _picked(labels, keep)
        sums[key] = sums.get(key, 0.0) + value
    if sums:
        yield Family(counter(name, text, *keep), sums)


def _edges(name: str, text: str, values: Mapping[Labels, float]) -> Iterator[Family]:
    sums: dict[Labels, float] = {}
    for labels, value in values.items():
        sums[_edge(labels)] = sums.get(_edge(labels), 0.0) + value
    if sums:
        metric: Metric = counter(name, text, "client", "server")
        yield Family(metric, sums)


def _edge(labels: Labels) -> Labels:
    return (("client", "alb"), ("server", dict(labels).get("target_group", "")))


def _picked(labels: Labels, keep: tuple[str, ...]) -> Labels:
    known = dict(labels)
    known["server"] = known.get("resolver", "")
    return tuple((key, known.get(key, "")) for key in keep)
