"""Border routers: forwarding, what they say when they cannot, and that nothing known is forwarded unchecked."""

from typing import Any

import pytest
from pydantic import ValidationError

from actors.element import JOURNEY
from actors.isp_as import Config
from actors.runtime.virtual import VirtualNetwork
from actors.stack.forwarding import _next_header
from actors.wire import ethernet, icmp, ipv4, udp
from actors.wire.addresses import ip_bytes, mac_for
from tests.stack.hosts import Host, Socket, dropped, stack

ISP = {
    "asn": 64500,
    "interfaces": {"customer": "203.0.113.1/26", "transit-1": "100.64.1.0/31", "transit-2": "100.64.2.0/31"},
    "routes": [
        {"to": "198.51.100.0/24", "via": "100.64.1.1"},
        {"to": "198.51.0.0/16", "via": "100.64.2.1"},
    ],
    "forwarding_delay": "20us",
}
TRANSIT = {
    "asn": 64510,
    "interfaces": {"isp": "100.64.1.1/31", "server": "198.51.100.1/24"},
    "routes": [{"to": "203.0.113.0/24", "via": "100.64.1.0"}],
    "forwarding_delay": "20us",
}
CUSTOMER, SERVER = ip_bytes("203.0.113.10"), ip_bytes("198.51.100.10")


def internet(**last_link: Any) -> VirtualNetwork:
    """customer -- isp -- transit -- server, 1 ms each."""
    net = VirtualNetwork(seed=1)
    net.add_element("customer", lambda context: Host(context, "203.0.113.10/26", "203.0.113.1"))
    net.add_element("server", lambda context: Host(context, "198.51.100.10/24", "198.51.100.1"))
    net.add("isp", "isp_as", ISP)
    net.add("transit", "isp_as", TRANSIT)
    net.add_element("other", lambda context: Host(context, "100.64.2.1/31", "100.64.2.0"))
    net.link("access", ("customer", "eth0"), ("isp", "customer"), delay="1ms")
    net.link("peering", ("isp", "transit-1"), ("transit", "isp"), delay="1ms")
    net.link("backup", ("isp", "transit-2"), ("other", "eth0"), delay="1ms")
    net.link("hosting", ("transit", "server"), ("server", "eth0"), **{"delay": "1ms", **last_link})
    return net


def frame_to_server(payload: bytes = bytes(32), **more: Any) -> bytes:
    """What the customer sends to the isp."""
    datagram = udp.encode(udp.Datagram(9, 9, payload), CUSTOMER, SERVER)
    packet = ipv4.Packet(CUSTOMER, SERVER, ipv4.UDP, datagram)._replace(**more)
    return ethernet.encode(
        ethernet.Frame(
            mac_for("isp", "customer"), mac_for("customer", "eth0"), ethernet.IPV4, ipv4.encode(packet)
        )
    )


def arrived(net: VirtualNetwork) -> list[ipv4.Packet]:
    """The UDP packets that reached the server."""
    packets = [ipv4.decode(frame[14:]) for frame in net.element("server").heard if frame[12:14] == b"\x08\0"]
    return [packet for packet in packets if packet.protocol == ipv4.UDP]


def told_to_customer(net: VirtualNetwork) -> list[tuple[bytes, icmp.Message]]:
    """The ICMP messages that reached the customer, with their senders."""
    packets = [
        ipv4.decode(frame[14:]) for frame in net.element("customer").heard if frame[12:14] == b"\x08\0"
    ]
    return [
        (packet.source, icmp.decode(packet.payload)) for packet in packets if packet.protocol == ipv4.ICMP
    ]


async def meet(net: VirtualNetwork) -> None:
    """All neighbours on the way know each other from here on."""
    await stack(net, "customer").ping("198.51.100.10")


@pytest.mark.parametrize("identification", [0, 5])
def test_packets_cross_and_lose_a_hop_at_each_router(identification):
    net = internet()

    async def story():
        await meet(net)
        for payload in (b"a", b"b", b"c", bytes(1400), b"d"):
            frame = frame_to_server(payload, identification=identification, ttl=9, dscp_ecn=0x28)
            net.element("isp").on_frame("customer", frame)
        await net.host("isp").sleep(1)
        assert [udp.decode(packet.payload).payload for packet in arrived(net)] == [
            b"a", b"b", b"c", bytes(1400), b"d",
        ]  # fmt: skip
        assert {(packet.ttl, packet.identification, packet.dscp_ecn) for packet in arrived(net)} == {
            (7, identification, 0x28)
        }

    net.run(story())


