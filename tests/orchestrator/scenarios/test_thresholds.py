import pytest

from actors.parts.latencies import new_histogram, percentiles_ms
from orchestrator.scenarios.thresholds import NoValue, parse, value_of

HISTOGRAM = new_histogram()
for millisecond in range(1, 101):
    HISTOGRAM.record_value(millisecond * 1000)
POD = {
    "pod": "nginx-abc-xyz",
    "as": "nginx-0",
    "requests": 20,
    "share": 0.2,
    "latency_ms": {"p50": 3.0, "p99": 9.0, "max": 10.0},
    "outstanding": {"mean": 1.5, "max": 4},
    "per_node": {"alb-1a": {"mean": 0.5, "max": 3}},
}
VARIANT = {
    "load": {
        "offered": 200,
        "requests": 100,
        "elapsed_s": 10.0,
        "statuses": {"200": 90, "502": 7, "503": 3},
        "errors": {"http_5xx": 10, "timeout": 4},
        "dropped": {"max_inflight": 6},
        "latency_ms": percentiles_ms(HISTOGRAM),
        "service_ms": percentiles_ms(HISTOGRAM),
        "hdr": HISTOGRAM.encode().decode(),
    },
    "pods": [POD],
    "alb_errors": [
        {"node": "alb-1a", "status": 502, "cause": "TargetClosedConnection", "count": 7},
        {"node": "alb-1a", "status": 503, "cause": "NoTargets", "count": 3},
    ],
}


@pytest.mark.parametrize(
    ("metric", "condition", "where", "value"),
    [
        ("latency", "p(99) < 1s", {}, 99),
        ("latency", "p(95) < 1s", {}, 95),
        ("latency", "med < 1s", {}, 50),
        ("latency", "max < 1s", {}, 100),
        ("latency", "p(99) < 1s", {"pod": "nginx-0"}, 9),
        ("service_latency", "p(90) < 1s", {}, 90),
        ("requests", "count > 1", {}, 100),
        ("requests", "rate > 1/s", {}, 10),
        ("requests", "rate > 1/s", {"pod": "nginx-abc-xyz"}, 2),
        ("errors", "rate < 1%", {}, 0.07),
        ("errors", "count < 1", {"kind": "timeout"}, 4),
        ("responses", "count == 0", {"code": "5xx"}, 10),
        ("responses", "rate == 0%", {"code": "502"}, 0.07),
        ("dropped", "count == 0", {}, 6),
        ("share", "value < 1%", {"pod": "nginx-0"}, 0.2),
        ("outstanding", "avg < 1", {"pod": "nginx-0"}, 1.5),
        ("outstanding", "max < 1", {"pod": "nginx-0", "node": "alb-1a"}, 3),
        ("alb_errors", "count == 0", {}, 10),
        ("alb_errors", "count == 0", {"cause": "NoTargets"}, 3),
        ("alb_errors", "count == 0", {"code": "502"}, 7),
    ],
)
def test_values(metric, condition, where, value):
    assert value_of(metric, parse(condition), where, VARIANT) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "value", "holds", "told"),
    [
        ("p(99) < 400ms", 399.9, True, "399.9ms"),
        ("p(99.9) <= 1s", 1000.1, False, "1000.1ms"),
        ("rate < 0.1%", 0.001, False, "0.10%"),
        ("count == 0", 0, True, "0"),
        ("avg != 2.5", 2.5, False, "2.5"),
        ("rate >= 300/s", 300, True, "300"),
    ],
)
def test_conditions(text, value, holds, told):
    condition = parse(text)
    assert condition.text == text
    assert (condition.holds(value), condition.told(value)) == (holds, told)


@pytest.mark.parametrize(
    "text", ["", "p99 < 3", "p(0) < 3s", "p(101) < 3s", "avg < ", "avg = 3", "avg < three", 3, None]
)
def test_what_is_no_condition(text):
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize(
    ("metric", "condition", "where", "why"),
    [
        ("share", "value < 1%", {"pod": "nginx-1"}, "no pod 'nginx-1', did you mean 'nginx-0'?"),
        (
            "outstanding",
            "max < 1",
            {"pod": "nginx-0", "node": "alb-1b"},
            "no load balancer node 'alb-1b', did you mean 'alb-1a'?",
        ),
        ("latency", "p(42) < 1s", {"pod": "nginx-0"}, "no p(42); there are p50, p99, max"),
    ],
)
def test_what_there_is_no_value_of(metric, condition, where, why):
    with pytest.raises(NoValue) as raised:
        value_of(metric, parse(condition), where, VARIANT)
    assert str(raised.value) == why
