"""How much may be in flight: slow start, avoidance and decrease by the numbers of the RFCs."""

from math import sqrt

import pytest

from actors.protocols.tcp import TcpSettings
from actors.protocols.tcp.congestion import UNLIMITED, NewReno
from actors.protocols.tcp.cubic import BETA, C, Cubic
from actors.units import SECOND

MSS = 1000
RTT_NS = 100_000_000


def control(kind: type[NewReno], window: int = 10, ssthresh: int | None = None, **settings: int) -> NewReno:
    made = kind(TcpSettings(**settings))  # type: ignore[arg-type]
    made.begin(MSS, window * MSS)
    if ssthresh is not None:
        made.ssthresh_bytes = ssthresh * MSS
    return made


def a_round_trip(made: NewReno, now_ns: int = 0) -> None:
    """All that the window allowed is acknowledged, segment by segment."""
    for _ in range(made.window_bytes // MSS):
        made.on_acknowledged(MSS, now_ns, RTT_NS)


@pytest.mark.parametrize("kind", [NewReno, Cubic])
def test_slow_start_doubles_up_to_ssthresh(kind: type[NewReno]):
    made = control(kind, 10, 35)
    assert control(kind).ssthresh_bytes == UNLIMITED
    a_round_trip(made)
    assert made.window_bytes == 20 * MSS
    a_round_trip(made)
    assert 35 * MSS <= made.window_bytes <= 36 * MSS


def test_limited_slow_start_adds_half_of_max_ssthresh_at_most():
    made = control(NewReno, 100, max_ssthresh_segments=100)
    a_round_trip(made)
    a_round_trip(made)
    before = made.window_bytes
    a_round_trip(made)
    assert 0 < made.window_bytes - before <= 50 * MSS  # RFC 3742 section 2


def test_newreno_adds_a_segment_in_each_round_trip_and_halves():
    made = control(NewReno, 20, 20)
    a_round_trip(made)
    assert made.window_bytes == 21 * MSS
    made.on_loss(21 * MSS)
    assert made.window_bytes == made.ssthresh_bytes == 10_500


def test_cubic_keeps_seven_tenths():
    made = control(Cubic, 100, 100)
    made.on_loss(100 * MSS)
    assert made.window_bytes == made.ssthresh_bytes == 70 * MSS


@pytest.mark.parametrize("kind", [NewReno, Cubic])
def test_what_was_not_used_is_not_what_is_halved(kind: type[NewReno]):
    made = control(kind, 100)
    made.on_loss(10 * MSS)
    assert made.window_bytes <= 7 * MSS


@pytest.mark.parametrize("kind", [NewReno, Cubic])
def test_a_timeout_begins_anew_with_one_segment(kind: type[NewReno]):
    made = control(kind, 40)
    made.on_timeout(40 * MSS)
    assert made.window_bytes == MSS
    assert 20 * MSS <= made.ssthresh_bytes <= 28 * MSS


@pytest.mark.parametrize("kind", [NewReno, Cubic])
def test_a_loss_that_was_none_is_undone(kind: type[NewReno]):
    made = control(kind, 40)
    made.on_loss(40 * MSS)
    made.undo()
    assert (made.window_bytes, made.ssthresh_bytes) == (40 * MSS, UNLIMITED)


@pytest.mark.parametrize("kind", [NewReno, Cubic])
def test_silence_takes_the_window_back_to_the_initial_one(kind: type[NewReno]):
    made = control(kind, 40, 30)
    made.on_idle(SECOND, 10 * MSS)
    assert made.window_bytes == 10 * MSS
    assert made.ssthresh_bytes == 30 * MSS  # three quarters of what had been reached
    made.on_idle(SECOND, None)
    assert made.window_bytes == 10 * MSS


def test_cubic_is_back_at_the_old_window_after_k_seconds():
    """RFC 9438 section 4.2: K is the cube root of what was taken away over C; around it the curve is flat."""
    made = control(Cubic, 1000, 1000)
    made.on_loss(1000 * MSS)
    k_s = (300 / C) ** (1 / 3)
    windows = {}
    for step in range(200):
        now_ns = step * RTT_NS
        a_round_trip(made, now_ns)
        windows[step] = made.window_bytes / MSS
    at_k = windows[round(k_s * 10)]
    assert at_k == pytest.approx(1000, rel=0.01)
    assert windows[round(k_s * 10) + 10] - at_k < 5
    assert windows[round(k_s * 20)] > 1150  # and beyond it looks for more


def average_window(kind: type[NewReno], loss: float, rtt_s: float, packets: int) -> float:
    """Segments, where every 1/loss-th packet is lost, as the formulas of the RFC have it."""
    made = control(kind, 10)
    now_s, between, sent, timed_s = 0.0, round(1 / loss), 0, 0.0
    warm = packets // 2  # the first slow start overshoots far
    for number in range(1, packets + 1):
        now_s += rtt_s * MSS / made.window_bytes
        if number % between:
            made.on_acknowledged(MSS, round(now_s * SECOND), round(rtt_s * SECOND))
        else:
            made.on_loss(made.window_bytes)
        if number == warm:
            timed_s = now_s
        sent += number > warm
    return sent * rtt_s / (now_s - timed_s)


@pytest.mark.parametrize(("loss", "rtt_s"), [(0.01, 0.04), (0.001, 0.04), (0.001, 0.1)])
def test_the_average_window_of_newreno_is_that_of_mathis(loss: float, rtt_s: float):
    assert average_window(NewReno, loss, rtt_s, 100_000) == pytest.approx(sqrt(1.5 / loss), rel=0.1)


@pytest.mark.parametrize(("loss", "rtt_s"), [(0.001, 0.2), (0.0002, 0.1)])
def test_the_average_window_of_cubic_is_that_of_rfc_9438(loss: float, rtt_s: float):
    formula = (C * (3 + BETA) / (4 * (1 - BETA)) * (rtt_s / loss) ** 3) ** 0.25
    assert average_window(Cubic, loss, rtt_s, 150_000) == pytest.approx(formula, rel=0.1)


@pytest.mark.parametrize(("loss", "rtt_s"), [(0.01, 0.04), (0.003, 0.04)])
def test_on_short_ways_cubic_gets_as_much_as_newreno(loss: float, rtt_s: float):
    newreno = average_window(NewReno, loss, rtt_s, 50_000)
    assert average_window(Cubic, loss, rtt_s, 50_000) == pytest.approx(newreno, rel=0.15)
