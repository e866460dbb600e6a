"""Marks of journeys: an id, and what it carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.wire.baggage import Laden, facts_of, journey_of, mark_of
from actors.wire.malformed import Malformed

JOURNEY = "6b08280b774ff11e61dfbdfbad9a40f8"
names = st.sampled_from(["alb_ns", "target_ns", "x", "y1"])


@given(st.dictionaries(names, st.integers(-(10**15), 10**15)))
def test_what_is_carried_arrives(facts):
    arrived = journey_of(mark_of(Laden(JOURNEY, facts)))
    assert arrived == JOURNEY and hash(arrived) == hash(JOURNEY) and facts_of(arrived) == facts


def test_an_id_alone_is_its_own_mark():
    assert mark_of(JOURNEY) is JOURNEY and journey_of(JOURNEY) is JOURNEY
    assert facts_of(JOURNEY) == facts_of(None) == {}


@given(st.text())
def test_a_mark_is_understood_or_malformed(text):
    try:
        assert journey_of(text) == text.partition(";")[0]
    except Malformed:
        assert ";" in text


@pytest.mark.parametrize("told", ["", "x", "x=", "x=1,", "=1", "x=1.5", "x=²", "x=1" + "0" * 200])
def test_what_is_no_baggage_is_malformed(told):
    with pytest.raises(Malformed):
        journey_of(f"{JOURNEY};{told}")
