"""The parts on their own: round trip estimate, out-of-order queue, listening queues, sequence numbers."""

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.tcp.listener import Admission, Listener
from actors.protocols.tcp.reassembly import MAXIMUM_PIECES, Reassembly
from actors.protocols.tcp.rtt import RoundTrip
from actors.protocols.tcp.sequence import MASK, after, distance
from actors.protocols.tcp.settings import DEFAULTS
from actors.units import MILLISECOND, SECOND

# ---- rtt ------------------------------------------------------------------------------------------------------


def test_the_first_sample_sets_both_estimates():
    estimate = RoundTrip(DEFAULTS)
    assert estimate.rto_ns == 1 * SECOND
    estimate.sample(100 * MILLISECOND)
    assert (estimate.srtt_ns, estimate.rttvar_ns) == (100 * MILLISECOND, 50 * MILLISECOND)
    assert estimate.rto_ns == 300 * MILLISECOND


def test_further_samples_move_them_by_an_eighth_and_a_quarter():
    estimate = RoundTrip(DEFAULTS)
    estimate.sample(80 * MILLISECOND)
    estimate.sample(160 * MILLISECOND)
    assert estimate.srtt_ns == 90 * MILLISECOND
    assert estimate.rttvar_ns == 50 * MILLISECOND


def test_a_steady_path_keeps_200_ms_of_patience():
    estimate = RoundTrip(DEFAULTS)
    for _ in range(100):
        estimate.sample(5 * MILLISECOND)
    assert abs(estimate.rto_ns - 205 * MILLISECOND) < 10


def test_back_off_doubles_up_to_the_limit_and_a_sample_ends_it():
    estimate = RoundTrip(DEFAULTS)
    for _ in range(10):
        estimate.back_off()
    assert estimate.rto_ns == 120 * SECOND
    estimate.sample(MILLISECOND)
    assert estimate.rto_ns == 201 * MILLISECOND


def test_no_time_at_all_counts_as_a_sample():
    estimate = RoundTrip(DEFAULTS)
    estimate.sample(-5)
    assert estimate.srtt_ns == 1


# ---- out of order ---------------------------------------------------------------------------------------------


@given(
    origin=st.integers(0, MASK),
    pieces=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), min_size=1, max_size=30),
)
def test_the_queue_gives_back_what_was_put_in(origin: int, pieces: list[tuple[int, int]]):
    stream = bytes(range(1, 101))
    queue, known = Reassembly(), set()
    for start, size in pieces:
        queue.put((origin + start) & MASK, stream[start : start + size], origin)
        known.update(range(start, min(start + size, len(stream))))
    assert queue.held_bytes == len(known)
    assert queue.take(origin) == b""
    first = min(known)
    expected = first
    while expected in known:
        expected += 1
    assert queue.take((origin + first) & MASK) == stream[first:expected]
    assert queue.held_bytes == len(known) - (expected - first)


def test_the_queue_is_bounded():
    queue = Reassembly()
    for at in range(3 * MAXIMUM_PIECES):
        queue.put(2 * at + 1, b"x", 0)
    assert queue.held_bytes == MAXIMUM_PIECES


def test_what_was_known_in_part_is_taken_in_part():
    queue = Reassembly()
    queue.put(5, b"fghij", 0)
    assert queue.take(7) == b"hij"
    assert not queue


# ---- listening ------------------------------------------------------------------------------------------------


def test_the_accept_queue_holds_one_more_than_its_backlog():
    listener: Listener[int] = Listener(backlog=2)
    for number in range(3):
        listener.begin(number)
        assert listener.complete(number)
    listener.begin(3)
    assert not listener.complete(3)
    assert listener.overflows == 1
    assert listener.admission() is Admission.ACCEPT_QUEUE_FULL
    assert listener.syn_drops == 1
    assert listener.accept() == 0
    assert listener.complete(3)
    assert [listener.accept() for _ in range(4)] == [1, 2, 3, None]


def test_the_syn_queue_holds_its_backlog():
    listener: Listener[int] = Listener(backlog=2)
    for number in range(2):
        assert listener.admission() is Admission.QUEUED
        listener.begin(number)
    assert listener.admission() is Admission.SYN_QUEUE_FULL
    listener.forget(0)
    assert listener.admission() is Admission.QUEUED


def test_somaxconn_limits_any_backlog():
    assert Listener(1_000_000).backlog == 4096


def test_who_was_never_accepted_can_be_forgotten():
    listener: Listener[int] = Listener(backlog=1)
    listener.begin(1)
    listener.complete(1)
    listener.forget(1)
    assert listener.accept() is None


# ---- the rest -------------------------------------------------------------------------------------------------


@given(st.integers(0, MASK), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_distances_survive_the_wrap(base: int, step: int):
    other = (base + step) & MASK
    assert distance(other, base) == step
    assert after(other, base) is (step > 0)
