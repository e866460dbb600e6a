"""What an element counts, and what it tells of it."""

from actors.runtime.metrics import MetricStore
from orchestrator.metrics.ledger import Ledger


def test_counters_are_told_by_their_growth_and_gauges_as_they_are():
    store = MetricStore()
    requests, queue = store.counter("requests_total", pod="a"), store.gauge("queue")
    requests.value, queue.value = 5, 3
    assert store.deltas() == {
        "counters": [("requests_total", {"pod": "a"}, 5)],
        "gauges": [("queue", {}, 3)],
    }
    requests.value, queue.value = 7, 2
    assert store.deltas() == {
        "counters": [("requests_total", {"pod": "a"}, 2)],
        "gauges": [("queue", {}, 2)],
    }
    assert store.deltas() == {"counters": [], "gauges": []}


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
