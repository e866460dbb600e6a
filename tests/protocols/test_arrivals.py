from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.arrivals import POISSON, SECOND, UNIFORM, Stage, arrivals, constant, duration_ns

RATES = st.floats(0.5, 500)
STAGES = st.lists(
    st.builds(Stage, st.integers(SECOND // 10, 5 * SECOND), RATES, RATES), min_size=1, max_size=4
)


def test_an_even_plan_is_evenly_spaced():
    due = list(arrivals(constant(4, 2 * SECOND), UNIFORM, Random(1)))
    assert due == [
        0,
        250_000_000,
        500_000_000,
        750_000_000,
        *(SECOND + n for n in (0, 250_000_000, 500_000_000, 750_000_000)),
    ]


def test_a_ramp_has_the_area_under_it():
    plan = [Stage(10 * SECOND, 0, 100), *constant(100, SECOND)]
    due = list(arrivals(plan, UNIFORM, Random(1)))
    assert len(due) == 600
    assert len([each for each in due if each < 5 * SECOND]) == 125  # a quarter of the ramp's area
    assert duration_ns(plan) == 11 * SECOND


@given(STAGES, st.sampled_from((UNIFORM, POISSON)), st.integers(0, 99))
def test_arrivals_are_in_order_and_within_the_plan(plan, pattern, seed):
    due = list(arrivals(plan, pattern, Random(seed)))
    assert all(one <= other for one, other in pairwise(due))
    assert all(0 <= each <= duration_ns(plan) for each in due)
    if pattern == UNIFORM:
        expected = sum(stage.expected() for stage in plan)
        assert abs(len(due) - expected) <= 1
    assert due == list(arrivals(plan, pattern, Random(seed)))


@pytest.mark.parametrize("rates", [(200, 200), (50, 350)])
def test_poisson_counts_vary_as_much_as_their_mean(rates):
    counts = [len(list(arrivals([Stage(SECOND, *rates)], POISSON, Random(seed)))) for seed in range(400)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    assert abs(mean - 200) < 3 * (200 / 400) ** 0.5
    assert 0.8 < variance / mean < 1.2  # its standard error is 7 %
