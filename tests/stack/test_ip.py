"""The IP layer: whose a packet is, where it goes, who hears about it when it cannot."""

import asyncio
import errno

import pytest

from actors.element import JOURNEY
from actors.protocols.arp import MAX_WAITING
from actors.protocols.path_mtu import LIFETIME_NS
from actors.units import SECOND
from actors.wire import arp, ethernet, ipv4, udp
from actors.wire.addresses import BROADCAST_MAC, ip_bytes, mac_bytes, mac_for, mac_text
from tests.stack.hosts import Host, Socket, dropped, pair, routed, stack

ONE, TWO = ip_bytes("10.0.0.1"), ip_bytes("10.0.0.2")
FAR_ONE, FAR_TWO = ip_bytes("10.0.1.5"), ip_bytes("10.0.2.5")
JOURNEY_ID = "ab" * 16


class Tcp:
    """Stands for the TCP layer: keeps what it is given."""

    def __init__(self) -> None:
        self.packets: list[tuple[bytes, bytes, bytes]] = []
        self.errors: list[tuple[bytes, bytes, bytes, int | None]] = []

    def on_packet(self, source: bytes, destination: bytes, segment: bytes) -> None:
        self.packets.append((source, destination, segment))

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None:
        self.errors.append((source, destination, payload, error.errno))


def with_tcp(net, name: str) -> Tcp:
    stack(net, name).ip.tcp = tcp = Tcp()
    return tcp


def frame_for_two(packet: ipv4.Packet, to: bytes | None = None) -> bytes:
    to = mac_for("two", "eth0") if to is None else to
    return ethernet.encode(ethernet.Frame(to, mac_for("one", "eth0"), ethernet.IPV4, ipv4.encode(packet)))


def tcp_packet(payload: bytes = b"segment of twenty bytes", **more) -> ipv4.Packet:
    return ipv4.Packet(
        **{"source": ONE, "destination": TWO, "protocol": ipv4.TCP, "payload": payload, **more}
    )


# ---- receiving ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identification", [0, 77])
def test_segments_reach_tcp_the_first_as_the_hundredth(identification):
    net = pair()

    async def story():
        tcp = with_tcp(net, "two")
        frame = frame_for_two(tcp_packet(identification=identification))
        for _ in range(3):
            net.element("two").on_frame("eth0", frame)
        assert tcp.packets == [(ONE, TWO, b"segment of twenty bytes")] * 3

    net.run(story())


def test_a_known_header_does_not_excuse_a_frame_that_is_cut_short():
    net = pair()

    async def story():
        tcp = with_tcp(net, "two")
        frame = frame_for_two(tcp_packet())
        net.element("two").on_frame("eth0", frame)
        net.element("two").on_frame("eth0", frame[:-1])
        net.element("two").on_frame("eth0", frame + b"padding")
        assert tcp.packets == [(ONE, TWO, b"segment of twenty bytes")] * 2
        assert dropped(net, "two", "malformed") == 1

    net.run(story())


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (tcp_packet(destination=ip_bytes("10.0.0.9")), "not_for_us"),
        (tcp_packet(destination=ip_bytes("127.0.0.1")), "martian"),
        (tcp_packet(source=ip_bytes("127.0.0.1")), "martian"),
        (tcp_packet(source=ip_bytes("224.0.0.1")), "martian"),
        (tcp_packet(source=TWO), "martian"),
        (tcp_packet(source=bytes(4)), "martian"),
        (tcp_packet(protocol=99), "protocol"),
    ],
)
def test_what_is_not_right_is_dropped_and_counted(packet, reason):
    net = pair()

    async def story():
        tcp = with_tcp(net, "two")
        net.element("two").on_frame("eth0", frame_for_two(packet))
        assert dropped(net, "two", reason) == 1
        assert tcp.packets == []

    net.run(story())


def test_frames_for_other_cards_and_shouted_unicast_are_dropped():
    net = pair()

    async def story():
        tcp = with_tcp(net, "two")
        two = net.element("two")
        two.on_frame("eth0", frame_for_two(tcp_packet(), mac_for("somebody", "else")))
        two.on_frame("eth0", frame_for_two(tcp_packet(), BROADCAST_MAC))
        two.on_frame("nowhere", frame_for_two(tcp_packet()))
        assert dropped(net, "two", "not_for_us") == 2
        assert dropped(net, "two", "broadcast") == 1
        two.on_frame("eth0", frame_for_two(tcp_packet(destination=ip_bytes("10.0.0.255")), BROADCAST_MAC))
        assert tcp.packets == []

    net.run(story())


