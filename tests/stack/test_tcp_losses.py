"""TCP over lossy and narrow ways, as users meet them: whole stacks on the virtual clock."""

import asyncio
from math import sqrt

import pytest

from actors.protocols.tcp import TcpSettings
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire import tcp
from tests.stack.hosts import Host, pair, routed, stack
from tests.stack.streams import Collector, Echo
from tests.stack.test_tcp import TWO, counter, play

SIZE = 10_000_000


class Download(asyncio.Protocol):
    """Writes so much to whoever connects."""

    def __init__(self, size: int) -> None:
        self.size = size

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(bytes(self.size))  # type: ignore[attr-defined]


def lossy(seed: int, settings: TcpSettings) -> VirtualNetwork:
    """1 % of the frames are lost in either direction, 40 ms there and back."""
    net = VirtualNetwork(seed=seed)
    for name, address in (("one", "10.0.0.1/24"), ("two", "10.0.0.2/24")):
        net.add_element(name, lambda context, address=address: Host(context, address, None, settings))
    net.link("wire", ("one", "eth0"), ("two", "eth0"), delay="20ms", loss="1%")
    return net


def seconds_for(size: int, seed: int, settings: TcpSettings) -> float:
    async def story(one: Stack, two: Stack) -> float:
        await two.create_server(lambda: Download(size), 80)
        began = asyncio.get_running_loop().time()
        _, client = await one.create_connection(Collector, TWO, 80)
        await client.got(size)
        return asyncio.get_running_loop().time() - began

    seconds: float = play(lossy(seed, settings), story)
    return seconds


@pytest.mark.parametrize("name", ["cubic", "reno"])
def test_ten_megabytes_over_one_percent_of_loss(name: str):
    """Mathis et al.: a window of sqrt(3/2p) segments on the average. CUBIC's equals it here, in its Reno-friendly
    region (RFC 9438 section 4.3); see docs/tcp.md."""
    settings = TcpSettings(congestion_control=name, receive_buffer_bytes=1 << 20)  # type: ignore[arg-type]
    expected = SIZE / 1448 / (sqrt(1.5 / 0.01) / 0.040)
    took = [seconds_for(SIZE, seed, settings) for seed in (1, 2)]
    assert sum(took) / 2 == pytest.approx(expected, rel=0.2)


def test_equal_seeds_take_equally_long():
    settings = TcpSettings()
    assert seconds_for(300_000, 3, settings) == seconds_for(300_000, 3, settings)


def test_losses_are_counted_and_shown():
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(lambda: Download(2_000_000), 80)
        _, client = await one.create_connection(Collector, TWO, 80)
        await client.got(2_000_000)
        (shown,) = two.inspect()["tcp"]["connections"]
        assert shown["retransmits"] > 0
        assert shown["congestion_control"] == "cubic"
        assert shown["ssthresh_bytes"] is not None
        assert shown["cwnd_bytes"] > 0
        assert shown["sack"] is shown["timestamps"] is True

    net = lossy(5, TcpSettings())
    play(net, story)
    recoveries = counter(net, "two", "journey_tcp_recoveries_total", cause="fast_retransmit")
    assert 0 < recoveries <= counter(net, "two", "journey_tcp_segments_retransmitted_total")


def test_a_way_that_becomes_narrow_is_found_out_by_icmp():
    """RFC 1191: segments say don't-fragment, the router answers, and what did not fit is sent again at once."""

    async def story(one: Stack, two: Stack) -> float:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, "10.0.2.5", 80)
        transport.write(b"x" * 5000)
        await client.got(5000)
        net.host("router").ports["right"].mtu = 700
        stack(net, "router").ip.invalidate()
        began = asyncio.get_running_loop().time()
        transport.write(b"y" * 20_000)
        await client.got(25_000)
        assert transport.get_extra_info("tcp_info")["mss_bytes"] == 700 - 40 - 12
        return asyncio.get_running_loop().time() - began

    net = routed()
    assert play(net, story) < 0.1  # no timeout was needed
    assert counter(net, "one", "journey_tcp_recoveries_total", cause="path_mtu") == 1
    assert counter(net, "one", "journey_tcp_recoveries_total", cause="timeout") == 0


