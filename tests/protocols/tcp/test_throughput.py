"""How fast a long download is over a lossy way, against what theory says (see docs/tcp.md)."""

from math import sqrt

import pytest

from actors.protocols.tcp import TcpSettings
from actors.protocols.tcp.cubic import BETA, C
from tests.protocols.tcp.weather import Link, Weather, download_s

SIZE, LOSS, RTT_S = 10_000_000, 0.01, 0.040
SEGMENT = 1460 - 12
SEEDS = range(4)


def mathis_s() -> float:
    """Mathis et al. 1997: the window is sqrt(3/2p) segments on the average, of which one round trip carries all."""
    return SIZE / SEGMENT / (sqrt(3 / (2 * LOSS)) / RTT_S)


def cubic_s() -> float:
    """RFC 9438 section 5.1 (equation 7) where CUBIC's own curve is faster, else its Reno-friendly window (section 4.3),
    for which equation 4 of the AIMD papers gives sqrt(alpha (1 + beta) / (2 (1 - beta) p))."""
    curve = (C * (3 + BETA) / (4 * (1 - BETA))) ** 0.25 * (RTT_S / LOSS) ** 0.75
    alpha = 3 * (1 - BETA) / (1 + BETA)
    friendly = sqrt(alpha * (1 + BETA) / (2 * (1 - BETA) * LOSS))
    return SIZE / SEGMENT / (max(curve, friendly) / RTT_S)


def mean_s(**settings: object) -> float:
    """Several runs: in one of them the dice may throw a quarter more or fewer losses than 1 %."""
    weather = Weather(loss=LOSS, rtt_ms=RTT_S * 1000)
    runs = [
        download_s(Link(weather, seed, TcpSettings(receive_buffer_bytes=1 << 20, **settings)), SIZE)  # type: ignore[arg-type]
        for seed in SEEDS
    ]
    return sum(runs) / len(runs)


def test_newreno_is_as_fast_as_mathis_says():
    assert mean_s(congestion_control="reno") == pytest.approx(mathis_s(), rel=0.2)


def test_newreno_without_sack_is_as_fast_as_mathis_says():
    assert mean_s(congestion_control="reno", sack=False) == pytest.approx(mathis_s(), rel=0.2)


def test_cubic_is_as_fast_as_rfc_9438_says():
    assert mean_s(congestion_control="cubic") == pytest.approx(cubic_s(), rel=0.2)


def test_without_losses_the_receive_window_rules():
    settings = TcpSettings(moderate_receive_buffer=False)
    expected_s = 3_000_000 / 131_072 * RTT_S
    assert download_s(Link(Weather(), 1, settings), 3_000_000) == pytest.approx(expected_s, rel=0.25)


def test_reordering_alone_costs_nothing():
    link = Link(Weather(jitter_ms=5), 1, TcpSettings(receive_buffer_bytes=1 << 20))
    assert download_s(link, 3_000_000) < 0.4
    # the first time that three segments were overtaken it was taken for a loss, and then undone
    assert link.client.told["undone"] == link.client.told["recovery by fast retransmit"] <= 1