def test_it_takes_its_forwarding_delay():
    net = internet()

    async def story():
        await meet(net)
        assert await stack(net, "customer").ping("198.51.100.10") == pytest.approx(0.00608)

    net.run(story())


def test_traceroute_and_ping_of_every_interface():
    net = internet()

    async def story():
        hops = await stack(net, "customer").traceroute("198.51.100.10")
        assert [hop.address for hop in hops] == ["203.0.113.1", "100.64.1.1", "198.51.100.10"]
        for address in ("203.0.113.1", "100.64.1.0", "100.64.2.0", "100.64.1.1", "198.51.100.1"):
            assert await stack(net, "customer").ping(address) > 0
        assert (await net.element("isp").call_ping("100.64.1.1"))["rtt_ms"] == pytest.approx(2)
        assert "unreachable" in (await net.element("isp").call_ping("192.0.2.1"))["error"]

    net.run(story())


def test_no_route_is_told_by_the_router_that_has_none():
    net = internet()

    async def story():
        customer = stack(net, "customer")
        with pytest.raises(OSError, match=r"code 0\), says 203\.0\.113\.1"):
            await customer.ping("192.0.2.9")
        with pytest.raises(OSError, match=r"code 1\), says 100\.64\.1\.1"):
            await customer.ping("198.51.100.77", timeout_s=10)
        assert dropped(net, "isp", "no_route") == dropped(net, "transit", "arp_unanswered") == 1

    net.run(story())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ttl": 1}, "ttl"),
        ({"ttl": 0}, "ttl"),
        ({"source": ip_bytes("127.0.0.1")}, "martian"),
        ({"source": ip_bytes("203.0.113.1")}, "martian"),
        ({"destination": ip_bytes("224.0.0.9")}, "martian"),
        ({"destination": ip_bytes("192.0.2.9")}, "no_route"),
        ({"destination": ip_bytes("100.64.2.255")}, "no_route"),
    ],
)
def test_what_must_not_be_forwarded_is_not_even_when_its_flow_is_known(change, reason):
    net = internet()

    async def story():
        await meet(net)
        net.element("isp").on_frame("customer", frame_to_server())
        net.element("isp").on_frame("customer", frame_to_server(**change))
        await net.host("isp").sleep(1)
        assert len(arrived(net)) == 1
        assert dropped(net, "isp", reason) == 1

    net.run(story())


