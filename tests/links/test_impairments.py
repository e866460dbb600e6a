"""The weather on a link."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actors.links.impairments import Impairments, LinkConfig, Lost

MS = 1_000_000


def link(seed: int = 1, **fields: object) -> Impairments:
    return Impairments(LinkConfig.model_validate({"between": ("a.x", "b.y"), **fields}), Random(seed))


def test_a_perfect_link_takes_no_time():
    assert link().arrival_ns(5, 1500) == 5


def test_delay_is_added():
    assert link(delay="3ms").arrival_ns(5 * MS, 1500) == 8 * MS


def test_a_frame_takes_its_length_over_the_rate_and_waits_for_the_one_before():
    wire = link(rate="8mbit", delay="1ms")  # one byte a microsecond
    assert wire.arrival_ns(0, 1000) == 2 * MS
    assert wire.queued_ns(0) == MS
    assert wire.arrival_ns(0, 1000) == 3 * MS
    assert wire.arrival_ns(10 * MS, 1000) == 12 * MS


def test_a_full_queue_drops_and_drains():
    wire = link(rate="8mbit", queue=3)
    for _ in range(3):
        wire.arrival_ns(0, 1000)
    with pytest.raises(Lost, match="queue_full"):
        wire.arrival_ns(0, 1000)
    assert wire.arrival_ns(MS, 1000) == 4 * MS


def test_loss_is_the_share_that_was_asked_for():
    wire = link(loss="10%")
    lost = 0
    for _ in range(10_000):
        try:
            wire.arrival_ns(0, 100)
        except Lost:
            lost += 1
    assert 880 < lost < 1120


def test_a_lost_frame_still_takes_its_place_on_the_wire():
    wire = link(rate="8mbit", loss="100%")
    with pytest.raises(Lost, match="loss"):
        wire.arrival_ns(0, 1000)
    assert wire.queued_ns(0) == MS


def test_a_cut_link_carries_nothing_and_mends():
    wire = link(delay="1ms")
    wire.change(cut=True)
    with pytest.raises(Lost, match="cut"):
        wire.arrival_ns(0, 100)
    wire.change(cut=False)
    assert wire.arrival_ns(0, 100) == MS


@given(st.integers(0, 10**12), st.integers(60, 9000), st.integers(0, 2**32))
def test_jitter_stays_within_its_bounds(depart_ns: int, octets: int, seed: int):
    arrival_ns = link(seed, delay="5ms", jitter="2ms").arrival_ns(depart_ns, octets)
    assert depart_ns + 3 * MS <= arrival_ns <= depart_ns + 7 * MS


@given(st.lists(st.tuples(st.integers(0, MS), st.integers(60, 1500)), max_size=50))
def test_without_jitter_frames_arrive_in_the_order_of_sending(sent: list[tuple[int, int]]):
    wire, now_ns, arrivals = link(rate="100mbit", delay="1ms", queue=1000), 0, []
    for pause_ns, octets in sent:
        now_ns += pause_ns
        arrivals.append(wire.arrival_ns(now_ns, octets))
    assert arrivals == sorted(arrivals)


def test_jitter_reorders_frames_only_where_they_do_not_leave_one_by_one():
    def arrivals(**fields: object) -> list[int]:
        wire = link(delay="5ms", jitter="2ms", **fields)
        return [wire.arrival_ns(now_ns, 100) for now_ns in range(0, 10 * MS, MS // 10)]

    assert arrivals() != sorted(arrivals())
    steady = arrivals(rate="100mbit")
    assert steady == sorted(steady)
    assert len(set(steady)) > 10
    assert all(-2 * MS <= arrival - n * MS // 10 - 5 * MS <= 2.1 * MS for n, arrival in enumerate(steady))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("delay", "3"),
        ("delay", 3),
        ("loss", "120%"),
        ("loss", 0.1),
        ("rate", "fast"),
        ("mtu", 20),
        ("colour", "red"),
    ],
)
def test_nonsense_is_refused(field: str, value: object):
    with pytest.raises(ValidationError, match=field):
        link(**{field: value})