def test_junk_is_counted_and_kills_nothing():
    net = pair()

    async def story():
        with_tcp(net, "two")
        two, dice = net.element("two"), net.host("two").random
        good = frame_for_two(tcp_packet())
        question = arp.encode(arp.Packet(arp.REQUEST, mac_for("one", "eth0"), ONE, bytes(6), TWO))
        for start in (good, good[:12] + b"\x08\x06" + question, good[:12]):
            for length in range(80):
                junk = bytearray((start + dice.randbytes(80))[:length])
                for _ in range(dice.randrange(4)):
                    if junk:
                        junk[dice.randrange(len(junk))] = dice.randrange(256)
                two.on_frame("eth0", bytes(junk))
        reasons = ("malformed", "not_for_us", "ethertype")
        assert all(dropped(net, "two", reason) > 0 for reason in reasons)

    net.run(story())


def test_a_datagram_in_fragments_is_put_together():
    net = pair(mtu=600)

    async def story():
        _, there = await stack(net, "two").create_datagram_endpoint(Socket, local_port=9)
        here, _ = await stack(net, "one").create_datagram_endpoint(Socket, remote=("10.0.0.2", 9))
        here.sendto(bytes(range(250)) * 10)
        await asyncio.sleep(1)
        assert [data for data, _ in there.datagrams] == [bytes(range(250)) * 10]
        assert sum(frame[12:14] == b"\x08\0" for frame in net.element("two").heard) == 5

    net.run(story())


def test_a_datagram_that_stays_in_pieces_is_complained_about_after_30_s():
    net = pair()

    async def story():
        piece = tcp_packet(bytes(64), protocol=ipv4.UDP, more_fragments=True, dont_fragment=False)
        net.element("two").on_frame("eth0", frame_for_two(piece))
        await asyncio.sleep(31)
        last = ipv4.decode(net.element("one").heard[-1][14:])
        assert (last.protocol, last.payload[:2]) == (ipv4.ICMP, b"\x0b\x01")

    net.run(story())


# ---- sending -----------------------------------------------------------------------------------------------


def test_a_path_follows_the_routes_and_the_neighbours():
    net = pair()

    async def story():
        tcp, path = with_tcp(net, "two"), stack(net, "one").ip.route_to(TWO)
        path.send(b"one")
        await asyncio.sleep(1)
        path.send(b"two")
        path.send(b"six")
        await asyncio.sleep(1)
        assert [segment for _, _, segment in tcp.packets] == [b"one", b"two", b"six"]
        stack(net, "one").set_neighbour("eth0", "10.0.0.2", mac_bytes("02:00:00:00:00:99"))
        path.send(b"ten")
        await asyncio.sleep(1)
        assert len(tcp.packets) == 3
        assert net.element("two").heard[-1][:6] == mac_bytes("02:00:00:00:00:99")

    net.run(story())


def test_known_paths_send_the_same_bytes_as_new_ones():
    net = pair()

    async def story():
        path = stack(net, "one").ip.route_to(TWO)
        for payload in (b"x", bytes(100), b"y", bytes(100)):
            path.send(payload)
            await asyncio.sleep(1)
        packets = [ipv4.decode(frame[14:]) for frame in net.element("two").heard if frame[12:14] == b"\x08\0"]
        assert [packet.payload for packet in packets] == [b"x", bytes(100), b"y", bytes(100)]
        assert {(packet.dont_fragment, packet.identification, packet.ttl) for packet in packets} == {
            (True, 0, 64)
        }

    net.run(story())


def test_what_is_sent_to_oneself_arrives_but_not_in_the_middle_of_sending():
    net = pair()

    async def story():
        tcp = with_tcp(net, "one")
        for own in (ONE, ip_bytes("127.0.0.1")):
            stack(net, "one").ip.route_to(own).send(b"hello")
            assert tcp.packets == []
            await asyncio.sleep(0.001)
            assert tcp.packets.pop() == (own, own, b"hello")
        assert stack(net, "one").ip.mtu_for(ONE) == 65_535

    net.run(story())


