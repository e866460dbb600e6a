"""AWS's edge: public addresses outside, private ones inside, and nothing in between."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from actors.aws_edge import Config
from actors.runtime.virtual import VirtualNetwork
from actors.wire import ethernet, icmp, ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.cards import Card, ends, tcp_packet, udp_packet

JOURNEY = "ab" * 16
ROUTES = [
    {"to": "203.0.113.0/24", "via": "100.64.3.0"},
    {"to": "192.0.2.0/24", "via": "100.64.4.0"},
    {"to": "10.0.0.0/16", "via": "169.254.255.1"},
]


def config(**changed: Any) -> dict[str, Any]:
    return {
        "asn": 16509,
        "interfaces": {"transit-1": "100.64.3.1/31", "transit-2": "100.64.4.1/31", "vpc": "169.254.255.0/31"},
        "internet_gateway": "vpc",
        "announces": ["198.51.100.0/24"],
        "routes": ROUTES,
        "elastic_ips": {"198.51.100.10": "10.0.0.10", "198.51.100.20": "10.0.1.20"},
        "forwarding_delay": "20us",
        **changed,
    }


class World:
    """The edge between two transits and a VPC."""

    def __init__(self, **changed: Any) -> None:
        self.net = VirtualNetwork(seed=1)
        self.net.add("edge", "aws_edge", config(**changed))
        for name, address in (
            ("transit-1", "100.64.3.0"),
            ("transit-2", "100.64.4.0"),
            ("vpc", "169.254.255.1"),
        ):
            self.net.add_element(name, lambda context, own=address: Card(context, addresses=(own,)))
            self.net.link(name, ("edge", name), (name, "eth0"), delay="1ms")

    def card(self, name: str) -> Card:
        return self.net.element(name)

    async def settle(self) -> None:
        await self.net.host("edge").sleep(0.01)

    async def put(self, name: str, packet: bytes, journey: str | None = None) -> None:
        """Put a packet on the wire at this end, towards the edge."""
        self.card(name).put(mac_for("edge", name), packet, journey=journey)
        await self.settle()

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [
            record for record in self.net.journal if record["kind"] == kind and record["element"] == "edge"
        ]

    def drops(self) -> dict[str, float]:
        prefix = "journey_ip_dropped_packets_total"
        values = self.net.host("edge").metrics.values()
        return {
            name.split('"')[1]: value for name, value in values.items() if name.startswith(prefix) and value
        }


def play(story: Callable[[World], Awaitable[None]], **changed: Any) -> World:
    """Build a world, let its gratuitous ARP pass, and run the story in it."""
    world = World(**changed)

    async def whole() -> None:
        await world.settle()
        for name in ("transit-1", "transit-2", "vpc"):
            world.card(name).taken()
        await story(world)

    world.net.run(whole())
    return world


# ---- translation -------------------------------------------------------------------------------------------


def test_a_public_destination_becomes_private_on_its_way_in():
    async def story(world: World) -> None:
        await world.put("transit-1", tcp_packet("203.0.113.10:1024", "198.51.100.10:443", ttl=60))
        (packet,) = world.card("vpc").packets()
        assert ends(packet) == "203.0.113.10:1024 > 10.0.0.10:443"
        assert packet.ttl == 59

    play(story)


def test_a_private_source_becomes_public_on_its_way_out():
    async def story(world: World) -> None:
        await world.put("vpc", tcp_packet("10.0.1.20:443", "203.0.113.10:1024", tcp.SYN | tcp.ACK))
        assert [ends(packet) for packet in world.card("transit-1").packets()] == [
            "198.51.100.20:443 > 203.0.113.10:1024"
        ]
        await world.put("vpc", udp_packet("10.0.0.10:53", "192.0.2.2:53"))
        assert [ends(packet) for packet in world.card("transit-2").packets()] == [
            "198.51.100.10:53 > 192.0.2.2:53"
        ]

    play(story)


def test_a_journey_is_told_the_exchange_and_the_route():
    async def story(world: World) -> None:
        await world.put("transit-1", tcp_packet("203.0.113.10:1024", "198.51.100.10:443"), JOURNEY)

    world = play(story)
    (exchange,) = world.records("eip.translate")
    assert (exchange["public"], exchange["private"], exchange["direction"]) == (
        "198.51.100.10",
        "10.0.0.10",
        "in",
    )
    (route,) = world.records("route.lookup")
    assert (route["destination"], route["matched"], route["port"]) == ("10.0.0.10", "10.0.0.0/16", "vpc")


def test_between_two_elastic_ips_the_packet_turns_back_with_both_exchanged():
    async def story(world: World) -> None:
        await world.put("vpc", tcp_packet("10.0.0.10:5000", "198.51.100.20:443"))
        assert [ends(packet) for packet in world.card("vpc").packets()] == [
            "198.51.100.10:5000 > 10.0.1.20:443"
        ]

    play(story)


@pytest.mark.parametrize("offload", [True, False], ids=["offloaded", "real"])
def test_frames_after_the_first_are_translated_alike_with_right_checksums(offload: bool):
    async def story(world: World) -> None:
        source, destination = ip_bytes("203.0.113.10"), ip_bytes("198.51.100.10")
        for sequence in range(3):
            segment = tcp.Segment(1024, 443, sequence, 0, tcp.ACK, payload=b"data")
            payload = tcp.encode(segment, source, destination, offload)
            await world.put("transit-1", ipv4.encode(ipv4.Packet(source, destination, ipv4.TCP, payload)))
        for sequence, packet in enumerate(world.card("vpc").packets()):
            arrived = tcp.decode(packet.payload, packet.source, packet.destination)
            assert (arrived.sequence, arrived.payload, arrived.checksum == 0) == (sequence, b"data", offload)
            assert ends(packet) == "203.0.113.10:1024 > 10.0.0.10:443"
            assert packet.ttl == 63

    play(story)


def test_a_real_checksum_is_not_taken_for_an_offloaded_one_of_the_same_flow():
    async def story(world: World) -> None:
        source, destination = ip_bytes("203.0.113.10"), ip_bytes("198.51.100.10")
        for offload in (True, True, False):
            segment = tcp.encode(tcp.Segment(1024, 443, 1, 0, tcp.ACK), source, destination, offload)
            await world.put("transit-1", ipv4.encode(ipv4.Packet(source, destination, ipv4.TCP, segment)))
        arrived = [tcp.decode(p.payload, p.source, p.destination) for p in world.card("vpc").packets()]
        assert [segment.checksum == 0 for segment in arrived] == [True, True, False]

    play(story)


def test_an_error_from_the_internet_finds_the_private_sender_of_what_it_quotes():
    async def story(world: World) -> None:
        quoted = tcp_packet("198.51.100.10:443", "203.0.113.10:1024", tcp.ACK)
        error = icmp.encode(icmp.TimeExceeded(0, quoted))
        packet = ipv4.Packet(ip_bytes("100.64.1.0"), ip_bytes("198.51.100.10"), ipv4.ICMP, error)
        await world.put("transit-1", ipv4.encode(packet))
        (arrived,) = world.card("vpc").packets()
        message = icmp.decode(arrived.payload)
        assert isinstance(message, icmp.TimeExceeded)
        assert ends(ipv4.decode(message.original)) == "10.0.0.10:443 > 203.0.113.10:1024"

    play(story)


# ---- what does not pass ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "packet", "reason"),
    [
        ("transit-1", tcp_packet("203.0.113.10:1", "198.51.100.99:443"), "unassociated_address"),
        ("transit-1", tcp_packet("203.0.113.10:1", "10.0.0.10:443"), "private_destination"),
        ("vpc", tcp_packet("10.0.10.20:1", "203.0.113.10:443"), "no_elastic_ip"),
    ],
)
def test_what_has_no_counterpart_is_dropped_in_silence_with_its_reason(at: str, packet: bytes, reason: str):
    async def story(world: World) -> None:
        await world.put(at, packet, JOURNEY)
        assert not any(world.card(name).taken() for name in ("transit-1", "transit-2", "vpc"))

    world = play(story)
    assert world.drops() == {reason: 1}
    assert [record["reason"] for record in world.records("packet.dropped")] == [reason]


def test_a_disassociated_address_is_closed_at_once():
    async def story(world: World) -> None:
        await world.put("transit-1", tcp_packet("203.0.113.10:1", "198.51.100.10:443"))
        world.net.element("edge").disassociate("198.51.100.10")
        await world.put("transit-1", tcp_packet("203.0.113.10:1", "198.51.100.10:443"))
        assert len(world.card("vpc").packets()) == 1

    assert play(story).drops() == {"unassociated_address": 1}


def test_an_expired_packet_is_reported_with_the_addresses_that_its_sender_knows():
    async def story(world: World) -> None:
        await world.put("transit-1", tcp_packet("203.0.113.10:1024", "198.51.100.10:443", ttl=1))
        assert world.card("vpc").taken() == []
        (packet,) = world.card("transit-1").packets()
        message = icmp.decode(packet.payload)
        assert packet.source == ip_bytes("100.64.3.1") and isinstance(message, icmp.TimeExceeded)
        assert ends(ipv4.decode(message.original)) == "203.0.113.10:1024 > 198.51.100.10:443"

    play(story)


def test_an_unroutable_packet_is_reported_to_the_private_address_that_sent_it():
    async def story(world: World) -> None:
        await world.put("vpc", tcp_packet("10.0.0.10:1", "8.8.8.8:53"))
        (packet,) = world.card("vpc").packets()
        message = icmp.decode(packet.payload)
        assert packet.destination == ip_bytes("10.0.0.10") and isinstance(message, icmp.Unreachable)
        assert ends(ipv4.decode(message.original)) == "10.0.0.10:1 > 8.8.8.8:53"

    play(story)


def test_traffic_between_two_networks_passes_untranslated():
    async def story(world: World) -> None:
        await world.put("transit-1", udp_packet("203.0.113.66:53", "192.0.2.2:53"))
        assert [ends(packet) for packet in world.card("transit-2").packets()] == [
            "203.0.113.66:53 > 192.0.2.2:53"
        ]

    play(story)


def test_the_edge_itself_answers_pings():
    async def story(world: World) -> None:
        request = icmp.encode(icmp.Echo(1, 1, b"hello"))
        packet = ipv4.Packet(ip_bytes("203.0.113.10"), ip_bytes("100.64.3.1"), ipv4.ICMP, request)
        await world.put("transit-1", ipv4.encode(packet))
        (reply,) = world.card("transit-1").packets()
        assert icmp.decode(reply.payload) == icmp.Echo(1, 1, b"hello", reply=True)

    play(story)


def test_no_junk_kills_it():
    dice = random.Random(7)
    ports = ["transit-1", "transit-2", "vpc"]

    def good(port: str) -> bytes:
        packet = dice.choice(
            [
                tcp_packet("203.0.113.10:1", "198.51.100.10:443"),
                udp_packet("10.0.0.10:53", "192.0.2.2:53"),
                ipv4.encode(
                    ipv4.Packet(
                        ip_bytes("100.64.1.0"),
                        ip_bytes("198.51.100.10"),
                        ipv4.ICMP,
                        icmp.encode(icmp.Unreachable(1, tcp_packet("198.51.100.10:443", "203.0.113.10:1"))),
                    )
                ),
            ]
        )
        return ethernet.encode(
            ethernet.Frame(mac_for("edge", port), mac_for(port, "eth0"), ethernet.IPV4, packet)
        )

    async def story(world: World) -> None:
        for _ in range(3000):
            port = dice.choice(ports)
            frame = bytearray(dice.choice([dice.randbytes(dice.randrange(120)), good(port)]))
            for _ in range(dice.randrange(4)):
                if frame:
                    frame[dice.randrange(len(frame))] = dice.randrange(256)
            world.net.element("edge").on_frame(port, bytes(frame))
        await world.settle()
        world.card("vpc").taken()
        await world.put("transit-1", tcp_packet("203.0.113.10:9999", "198.51.100.10:443"))
        assert len(world.card("vpc").packets()) == 1

    play(story)


# ---- configs -----------------------------------------------------------------------------------------------


def test_the_config_names_its_ports_and_claims_public_addresses():
    checked = Config.model_validate(config())
    assert list(checked.port_names()) == ["transit-1", "transit-2", "vpc"]
    claims = {(claim.what, claim.value) for claim in checked.claims()}
    assert ("address", "198.51.100.10") in claims and ("address", "10.0.0.10") not in claims


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"internet_gateway": "vcp"}, "there is no interface 'vcp', did you mean 'vpc'?"),
        ({"routes": [{"to": "0.0.0.0/0", "via": "1.2.3.4"}]}, "1.2.3.4 is in none of its networks"),
        (
            {"elastic_ips": {"203.0.113.1": "10.0.0.10"}},
            "203.0.113.1 is in none of the announced 198.51.100.0/24",
        ),
        (
            {"elastic_ips": {"198.51.100.1": "10.0.0.10", "198.51.100.2": "10.0.0.10"}},
            "10.0.0.10 has the public address 198.51.100.1 already",
        ),
        ({"elastic_ips": {"198.51.100.1": "nonsense"}}, "not an IPv4 address"),
        ({"announces": ["198.51.100.1/24"]}, "is not an IPv4 prefix"),
        ({"forwarding_delay": 5}, "needs a unit"),
        ({"asn": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_config_is_refused_with_the_reason(changed: dict[str, Any], words: str):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(config(**changed))
    assert words in str(caught.value)
