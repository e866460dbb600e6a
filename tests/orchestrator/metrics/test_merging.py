"""One set of series from what many elements report: sums, opinions, labels that they do not know, and who is gone."""

from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.metrics import MetricStore
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.merging import Who, families, total
from orchestrator.metrics.renamed import coredns, service_graph

POD = Who("nginx-1", "nginx_pod", "pod", launched=True)
OTHER = Who("nginx-2", "nginx_pod", "pod", launched=True)


def reported(*stores: tuple[str, MetricStore]) -> Ledger:
    ledger = Ledger()
    for element, store in stores:
        ledger.add(element, store.deltas())
    return ledger


def gauge(value: float, name: str, **labels: str) -> MetricStore:
    store = MetricStore()
    store.gauge(name, **labels).value = value
    return store


def test_counters_of_several_elements_add_up():
    one, other = MetricStore(), MetricStore()
    one.counter("journey_dns_queries_total", resolver="root", rcode="NOERROR").value = 3
    other.counter("journey_dns_queries_total", resolver="root", rcode="NOERROR").value = 4
    [family] = families(reported(("root-a", one), ("root-b", other)), {}).values()
    assert family.values == {(("rcode", "NOERROR"), ("resolver", "root")): 7}


def test_two_load_balancer_nodes_have_opinions_of_the_same_targets():
    def node(outstanding: int, healthy: int, zone: int) -> MetricStore:
        store = MetricStore()
        store.gauge(
            "journey_alb_target_outstanding_requests", target_group="g", target="t"
        ).value = outstanding
        store.gauge("journey_alb_targets", target_group="g", state="healthy").value = healthy
        store.gauge("journey_alb_zone_healthy", target_group="g", kind="dns").value = zone
        return store

    found = families(reported(("alb-1a", node(2, 3, 1)), ("alb-1b", node(1, 2, 0))), {})
    values = {name: list(family.values.values()) for name, family in found.items()}
    assert values == {
        "journey_alb_target_outstanding_requests": [3],
        "journey_alb_targets": [3],
        "journey_alb_zone_healthy": [0],
    }


def test_labels_are_added_by_what_is_known_of_an_element():
    store = MetricStore()
    store.counter("awscni_add_ip_req_count").value = 2
    store.counter("journey_tcp_segments_sent_total").value = 5
    store.histogram("journey_hop_duration_seconds", kind="queueing").observe(0.1)
    store.counter("journey_client_offered_requests_total").value = 1
    who = Who("aws-node-1", "cni_agent", "control", node="node-1", scenario="warm-pool")
    found = families(reported(("aws-node-1", store)), {"aws-node-1": who})
    assert list(found["awscni_add_ip_req_count"].values) == [(("node", "node-1"),)]
    assert list(found["journey_tcp_segments_sent_total"].values) == [(("element", "aws-node-1"),)]
    assert list(found["journey_hop_duration_seconds"].buckets) == [
        (("kind", "queueing"), ("tier", "control"))
    ]
    assert list(found["journey_client_offered_requests_total"].values) == [(("scenario", "warm-pool"),)]


def test_launched_elements_are_told_together_by_their_kind():
    stores = [MetricStore(), MetricStore()]
    for store in stores:
        store.counter("journey_tcp_segments_sent_total").value = 5
        store.histogram("journey_runtime_loop_lag_seconds").observe(0.1)
    ledger = reported(("nginx-1", stores[0]), ("nginx-2", stores[1]))
    found = families(ledger, {"nginx-1": POD, "nginx-2": OTHER})
    assert found["journey_tcp_segments_sent_total"].values == {(("element", "nginx_pod"),): 10}
    [buckets] = found["journey_runtime_loop_lag_seconds"].buckets.values()
    assert sum(buckets.counts) == 2


def pod(name: str, requests: int) -> MetricStore:
    store = MetricStore()
    store.counter("journey_pod_requests_total", pod=name, code_class="2xx").value = requests
    store.counter("journey_runtime_messages_total").value = requests * 10
    store.gauge("journey_pod_inflight_requests", pod=name).value = 1
    for _ in range(requests):
        store.histogram("journey_hop_duration_seconds", kind="processing").observe(0.01)
    return store