def test_without_a_route_sockets_are_told():
    net = pair()

    async def story():
        ip, tcp, nowhere = stack(net, "one").ip, with_tcp(net, "one"), ip_bytes("192.0.2.1")
        with pytest.raises(OSError, match="unreachable") as raised:
            ip.source_for(nowhere)
        assert raised.value.errno == errno.ENETUNREACH
        assert ip.mtu_for(nowhere) == 576
        ip.route_to(nowhere).send(b"12345678")
        assert tcp.errors == []
        await asyncio.sleep(0.001)
        assert tcp.errors == [(bytes(4), nowhere, b"12345678", errno.ENETUNREACH)]

    net.run(story())


def test_a_neighbour_that_does_not_answer_is_unreachable_after_three_seconds():
    net = pair()

    async def story():
        tcp = with_tcp(net, "one")
        stack(net, "one").ip.route_to(ip_bytes("10.0.0.77")).send(b"12345678")
        await asyncio.sleep(2.999)
        assert tcp.errors == []
        await asyncio.sleep(0.002)
        assert tcp.errors == [(ONE, ip_bytes("10.0.0.77"), b"12345678", errno.EHOSTUNREACH)]
        assert dropped(net, "one", "arp_unanswered") == 1

    net.run(story())


def test_of_too_many_packets_that_wait_for_a_neighbour_the_oldest_is_lost():
    net = pair()

    async def story():
        tcp, path = with_tcp(net, "two"), stack(net, "one").ip.route_to(TWO)
        payloads = [bytes([number]) for number in range(MAX_WAITING + 1)]
        for payload in payloads:
            path.send(payload)
        await asyncio.sleep(1)
        assert [segment for _, _, segment in tcp.packets] == payloads[1:]
        assert dropped(net, "one", "arp_queue") == 1

    net.run(story())


# ---- addresses and links -----------------------------------------------------------------------------------


def test_a_new_address_is_announced_and_the_old_one_is_gone():
    net = pair()

    async def story():
        one, two = stack(net, "one"), stack(net, "two")
        assert await two.ping("10.0.0.1") == pytest.approx(0.004)
        one.set_address("eth0", "10.0.0.42/24")
        await asyncio.sleep(0.01)
        assert await two.ping("10.0.0.42") > 0
        with pytest.raises(TimeoutError):
            await two.ping("10.0.0.1")
        one.set_address("eth0", None)
        assert one.inspect()["routes"] == []
        with pytest.raises(OSError, match="unreachable"):
            await one.ping("10.0.0.2")

    net.run(story())


def test_a_cut_link_takes_its_routes_and_neighbours_along():
    net = pair()

    async def story():
        one = stack(net, "one")
        await one.ping("10.0.0.2")
        net.element("one").on_link("eth0", False)
        assert one.inspect()["neighbours"] == []
        with pytest.raises(OSError, match="unreachable"):
            await one.ping("10.0.0.2")
        net.element("one").on_link("eth0", True)
        assert await one.ping("10.0.0.2") > 0

    net.run(story())


def test_an_address_that_two_hosts_claim_is_an_event():
    net = pair()

    async def story():
        stack(net, "two").set_address("eth0", "10.0.0.1/24")
        await asyncio.sleep(1)

    net.run(story())
    conflicts = [
        (record["element"], record["address"]) for record in net.journal if record["kind"] == "arp.conflict"
    ]
    assert ("one", "10.0.0.1") in conflicts


def test_pods_reach_their_gateway_by_a_static_neighbour():
    net = pair()

    async def story():
        tcp = with_tcp(net, "two")
        one = stack(net, "one")
        one.set_address("eth0", "10.9.9.9/32")
        assert one.inspect()["routes"] == []
        one.add_route("169.254.1.1/32", "eth0")
        one.add_route("default", "eth0", "169.254.1.1")
        one.set_neighbour("eth0", "169.254.1.1", mac_for("two", "eth0"))
        one.ip.route_to(TWO).send(b"hello")
        await asyncio.sleep(1)
        assert tcp.packets == [(ip_bytes("10.9.9.9"), TWO, b"hello")]

    net.run(story())