def test_a_frame_that_is_cut_short_or_broken_is_not_forwarded_though_its_flow_is_known():
    net = internet()

    async def story():
        await meet(net)
        isp, good = net.element("isp"), frame_to_server()
        isp.on_frame("customer", good)
        isp.on_frame("customer", good[:-1])
        for position in (15, 16, 18, 22, 24):
            isp.on_frame("customer", good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        isp.on_frame("customer", good + b"padding")
        await net.host("isp").sleep(1)
        assert len(arrived(net)) == 2
        assert dropped(net, "isp", "malformed") == 6

    net.run(story())


def test_what_is_too_long_for_the_next_link_is_cut_or_sent_back():
    net = internet(mtu=600)

    async def story():
        await meet(net)
        isp, payload = net.element("isp"), bytes(range(250)) * 5
        _, there = await stack(net, "server").create_datagram_endpoint(Socket, local_port=9)
        isp.on_frame("customer", frame_to_server(payload, dont_fragment=False, identification=7))
        await net.host("isp").sleep(1)
        assert [data for data, _ in there.datagrams] == [payload]
        assert len(arrived(net)) == 3
        isp.on_frame("customer", frame_to_server(payload))
        await net.host("isp").sleep(1)
        source, message = told_to_customer(net)[-1]
        assert source == ip_bytes("100.64.1.1")
        assert isinstance(message, icmp.Unreachable)
        assert (message.code, message.next_hop_mtu) == (icmp.FRAGMENTATION_NEEDED, 600)
        assert len(arrived(net)) == 3

    net.run(story())


def test_nobody_outside_shouts_into_a_network():
    net = internet()

    async def story():
        await meet(net)
        net.element("isp").on_frame("customer", frame_to_server(destination=ip_bytes("198.51.100.255")))
        await net.host("isp").sleep(1)
        assert dropped(net, "transit", "directed_broadcast") == 1
        assert arrived(net) == []

    net.run(story())


def test_options_travel_along():
    net = internet()

    async def story():
        await meet(net)
        for _ in range(2):
            net.element("isp").on_frame("customer", frame_to_server(options=b"\x94\x04\0\0"))
        await net.host("isp").sleep(1)
        assert [packet.options for packet in arrived(net)] == [b"\x94\x04\0\0"] * 2

    net.run(story())


def test_a_longer_prefix_wins_until_its_link_is_cut():
    net = internet()

    async def story():
        await meet(net)
        isp = net.element("isp")
        isp.on_link("transit-1", False)
        isp.on_frame("customer", frame_to_server())
        await net.host("isp").sleep(1)
        assert [frame[30:34] for frame in net.element("other").heard if frame[12:14] == b"\x08\0"] == [SERVER]
        isp.on_link("transit-1", True)
        isp.on_frame("customer", frame_to_server())
        await net.host("isp").sleep(1)
        assert len(arrived(net)) == 1

    net.run(story())


def test_a_journey_hears_of_every_decision():
    net = internet()

    async def story():
        await meet(net)
        net.element("isp").on_frame("customer", frame_to_server())
        JOURNEY.set("ab" * 16)
        net.element("isp").on_frame("customer", frame_to_server())
        net.element("isp").on_frame("customer", frame_to_server(destination=ip_bytes("192.0.2.9")))
        net.element("isp").on_frame("customer", frame_to_server(ttl=1))
        JOURNEY.set(None)
        await net.host("isp").sleep(1)

    net.run(story())
    told = [
        {name: value for name, value in record.items() if name not in ("t_ns", "element", "journey")}
        for record in net.journal
        if record["element"] == "isp" and record["kind"] in ("route.lookup", "route.none", "ttl.expired")
    ]
    backup = {
        "matched": "198.51.0.0/16",
        "next_hop": "100.64.2.1",
        "port": "transit-2",
        "why": "shorter prefix",
    }
    assert told[0] == {
        "kind": "route.lookup",
        "destination": "198.51.100.10",
        "matched": "198.51.100.0/24",
        "next_hop": "100.64.1.1",
        "port": "transit-1",
        "alternatives": [backup],
    }
    assert {"kind": "route.none", "destination": "192.0.2.9"} in told
    assert {"kind": "ttl.expired", "source": "203.0.113.10", "destination": "198.51.100.10"} in told


def test_inspect_shows_the_as_with_its_routes():
    net = internet()

    async def story():
        shown = net.element("isp").inspect()
        assert shown["asn"] == 64500
        assert [(route["matched"], route["origin"]) for route in shown["routes"]] == [
            ("100.64.1.0/31", "connected"),
            ("100.64.2.0/31", "connected"),
            ("203.0.113.0/26", "connected"),
            ("198.51.100.0/24", "static"),
            ("198.51.0.0/16", "static"),
        ]

    net.run(story())


def test_a_next_hop_must_be_a_neighbour():
    with pytest.raises(ValidationError) as raised:
        Config(asn=1, interfaces={"a": "10.0.0.1/24"}, routes=[{"to": "0.0.0.0/0", "via": "10.0.1.1"}])
    (error,) = raised.value.errors()
    assert error["loc"] == ("routes", 0, "via")
    assert error["msg"] == "10.0.1.1 is in none of its networks: 10.0.0.0/24"
    with pytest.raises(ValidationError):
        Config(asn=1, interfaces={"a": "10.0.0.1/24"}, routes=[{"to": "0.0.0.0/0", "via": "10.0.0.1"}])


@pytest.mark.parametrize("ttl", [2, 64, 255])
def test_the_mended_checksum_is_the_one_that_a_new_header_would_have(ttl):
    packet = ipv4.Packet(CUSTOMER, SERVER, ipv4.TCP, b"", ttl)
    for identification in range(65_536):  # so that every checksum occurs
        before = packet._replace(identification=identification)
        assert _next_header(ipv4.encode(before)) == ipv4.encode(before._replace(ttl=ttl - 1))
