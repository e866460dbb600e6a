"""Ping, traceroute, and the errors that routers and hosts send."""

import asyncio
import errno

import pytest

from actors.wire import icmp, ipv4
from actors.wire.addresses import BROADCAST_MAC, ip_bytes, mac_for
from tests.stack.hosts import Socket, dropped, pair, routed, stack


def test_ping_takes_as_long_as_the_way():
    net = routed()

    async def story():
        one = stack(net, "one")
        await asyncio.sleep(1)
        assert await one.ping("10.0.2.5") == pytest.approx(0.00804)  # with ARP on both links
        assert await one.ping("10.0.2.5") == pytest.approx(0.00404)  # 4 x 1 ms and 2 x 20 us
        assert await one.ping("10.0.1.1") == pytest.approx(0.002)
        assert await one.ping("10.0.2.1") == pytest.approx(0.002)

    net.run(story())


def test_ping_to_oneself():
    net = pair()

    async def story():
        assert await stack(net, "one").ping("127.0.0.1") == 0
        assert await stack(net, "one").ping("10.0.0.1") == 0

    net.run(story())


def test_ping_raises_what_the_way_reports():
    net = routed()

    async def error_of(host: str, timeout_s: float = 10) -> int | None:
        with pytest.raises(OSError) as raised:
            await stack(net, "one").ping(host, timeout_s)
        return raised.value.errno

    async def story():
        assert await error_of("10.0.2.77") == errno.EHOSTUNREACH  # the router asked and nobody answered
        assert await error_of("10.0.1.77") == errno.EHOSTUNREACH  # we asked and nobody answered
        assert await error_of("192.0.2.1") == errno.ENETUNREACH
        assert await error_of("a name") == errno.EINVAL
        with pytest.raises(TimeoutError):
            await stack(net, "one").ping("10.0.2.5", 0.001)

    net.run(story())


def test_traceroute_shows_each_router_by_the_address_that_it_was_entered_by():
    net = routed()

    async def story():
        hops = await stack(net, "one").traceroute("10.0.2.5")
        assert [hop.address for hop in hops] == ["10.0.1.1", "10.0.2.5"]
        assert hops[-1].error is None
        hops = await stack(net, "one").traceroute("10.0.2.77", timeout_s=10)
        assert [hop.address for hop in hops] == ["10.0.1.1", "10.0.1.1"]
        assert hops[-1].error is not None and hops[-1].error.errno == errno.EHOSTUNREACH
        hops = await stack(net, "one").traceroute("10.0.2.77", timeout_s=0.1, max_hops=3)
        assert [hop.address for hop in hops] == ["10.0.1.1", "*", "*"]

    net.run(story())


def ping_from_one(destination: str) -> bytes:
    request = icmp.encode(icmp.Echo(1, 1))
    packet = ipv4.Packet(ip_bytes("10.0.0.1"), ip_bytes(destination), ipv4.ICMP, request)
    return mac_for("one", "eth0") + b"\x08\0" + ipv4.encode(packet)


def test_a_ping_to_everybody_is_not_answered():
    net = pair()

    async def story():
        await asyncio.sleep(1)
        before = len(net.element("one").heard)
        net.element("two").on_frame("eth0", BROADCAST_MAC + ping_from_one("10.0.0.255"))
        await asyncio.sleep(1)
        assert len(net.element("one").heard) == before
        net.element("two").on_frame("eth0", mac_for("two", "eth0") + ping_from_one("10.0.0.2"))
        await asyncio.sleep(1)
        assert len(net.element("one").heard) > before

    net.run(story())


def test_errors_are_limited_in_rate():
    net = pair()

    async def story():
        await stack(net, "one").ping("10.0.0.2")
        transport, socket = await stack(net, "one").create_datagram_endpoint(Socket)
        for _ in range(200):
            transport.sendto(b"x", ("10.0.0.2", 9))
        await asyncio.sleep(1)
        assert dropped(net, "two", "udp_port") == 200
        assert len(socket.errors) == 50

    net.run(story())


def test_an_error_about_a_packet_that_we_never_sent_is_ignored():
    net = pair()

    async def story():
        _, socket = await stack(net, "two").create_datagram_endpoint(Socket, local_port=9)
        forged = ipv4.encode(
            ipv4.Packet(ip_bytes("10.0.0.9"), ip_bytes("10.0.0.1"), ipv4.UDP, b"\0\x09\0\x09" + bytes(4))
        )
        for original in (forged, forged[:20], b""):
            message = icmp.encode(icmp.Unreachable(icmp.PORT_UNREACHABLE, original))
            packet = ipv4.Packet(ip_bytes("10.0.0.1"), ip_bytes("10.0.0.2"), ipv4.ICMP, message)
            frame = mac_for("two", "eth0") + mac_for("one", "eth0") + b"\x08\0" + ipv4.encode(packet)
            net.element("two").on_frame("eth0", frame)
        assert socket.errors == []
        assert dropped(net, "two", "malformed") == 2

    net.run(story())
