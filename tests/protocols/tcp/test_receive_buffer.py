"""Receive buffers grow while they are what holds a sender back, and only then."""

import pytest

from actors.protocols.tcp import TcpSettings
from tests.protocols.tcp.weather import Link, Weather, download_s

START, MOST = 131_072, 6_291_456


def buffer_after(weather: Weather, size: int, **settings: object) -> int:
    """Of the server, who is sent so much."""
    link = Link(weather, 1, TcpSettings(**settings))  # type: ignore[arg-type]
    download_s(link, size)
    return link.server.connection.receive_buffer_bytes


def test_it_doubles_until_it_is_no_longer_in_the_way():
    quick = download_s(Link(Weather(rtt_ms=40), 1), 20_000_000)
    fixed = download_s(Link(Weather(rtt_ms=40), 1, TcpSettings(moderate_receive_buffer=False)), 20_000_000)
    assert fixed == pytest.approx(20_000_000 / START * 0.040, rel=0.1)
    assert quick < fixed / 10
    assert buffer_after(Weather(rtt_ms=40), 20_000_000) == MOST


@pytest.mark.parametrize(
    "settings",
    [{"moderate_receive_buffer": False}, {"window_scale": None}, {"maximum_receive_buffer_bytes": START}],
    ids=lambda settings: next(iter(settings)),
)
def test_it_stays_where_it_may_not_grow(settings: dict[str, object]):
    assert buffer_after(Weather(rtt_ms=40), 5_000_000, **settings) == START


def test_a_buffer_that_was_chosen_larger_than_the_most_does_not_shrink():
    assert buffer_after(Weather(rtt_ms=40), 9_000_000, receive_buffer_bytes=8_000_000) == 8_000_000


def test_a_path_that_loses_needs_no_more():
    """With 1 % lost a dozen segments are in flight."""
    assert buffer_after(Weather(rtt_ms=40, loss=0.01), 3_000_000) <= 2 * START


def test_an_application_that_does_not_read_gets_no_larger_buffer():
    link = Link(Weather(rtt_ms=40), 1).open()
    link.server.connection.pause_reading()
    link.client.connection.send(bytes(2_000_000), 0)
    link.run_until(lambda: link.now_ns > 10_000_000_000, 20)
    assert link.server.connection.receive_buffer_bytes == START
    assert 0 < link.server.connection.unread.size_bytes <= START
