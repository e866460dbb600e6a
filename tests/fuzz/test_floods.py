"""Floods of a few thousand; `make fuzz` has 100,000 of each."""

import pytest

from tests.fuzz.floods import FLOODS
from tests.fuzz.watching import overflows

COUNTS = {"unknown names": 1500, "deaf dns clients": 1000}


@pytest.mark.parametrize("name", FLOODS)
def test_what_is_kept_of_a_flood_is_bounded(name: str):
    assert not list(overflows(FLOODS[name](COUNTS.get(name, 2500))))