def test_a_pod_that_goes_takes_its_series_along_and_no_sum_falls():
    ledger = reported(("nginx-1", pod("nginx-1", 3)), ("nginx-2", pod("nginx-2", 4)))
    known = {"nginx-1": POD, "nginx-2": OTHER}
    before = families(ledger, known)
    heir = POD.heir()
    known[heir.element] = heir
    ledger.ended("nginx-1", heir.element)
    del known["nginx-1"]
    after = families(ledger, known)
    for name in ("journey_pod_requests_total", "journey_pod_inflight_requests"):
        assert [dict(labels)["pod"] for labels in after[name].values] == ["nginx-2"]
    messages = "journey_runtime_messages_total"
    assert before[messages].values == after[messages].values == {(("kind", "nginx_pod"),): 70}
    hops = [found["journey_hop_duration_seconds"].buckets for found in (before, after)]
    assert hops[0] == hops[1]


def test_an_element_that_is_restarted_keeps_its_counters_and_loses_its_gauges():
    store = gauge(3, "journey_nat_sessions", router="home")
    store.counter("journey_tcp_segments_sent_total").value = 7
    ledger = reported(("home", store))
    ledger.ended("home")
    assert families(ledger, {}).keys() == {"journey_tcp_segments_sent_total"}
    again = MetricStore()
    again.counter("journey_tcp_segments_sent_total").value = 2
    ledger.add("home", again.deltas())
    [family] = families(ledger, {}).values()
    assert list(family.values.values()) == [9]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000)), max_size=30))
def test_whatever_is_reported_in_whichever_parts_the_sum_is_the_same(parts):
    stores = {name: MetricStore() for name in "abc"}
    ledger = Ledger()
    for name, growth in parts:
        stores[name].counter("journey_vpc_dropped_packets_total", reason="x").value += growth
        ledger.add(name, stores[name].deltas())
    copy = Ledger()
    for element in ledger.elements():
        copy.add(element, ledger.everything(element))
    expected = sum(growth for _, growth in parts)
    for each in (ledger, copy):
        found = families(each, {}).get("journey_vpc_dropped_packets_total")
        assert (total(found.values.items(), reason="x") if found else 0) == expected


def test_histograms_whose_buckets_differ_are_not_mixed_up():
    one, other = MetricStore(), MetricStore()
    one.histogram("took_seconds", buckets=(1.0,)).observe(0.5)
    other.histogram("took_seconds", buckets=(2.0,)).observe(0.5)
    [family] = families(reported(("a", one), ("b", other)), {}).values()
    [buckets] = family.buckets.values()
    assert buckets.bounds == (1.0,) and sum(buckets.counts) == 1


# ---- under the names of others ---------------------------------------------------------------------------------------


def test_resolvers_as_coredns_tells_them():
    store = MetricStore()
    for rcode, count in (("NOERROR", 5), ("NXDOMAIN", 2)):
        store.counter("journey_dns_queries_total", resolver="recursive", rcode=rcode).value = count
    for result, count in (("hit", 4), ("miss", 3), ("stale", 1)):
        store.counter("journey_dns_cache_requests_total", resolver="recursive", result=result).value = count
    store.histogram("journey_dns_query_duration_seconds", resolver="recursive").observe(0.02)
    found = {family.metric.name: family for family in coredns(families(reported(("r", store)), {}))}
    server = (("server", "recursive"),)
    assert found["coredns_dns_requests_total"].values == {server: 7}
    assert found["coredns_dns_responses_total"].values == {
        (*server, ("rcode", "NOERROR")): 5,
        (*server, ("rcode", "NXDOMAIN")): 2,
    }
    assert found["coredns_cache_requests_total"].values == {server: 8}
    assert found["coredns_cache_hits_total"].values == {server: 4}
    assert sum(found["coredns_dns_request_duration_seconds"].buckets[server].counts) == 1


def test_the_service_graph_has_an_edge_to_each_target_group():
    store = MetricStore()
    for source, code_class, count in (("target", "2xx", 8), ("target", "5xx", 1), ("elb", "5xx", 4)):
        labels = {"target_group": "web", "code_class": code_class, "source": source}
        store.counter("journey_alb_requests_total", **labels).value = count
    found = {each.metric.name: each.values for each in service_graph(families(reported(("alb", store)), {}))}
    edge = (("client", "alb"), ("server", "web"))
    assert found == {
        "traces_service_graph_request_total": {edge: 9},
        "traces_service_graph_request_failed_total": {edge: 1},
    }


def test_nothing_is_made_of_nothing():
    assert [*coredns({}), *service_graph({})] == []
