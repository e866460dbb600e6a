"""Resource quantities: what they amount to and how they are written."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes.quantity import MALFORMED, SUFFIX, canonical, compare, parse

WRITTEN = {
    "0": "0", "250m": "250m", "0.5": "500m", "1.5Gi": "1536Mi", "1e3": "1e3", "1Ki": "1Ki", "1024Ki": "1Mi",
    "1000": "1k", "1000m": "1", "1.5": "1500m", "+2": "2", "-3Mi": "-3Mi", "100n": "100n", "1E": "1E", "1E3": "1e3",
    "12e6": "12e6",    ".5": "500m", "1.": "1", "0Gi": "0", "0.5Ki": "512", "128974848": "128974848", "0.1n": "1n",
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRITTEN.items())
def test_canonical_form(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1 Gi", "1.2.3", "--1", "Gi", ".", "1Gi "])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression") as caught:
        parse(text)
    assert str(caught.value) == MALFORMED


@pytest.mark.parametrize("text", ["1Xi".replace("X", "E") + "i", "1KiKi", "1mm", "1e"])
def test_what_has_no_such_suffix(text: str) -> None:
    with pytest.raises(ValueError, match="suffix") as caught:
        parse(text)
    assert str(caught.value) == SUFFIX


def test_numbers_are_quantities_too() -> None:
    assert canonical(2) == "2"
    assert canonical(0.25) == "250m"


def test_amounts_are_rounded_up() -> None:
    assert parse("1n").milli == 1
    assert parse("1500m").milli == 1500
    assert parse("1500m").whole == 2
    assert parse("1Gi").whole == 2**30


def test_comparison_knows_no_suffixes() -> None:
    assert compare("1Gi", "1024Mi") == 0
    assert compare("1G", "1Gi") == -1
    assert compare("1", "999m") == 1


SUFFIXES = ["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3"]


@given(st.integers(-(10**6), 10**6), st.sampled_from(SUFFIXES))
def test_canonical_form_is_the_same_amount_and_stays(number: int, suffix: str) -> None:
    text = canonical(f"{number}{suffix}")
    assert parse(text).value == parse(f"{number}{suffix}").value
    assert canonical(text) == text


@given(st.decimals(-1000, 1000, places=3), st.decimals(-1000, 1000, places=3))
def test_order_is_that_of_the_numbers(one: Decimal, other: Decimal) -> None:
    assert compare(str(one), str(other)) == (one > other) - (one < other)
