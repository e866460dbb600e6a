"""Rates are how much counters have grown, whoever counted; levels are what gauges say now."""

import pytest

from orchestrator.metrics.ledger import Ledger
from orchestrator.page.numbers import Numbers, quantile

BOUNDS = [0.005, 0.01, 0.1]


def report(ledger: Ledger, element: str, *, counters=(), gauges=(), counts=None) -> None:
    histograms = (
        [] if counts is None else [("journey_client_request_duration_seconds", {}, BOUNDS, counts, 0.0, {})]
    )
    ledger.add(element, {"counters": list(counters), "gauges": list(gauges), "histograms": histograms})


def test_a_load_as_its_laptop_counts_it():
    ledger = Ledger()
    numbers = Numbers(ledger)
    report(ledger, "laptop", counters=[("journey_client_offered_requests_total", {}, 1000)])
    assert numbers.look(10.0)["load"]["offered"] == 0, "what was counted before anybody looked is no rate"
    report(
        ledger,
        "laptop",
        counters=[
            ("journey_client_offered_requests_total", {}, 50),
            ("journey_client_requests_total", {"outcome": "ok"}, 30),
            ("journey_client_requests_total", {"outcome": "timeout"}, 10),
        ],
        counts=[0, 20, 20, 0],
    )
    load = numbers.look(12.0)["load"]
    assert (load["offered"], load["completed"], load["failed"]) == (25, 20, 5)
    assert load["p50_ms"] == pytest.approx(10.0) and load["p99_ms"] == pytest.approx(98.2)


def test_links_on_which_something_happens():
    ledger = Ledger()
    numbers = Numbers(ledger)
    numbers.look(0.0)
    sent = ("journey_link_transmit_packets_total", {"link": "fibre", "direction": "a"}, 6)
    lost = ("journey_link_dropped_packets_total", {"link": "fibre", "reason": "cut"}, 2)
    report(ledger, "isp", counters=[sent, lost], gauges=[("journey_link_queue_packets", {"link": "wifi"}, 3)])
    report(ledger, "home-router", counters=[sent], gauges=[("journey_link_up", {"link": "fibre"}, 0)])
    assert numbers.look(1.0)["links"] == {
        "fibre": {"sent": 12.0, "dropped": {"cut": 2.0}, "down": True},
        "wifi": {"queue": 3.0},
    }


def test_what_elements_have_now():
    ledger = Ledger()
    report(
        ledger,
        "isp",
        gauges=[
            ("journey_bgp_session_up", {"asn": "64500", "peer_asn": "64510"}, 1),
            ("journey_bgp_session_up", {"asn": "64500", "peer_asn": "64511"}, 0),
            ("journey_runtime_dispatch_lag_seconds_max", {}, 0.02),
        ],
    )
    report(
        ledger,
        "alb-1a",
        gauges=[("journey_alb_config_info", {"target_group": "g", "algorithm": "round_robin"}, 1)],
    )
    found = Numbers(ledger).look(0.0)
    assert found["bgp"] == {"isp": {"up": 1, "down": ["64511"]}}
    assert found["lag_ms"] == 20.0 and found["algorithms"] == {"g": "round_robin"}


def test_quantiles_are_those_of_prometheus():
    assert quantile((1.0, 2.0), [0, 0, 0], 0.5) is None
    assert quantile((1.0, 2.0), [4, 0, 0], 0.5) == 500.0
    assert quantile((1.0, 2.0), [0, 0, 4], 0.5) == 2000.0, "beyond the last bound nobody knows"
