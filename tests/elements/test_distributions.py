from random import Random
from statistics import mean, quantiles
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from actors.parts.distributions import Distribution
from actors.units import MILLISECOND

ADAPTER: TypeAdapter[Any] = TypeAdapter(Distribution)


def draws(count: int = 20_000, **config: str) -> list[int]:
    distribution, dice = ADAPTER.validate_python(config), Random(1)
    return [distribution.draw(dice) for _ in range(count)]


def test_constant():
    assert set(draws(10, distribution="constant", value="3ms")) == {3 * MILLISECOND}


def test_uniform():
    values = draws(distribution="uniform", low="1ms", high="3ms")
    assert 1 * MILLISECOND <= min(values) < max(values) <= 3 * MILLISECOND
    assert mean(values) == pytest.approx(2 * MILLISECOND, rel=0.02)


def test_exponential():
    assert mean(draws(distribution="exponential", mean="2ms")) == pytest.approx(2 * MILLISECOND, rel=0.03)


def test_lognormal_hits_its_median_and_p99():
    percentiles = quantiles(draws(distribution="lognormal", median="400us", p99="2ms"), n=100)
    assert percentiles[49] == pytest.approx(0.4 * MILLISECOND, rel=0.03)
    assert percentiles[98] == pytest.approx(2 * MILLISECOND, rel=0.08)


@pytest.mark.parametrize(
    "config",
    [
        {"distribution": "normal", "mean": "1ms"},
        {"distribution": "constant", "value": 3},
        {"distribution": "constant", "value": "3ms", "jitter": "1ms"},
        {"distribution": "uniform", "low": "3ms", "high": "1ms"},
        {"distribution": "exponential", "mean": 0},
        {"distribution": "lognormal", "median": "2ms", "p99": "2ms"},
    ],
)
def test_what_is_no_distribution(config):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(config)
