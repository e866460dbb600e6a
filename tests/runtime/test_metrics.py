"""What an element counts, and what it tells of it."""

import msgpack
import pytest

from actors.runtime.control_line import unpacked
from actors.runtime.metrics import MetricStore
from orchestrator.metrics.ledger import Ledger


def test_counters_are_told_by_their_growth_and_gauges_as_they_are():
    store = MetricStore()
    requests, queue = store.counter("requests_total", pod="a"), store.gauge("queue")
    requests.value, queue.value = 5, 3
    assert store.deltas() == {
        "removed": [],
        "counters": [("requests_total", {"pod": "a"}, 5)],
        "gauges": [("queue", {}, 3)],
        "histograms": [],
    }
    requests.value, queue.value = 7, 2
    deltas = store.deltas()
    assert deltas["counters"] == [("requests_total", {"pod": "a"}, 2)]
    assert deltas["gauges"] == [("queue", {}, 2)]
    assert store.deltas() == {"removed": [], "counters": [], "gauges": [], "histograms": []}


def test_a_new_series_is_told_even_at_zero_so_that_rates_have_a_start():
    store = MetricStore()
    store.counter("errors_total")
    assert store.deltas()["counters"] == [("errors_total", {}, 0)]


def test_the_same_name_and_labels_are_the_same_counter():
    store = MetricStore()
    assert store.counter("x", a="1", b="2") is store.counter("x", b="2", a="1")
    assert store.counter("x", a="1") is not store.counter("x", a="2")


def test_values_read_like_prometheus():
    store = MetricStore()
    store.counter("x_total", pod="a").value = 2
    store.on_collect(lambda: setattr(store.gauge("y"), "value", 4))
    assert store.values() == {'x_total{pod="a"}': 2, "y": 4}


def test_the_ledger_outlives_a_restart():
    ledger = Ledger()
    for growth in (5, 2):
        ledger.add(
            "alb-1a",
            {"counters": [["requests_total", {"pod": "a"}, growth]], "gauges": [["queue", {}, growth]]},
        )
    ledger.add("alb-1b", {"counters": [["requests_total", {"pod": "b"}, 1]], "gauges": []})
    assert ledger.total("requests_total") == 8
    assert ledger.total("requests_total", "alb-1a") == 7
    assert ledger.total("requests_total", pod="b") == 1
    assert ledger.gauges["alb-1a"]["queue", ()] == 2


def test_a_histogram_tells_how_its_buckets_grew_and_the_journeys_that_were_seen():
    store = MetricStore()
    took = store.histogram("took_seconds", buckets=(0.1, 1.0), path="/")
    took.observe(0.1)
    took.observe(0.5, "ab" * 16)
    took.observe(7)
    assert store.deltas()["histograms"] == [
        ("took_seconds", {"path": "/"}, [0.1, 1.0], [1, 1, 1], 7.6, {1: ("ab" * 16, 0.5)})
    ]
    took.observe(2)
    assert store.deltas()["histograms"] == [("took_seconds", {"path": "/"}, [0.1, 1.0], [0, 0, 1], 2.0, {})]
    assert store.deltas()["histograms"] == []
    assert store.values() == {
        'took_seconds_count{path="/"}': 4,
        'took_seconds_sum{path="/"}': pytest.approx(9.6),
    }


def test_series_of_what_is_gone_are_removed_here_and_in_the_ledger():
    store, ledger = MetricStore(), Ledger()
    for target in ("a", "b"):
        store.counter("requests_total", target=target).value = 3
        store.gauge("outstanding", target=target).value = 1
        store.histogram("took_seconds", target=target).observe(1)
    ledger.add("alb", store.deltas())
    store.remove(target="a")
    store.counter("requests_total", target="a").value = 1  # the same name has come back
    ledger.add("alb", store.deltas())
    assert ledger.counters["alb"] == {
        ("requests_total", (("target", "a"),)): 1,
        ("requests_total", (("target", "b"),)): 3,
    }
    assert [key[1] for key in ledger.gauges["alb"]] == [(("target", "b"),)]
    assert [key[1] for key in ledger.histograms["alb"]] == [(("target", "b"),)]


def test_an_element_that_is_gone_takes_its_own_series_along_but_sums_do_not_fall():
    store, ledger = MetricStore(), Ledger()
    store.counter("requests_total", pod="a").value = 3
    store.counter("resets_total").value = 2
    store.gauge("queue").value = 1
    store.histogram("took_seconds").observe(1)
    ledger.add("a", store.deltas())
    ledger.ended("a", heir="the others")
    assert ledger.total("requests_total") == 0
    assert ledger.total("resets_total") == 2
    assert "a" not in ledger.elements() and not ledger.gauges
    assert [sum(each.counts) for each in ledger.histograms["the others"].values()] == [1]


def test_deltas_with_exemplars_arrive_over_the_control_line():
    metrics = MetricStore()
    metrics.histogram("journey_client_request_duration_seconds").observe(0.004, "ab" * 16)
    beat = {"t": "beat", "metrics": metrics.deltas()}
    [arrived] = unpacked(msgpack.packb([beat]))
    ledger = Ledger()
    ledger.add("laptop", arrived["metrics"])
    [buckets] = ledger.histograms["laptop"].values()
    assert sum(buckets.counts) == 1
    assert list(buckets.exemplars.values()) == [("ab" * 16, 0.004)]
