"""The weather on a link."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actors.links.distributions import offset_of
from actors.links.impairments import Impairments, LinkConfig, LinkFault, Lost
from actors.links.port import LinkPort, Way

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


def test_a_frame_does_not_arrive_before_it_has_left():
    arrivals = [link(seed, delay="1ms", jitter="5ms").arrival_ns(7, 100) for seed in range(50)]
    assert min(arrivals) == 7 and max(arrivals) <= 6 * MS + 7 and len(set(arrivals)) > 10


@pytest.mark.parametrize(
    ("name", "mean", "least", "median", "most"),
    [
        ("uniform", 0.0, -1.0, 0.0, 1.0),
        ("normal", 0.0, -4.0, 0.0, 4.0),
        ("pareto", -0.033, -2 / 3, -0.3201, 4.0),
        ("paretonormal", -0.025, -1.5, -0.2401, 4.0),
    ],
)
def test_distributions_are_those_of_netem(name, mean, least, median, most):
    offset = offset_of(name)
    offsets = [offset((step + 0.5) / 10_000) for step in range(10_000)]
    assert offsets == sorted(offsets)
    assert sum(offsets) / len(offsets) == pytest.approx(mean, abs=0.002)
    assert (offset(0.0), offset(0.5)) == (pytest.approx(least), pytest.approx(median, abs=1e-4))
    assert max(offset(1 - 2**-53), offset(1.0)) <= most and offsets[-1] > 0.99 * min(most, 3.8)


def test_a_jitter_has_its_distribution_and_several_are_drawn_each_for_itself():
    wire = link(delay="50ms", jitter="3ms", distribution="pareto")
    early = [wire.arrival_ns(0, 100) - 50 * MS for _ in range(2000)]
    assert min(early) >= -2 * MS and max(early) > 6 * MS and sorted(early)[1000] < -MS / 2
    wire.suffer([LinkFault(jitter="1ms", distribution="normal")])
    assert [(each.spread_ns, each.distribution) for each in wire.jitters] == [
        (MS, "normal"),
        (3 * MS, "pareto"),
    ]
    with pytest.raises(ValidationError, match="say jitter, too"):
        link(delay="1ms", distribution="normal")


def test_reordered_frames_arrive_without_the_delay():
    wire = link(delay="5ms")
    wire.suffer([LinkFault(reorder="25%")])
    arrivals = [wire.arrival_ns(0, 100) for _ in range(4000)]
    assert set(arrivals) == {0, 5 * MS} and 900 < arrivals.count(0) < 1100


def test_a_corrupt_frame_is_dropped_and_counted_as_such():
    wire = link()
    wire.suffer([LinkFault(corrupt="100%")])
    with pytest.raises(Lost, match="corrupt"):
        wire.arrival_ns(0, 100)


class Bench:
    """A port whose frames are seen to leave, at time 0."""

    frame_ns, came_by = 0, ""

    def __init__(self, **fault: object) -> None:
        self.left: list[tuple[int, bytes]] = []
        weather = link(delay="1ms")
        self.port = LinkPort("a", "x", "l", ("b", "y"), 1500, weather, self, self)
        weather.suffer([LinkFault.model_validate(fault)])
        self.port.look()

    def now_ns(self) -> int:
        return 0

    def way(self, port: LinkPort) -> Way:
        return lambda arrive_ns, journey, frame: self.left.append((arrive_ns, frame))


def test_a_duplicated_frame_arrives_twice_and_counts_twice():
    bench = Bench(duplicate="100%")
    bench.port.send(b"frame")
    assert bench.left == [(MS, b"frame")] * 2 and (bench.port.packets, bench.port.octets) == (2, 10)


def test_what_came_by_the_other_side_of_a_partition_is_not_passed_on():
    bench = Bench(parts_from=["there"])
    for bench.came_by in ("there", "elsewhere", ""):
        bench.port.send(b"frame")
    assert len(bench.left) == 2 and bench.port.drops == {"partition": 1}


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
