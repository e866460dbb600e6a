"""What the page tells of latencies is what a load's own report would tell of the same seconds."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from actors.element import CallFailed
from actors.parts.latencies import Lately, new_histogram, percentiles_ms, rounded
from orchestrator.page.latencies import MOST_ASKED, Latencies, percentile_ms


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_agree_with_those_of_a_report(seed):
    dice, histogram, lately = Random(seed), new_histogram(), Lately()
    assert lately.take(True) == []
    for _ in range(2000):
        latency_ns = round(dice.lognormvariate(15.5, 0.8))
        histogram.record_value(latency_ns // 1000)
        lately.add(latency_ns)
    counts = Counter(dict(lately.take(True)))
    reported = percentiles_ms(histogram)
    assert percentile_ms(counts, 50) == pytest.approx(reported["p50"], rel=0.01)
    assert percentile_ms(counts, 99) == pytest.approx(reported["p99"], rel=0.01)


def test_nothing_is_kept_for_nobody():
    lately = Lately()
    lately.add(1)
    assert lately.take(True) == []
    lately.add(10**6)
    assert lately.take(False) == [(rounded(10**6), 1)]
    lately.add(10**6)
    assert lately.take(True) == []


def test_a_time_is_told_to_half_a_hundredth():
    for ns in (0, 1, 127, 128, 300, 10**6 + 7, 60 * 10**9):
        assert abs(rounded(ns) - ns) <= ns * 0.005


class Laptops:
    """`b` is dead."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> list[tuple[int, int]]:
        if element == "b":
            raise CallFailed("b is gone")
        return [(1_000_000, 1)]


async def test_what_is_older_than_the_window_is_forgotten_and_the_dead_are_not_waited_for():
    latencies = Latencies(Laptops(), 3.0)
    for now_s in range(6):
        await latencies.look(["a", "b"], float(now_s))
    assert latencies.percentiles_ms() == {"p50_ms": 1.0, "p99_ms": 1.0} and len(latencies._looks) == 3
    await latencies.look(["a"] * (MOST_ASKED + 1), 7.0)
    assert not latencies.exact and latencies.percentiles_ms() == {"p50_ms": None, "p99_ms": None}
