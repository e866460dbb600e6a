"""Histograms of seconds, taken from histograms that only grow."""

from hypothesis import given
from hypothesis import strategies as st

from actors.parts.latencies import Ranks, new_histogram
from orchestrator.reports.histograms import added_since, curve, decoded
from orchestrator.reports.series import Seconds

latencies_us = st.lists(st.integers(1, 60_000_000), max_size=30)


def encoded(values: list[int]) -> str:
    histogram = new_histogram()
    for value in values:
        histogram.record_value(value)
    return histogram.encode().decode()


@given(latencies_us, latencies_us)
def test_what_was_added_is_what_is_found(before, then):
    found = added_since(encoded(before + then), encoded(before))
    assert found.counts[:] == decoded(encoded(then)).counts[:]
    assert found.get_total_count() == len(then)


@given(latencies_us, latencies_us)
def test_what_is_lost_with_a_client_is_never_less_than_nothing(before, after):
    assert added_since(encoded(after), encoded(before)).get_total_count() <= len(after)


@given(latencies_us)
def test_a_curve_goes_up_and_ends_with_the_largest(values):
    points = curve(encoded(values))
    assert points == sorted(points) and [ms for _, ms in points] == sorted(ms for _, ms in points)
    assert not points if not values else points[-1][1] == Ranks(decoded(encoded(values))).ms(100)


def status(elapsed_s: float, requests: int, running: bool = True, **more: object) -> dict[str, object]:
    hdr = encoded([1000] * requests)
    return {
        "elapsed_s": elapsed_s,
        "requests": requests,
        "running": running,
        "hdr": hdr,
        "errors": {},
        **more,
    }


def test_seconds_of_a_closed_loop_and_things_that_come_late():
    seconds, nothing = Seconds(), {"outstanding": {}, "targets": {}, "pods": {}}
    assert not seconds.due(status(0.5, 3)) and seconds.due(status(1.0, 5))
    seconds.take(status(1.0, 5, per_pod={"a": 5}), **nothing)  # type: ignore[arg-type]
    then = status(2.0, 9, per_pod={"a": 6, "b": 3}, errors={"reset": 1})
    seconds.take(then, outstanding={"alb": {"b": 2.0}}, targets={"b": "initial"}, pods={"b": "Ready"})
    end = status(2.1, 9, running=False, per_pod={"a": 6, "b": 3}, errors={"reset": 1})
    assert seconds.due(end) and not seconds.due({**then, "running": False}), "nothing passed"
    seconds.take(end, **nothing)  # type: ignore[arg-type]
    series = seconds.series()
    assert series.t_s == [1.0, 2.0, 2.1] and series.offered == series.completed == [5, 4, 0]
    assert series.requests == {"a": [5, 1, 0], "b": [0, 3, 0]} and series.failed == {"reset": [0, 1, 0]}
    assert series.outstanding == {"alb": {"b": [None, 2.0, None]}}
    assert series.target_states == {"b": [None, "initial", None]}
    assert series.latency_ms["p99"] == [1.0, 1.0, None]