def test_inspect_shows_interfaces_routes_and_neighbours():
    net = pair()

    async def story():
        await stack(net, "one").ping("10.0.0.2")
        mac = mac_text(mac_for("one", "eth0"))
        assert stack(net, "one").inspect() == {
            "interfaces": {"eth0": {"address": "10.0.0.1/24", "mac": mac, "mtu": 1500}},
            "routes": [
                {
                    "matched": "10.0.0.0/24",
                    "next_hop": "direct",
                    "port": "eth0",
                    "metric": 0,
                    "origin": "connected",
                }
            ],
            "tcp": {"listening": [], "connections": []},
            "neighbours": [
                {
                    "address": "10.0.0.2",
                    "port": "eth0",
                    "state": "reachable",
                    "mac": mac_text(mac_for("two", "eth0")),
                }
            ],
        }

    net.run(story())


# ---- through a router --------------------------------------------------------------------------------------


def test_a_smaller_mtu_on_the_way_is_learnt_and_forgotten_after_ten_minutes():
    net = routed(right_mtu=1000)

    async def story():
        one, tcp = stack(net, "one").ip, with_tcp(net, "one")
        far = with_tcp(net, "two")
        path = one.route_to(FAR_TWO)
        assert one.mtu_for(FAR_TWO) == 1500
        path.send(bytes(1400))
        await asyncio.sleep(1)
        assert one.mtu_for(FAR_TWO) == 1000
        assert [(source, destination, number) for source, destination, _, number in tcp.errors] == [
            (FAR_ONE, FAR_TWO, errno.EMSGSIZE)
        ]
        path.send(bytes(1400))
        await asyncio.sleep(1)
        assert far.packets == [(FAR_ONE, FAR_TWO, bytes(1400))]
        await asyncio.sleep(LIFETIME_NS / SECOND)
        assert one.mtu_for(FAR_TWO) == 1500

    net.run(story())


def test_a_journey_is_told_who_routed_what_and_how_neighbours_were_found():
    net = routed()

    async def story():
        await stack(net, "two").ping("10.0.1.5")
        JOURNEY.set(JOURNEY_ID)
        stack(net, "one").ip.route_to(FAR_TWO).send(b"hello")
        await asyncio.sleep(1)

    net.run(story())
    kinds = ("route.lookup", "arp.request", "arp.reply", "arp.resolved")
    told = [
        (
            record["element"],
            record["kind"],
            record.get("matched") or record.get("source") or record["address"],
        )
        for record in net.journal
        if record["kind"] in kinds
    ]
    assert told == [
        ("one", "route.lookup", "0.0.0.0/0"),
        ("one", "arp.resolved", "cache"),
        ("router", "route.lookup", "10.0.2.0/24"),
        ("router", "arp.resolved", "cache"),
    ]
    assert {record["journey"] for record in net.journal} == {JOURNEY_ID}


def test_packets_that_wait_stay_in_their_own_journey():
    net = pair()

    async def story():
        path = stack(net, "one").ip.route_to(TWO)
        for journey in ("a" * 32, None, "b" * 32):
            JOURNEY.set(journey)
            path.send(b"hello")
        JOURNEY.set(None)
        await asyncio.sleep(1)

    net.run(story())
    sent = [r["journey"][0] for r in net.journal if r["kind"] == "link.transmit" and r["element"] == "one"]
    assert sent == ["a", "a", "b"]  # the question asked for the first packet, and the two that are told of
    resolved = [r["journey"][0] for r in net.journal if r["kind"] == "arp.resolved"]
    assert resolved == ["a", "b"]


def test_a_host_without_address_hears_what_is_meant_for_its_card():
    net = pair()
    net.add_element("three", lambda context: Host(context, None, None))
    net.add_element("four", lambda context: Host(context, "10.0.0.4/24", None))
    net.link("other", ("three", "eth0"), ("four", "eth0"), delay="1ms")

    async def story():
        _, client = await stack(net, "three").create_datagram_endpoint(
            Socket, local_port=68, interface="eth0"
        )
        datagram = udp.encode(udp.Datagram(67, 68, b"offer"), b"", b"")
        packet = ipv4.Packet(ip_bytes("10.0.0.4"), ip_bytes("10.0.0.50"), ipv4.UDP, datagram)
        frame = mac_for("three", "eth0") + mac_for("four", "eth0") + b"\x08\0" + ipv4.encode(packet)
        net.element("three").on_frame("eth0", frame)
        assert client.datagrams == [(b"offer", ("10.0.0.4", 67))]

    net.run(story())
