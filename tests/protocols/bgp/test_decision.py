"""The ladder: each rung decides when those above it are even, and says so; the order of arrival never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.bgp.attributes import Attributes, Origin, Segment, SegmentKind
from actors.protocols.bgp.decision import Path, Step, choose
from actors.protocols.bgp.fsm import TABLE, Event, State
from actors.wire.addresses import Prefix

PREFIX = Prefix.parse("198.51.100.0/24")


def path(neighbour: str, *asns: int, identifier: int = 1, address: int = 1, **more: object) -> Path:
    as_path = (Segment(SegmentKind.AS_SEQUENCE, asns),) if asns else ()
    about = Attributes(Origin.IGP, as_path, bytes(4))._replace(**more)
    return Path(PREFIX, about, neighbour, identifier.to_bytes(4), address.to_bytes(4))


@pytest.mark.parametrize(
    ("best", "lost", "step", "why"),
    [
        (path("a", 1, 2, 3, local_pref=200), path("b", 1), Step.LOCAL_PREF, "local preference 100, not 200"),
        (path(""), path("b", 1), Step.LOCAL, "locally originated told by b, not told by this AS"),
        (path("a", 1, 2), path("b", 1, 2, 3), Step.AS_PATH, "AS path length 3 (1 2 3), not 2 (1 2)"),
        (path("a", 1), path("b", 2, origin=Origin.INCOMPLETE), Step.ORIGIN, "origin INCOMPLETE, not IGP"),
        (path("a", 1, med=1), path("b", 1, med=2), Step.MED, "MED 2, not 1"),
        (path("a", 1, med=9, identifier=1), path("b", 2, identifier=2), Step.IDENTIFIER, "BGP identifier 0.0.0.2, not 0.0.0.1"),  # noqa: E501
        (path("a", 1, address=1), path("b", 1, address=2), Step.ADDRESS, "neighbour address 0.0.0.2, not 0.0.0.1"),
    ],
)  # fmt: skip
def test_each_rung(best, lost, step, why):
    for order in ([best, lost], [lost, best]):
        verdict = choose(order)
        assert verdict is not None
        assert (verdict.best, verdict.step) == (best, step)
        assert [(each.path, each.step, each.why) for each in verdict.lost] == [(lost, step, why)]


def test_a_set_counts_as_one():
    aggregate = path("a")._replace(
        attributes=Attributes(
            Origin.IGP,
            (Segment(SegmentKind.AS_SEQUENCE, (1,)), Segment(SegmentKind.AS_SET, (2, 3, 4))),
            bytes(4),
        )
    )
    verdict = choose([aggregate, path("b", 1, 2, 3)])
    assert verdict is not None and verdict.best is aggregate


def test_the_only_path_and_none():
    assert choose([]) is None
    verdict = choose([path("a", 1)])
    assert verdict is not None
    assert (verdict.step, verdict.lost) == (Step.ONLY, ())


paths = st.builds(
    lambda neighbour, asns, med, pref: path(
        f"n{neighbour}", *asns, med=med, local_pref=pref, identifier=neighbour + 1, address=neighbour
    ),
    st.integers(0, 5),
    st.lists(st.integers(1, 3), min_size=1, max_size=2),
    st.none() | st.integers(0, 2),
    st.sampled_from([None, 100, 200]),
)


@given(st.lists(paths, min_size=1, max_size=6, unique_by=lambda each: each.neighbour), st.randoms())
def test_the_order_makes_no_difference_and_everybody_is_accounted_for(told, dice):
    verdict = choose(told)
    shuffled = list(told)
    dice.shuffle(shuffled)
    assert choose(shuffled) == verdict
    assert verdict is not None
    assert {verdict.best, *(each.path for each in verdict.lost)} == set(told)


def test_the_table_knows_every_state_with_every_event_and_leaves_only_by_idle():
    assert len(TABLE) == len(State) * len(Event)
    for (state, event), row in TABLE.items():
        if state is State.ESTABLISHED:
            assert row.state in (State.ESTABLISHED, State.IDLE), event
        if row.state is State.ESTABLISHED:
            assert state in (State.OPEN_CONFIRM, State.ESTABLISHED)