def test_a_forged_icmp_error_does_not_shrink_segments():
    """RFC 5927: the error quotes a sequence number; one that is not in flight was not sent by us."""

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        transport, _ = await one.create_connection(Collector, TWO, 80)
        connection = next(iter(one.tcp.transports.values())).connection
        ports = connection.ports
        forged = ports + ((connection.snd_una - 70_000) & 0xFFFFFFFF).to_bytes(4)
        one.tcp.on_unreachable(
            bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), forged, OSError(90, "Message too long")
        )
        assert transport.get_extra_info("tcp_info")["mss_bytes"] == 1448

    play(pair(), story)


def test_a_full_accept_queue_resets_when_told_to():
    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80, backlog=0)
        server.pause_accepting()
        first, _ = await one.create_connection(Collector, TWO, 80)
        opened = [asyncio.ensure_future(one.create_connection(Collector, TWO, 80)) for _ in range(2)]
        await asyncio.sleep(0.5)
        assert not first.is_closing()
        for each in opened:
            each.cancel()
        await asyncio.gather(*opened, return_exceptions=True)

    play(lossless(TcpSettings(abort_on_overflow=True)), story)


def lossless(settings: TcpSettings) -> VirtualNetwork:
    net = VirtualNetwork(seed=1)
    for name, address in (("one", "10.0.0.1/24"), ("two", "10.0.0.2/24")):
        net.add_element(name, lambda context, address=address: Host(context, address, None, settings))
    net.link("wire", ("one", "eth0"), ("two", "eth0"), delay="1ms")
    return net


def test_a_stack_keeps_its_settings():
    net = lossless(TcpSettings(congestion_control="reno", somaxconn=3))

    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80, backlog=511)
        assert server.backlog == 3
        transport, _ = await one.create_connection(Collector, TWO, 80)
        assert transport.get_extra_info("tcp_info")["congestion_control"] == "reno"

    play(net, story)
    assert stack(net, "one").tcp.settings.congestion_control == "reno"


def flood(count: int, settings: TcpSettings) -> tuple[VirtualNetwork, bool]:
    """So many SYNs that nobody will complete, and then an honest client; whether that got through in a second."""
    net = lossless(settings)

    async def story(one: Stack, two: Stack) -> bool:
        server = await two.create_server(Echo, 80, backlog=16)
        await one.create_connection(Collector, TWO, 80)
        await asyncio.sleep(0.1)  # and that is established at both ends
        for number in range(count):
            syn = tcp.Segment(1024 + number, 80, number, 0, tcp.SYN, 1000, options=tcp.Options(mss=1400))
            source = bytes([10, 0, 0, 77])
            two.tcp.on_packet(source, bytes([10, 0, 0, 2]), tcp.encode(syn, source, bytes([10, 0, 0, 2])))
        assert len(server.listener.syn_queue) == 16
        assert len(two.tcp.transports) <= 18
        try:
            transport, client = await one.create_connection(Collector, TWO, 80, timeout_s=0.9)
        except TimeoutError:
            return False
        transport.write(b"x" * 5000)
        assert await client.got(5000) == b"x" * 5000
        return True

    return net, play(net, story)


def test_a_flood_of_syns_locks_nobody_out():
    net, got_through = flood(3000, TcpSettings())
    assert got_through
    assert counter(net, "two", "journey_tcp_syn_cookies_total", direction="received") == 1
    assert counter(net, "two", "journey_tcp_syn_cookies_total", direction="sent") > 2900


def test_without_cookies_it_does():
    net, got_through = flood(3000, TcpSettings(syncookies=False))
    assert not got_through
    assert counter(net, "two", "journey_tcp_listen_drops_total") > 2900
