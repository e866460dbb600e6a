"""A node's kernel: what the CNI wrote decides what reaches a pod; what leaves for the Internet changes its source."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.element import CallFailed, Context, Element
from actors.parts.node_kernel import AttachedInterface, NodeKernel
from actors.protocols.cni import SNAT_CHAIN, veth_name
from actors.protocols.netlink import NetlinkError
from actors.runtime.virtual import VirtualNetwork
from actors.wire import arp, ethernet, icmp, ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.cards import Card, ends, tcp_packet, udp_packet

ENI, SECOND_ENI = "eni-0c2d", "eni-0c2e"
JOURNEY = "ab" * 16
SYN_ACK = tcp.SYN | tcp.ACK
CLIENT = "10.0.0.10:40000"
POD = "10.0.10.20:80"
PODS = {"nginx-0": ("10.0.10.20", 0), "nginx-1": ("10.0.10.41", 1)}


def veth(name: str) -> str:
    return veth_name(f"default/{name}")


def entries_of(name: str) -> list[dict[str, Any]]:
    """What the VPC CNI writes for a pod, and for its secondary ENI."""
    address, device = PODS[name]
    entries: list[dict[str, Any]] = [
        {"object": "link", "ifname": veth(name), "netns": name, "mtu": 9001},
        {"object": "route", "dst": f"{address}/32", "dev": veth(name)},
        {"object": "rule", "priority": 512, "table": "main", "dst": f"{address}/32"},
    ]
    if device:
        entries += [
            {"object": "route", "dst": "10.0.10.1/32", "dev": "eth1", "table": "2"},
            {"object": "route", "dst": "default", "dev": "eth1", "gateway": "10.0.10.1", "table": "2"},
            {"object": "rule", "priority": 1536, "table": "2", "src": f"{address}/32"},
        ]
    return entries


SNAT = {"object": "snat", "chain": SNAT_CHAIN, "return": ["10.0.0.0/16"], "to_source": "10.0.10.10"}


class Machine(Element):
    """A kernel and nothing on it."""

    def __init__(self, context: Context, conntrack_max: int) -> None:
        super().__init__(None, context)
        self.kernel = NodeKernel(context, conntrack_max=conntrack_max)
        self.forwarder = self.kernel.forwarder

    async def start(self) -> None:
        for device, (eni, address) in enumerate(((ENI, "10.0.10.10/24"), (SECOND_ENI, "10.0.10.40/24"))):
            self.kernel.attach_interface(AttachedInterface(eni, device, address, "10.0.10.1"))

    def on_frame(self, port: str, frame: bytes) -> None:
        self.kernel.on_frame(port, frame)

    def on_link(self, port: str, up: bool) -> None:
        self.kernel.on_link(port, up)

    def wire(self) -> None:
        for name in PODS:
            self.kernel.add_netns(name)
            self.kernel.netlink([{"op": "replace", **entry} for entry in entries_of(name)])
        self.kernel.netlink([{"op": "replace", **SNAT}])

    async def call_netlink(self, changes: Any) -> int:
        try:
            return self.kernel.netlink(changes)
        except NetlinkError as error:
            raise CallFailed(str(error)) from None

    async def call_network_state(self) -> dict[str, Any]:
        return self.kernel.network_state()


class World:
    """A kernel with two pods, and the VPC's router as a card."""

    def __init__(self, conntrack_max: int = 1000) -> None:
        self.net = VirtualNetwork(seed=1)
        self.net.add_element("node", lambda context: Machine(context, conntrack_max))
        self.net.add_element("vpc", lambda context: Card(context, addresses=("10.0.10.1",)))
        self.net.link("eni", ("node", "eth0"), ("vpc", "eth0"), delay="50us", mtu=9001)
        for name, address in (("nginx-0", "10.0.10.20"), ("nginx-1", "10.0.10.41")):
            self.net.add_element(name, lambda context, own=address: Card(context, addresses=(own,)))
            self.net.link(name, ("node", name), (name, "eth0"), delay="5us", mtu=9001)

    @property
    def node(self) -> Any:
        return self.net.element("node")

    def card(self, name: str) -> Card:
        return self.net.element(name)

    async def settle(self, seconds: float = 0.01) -> None:
        await self.net.host("node").sleep(seconds)

    async def call(self, verb: str, **arguments: Any) -> Any:
        return await self.net.host("vpc").call("node", verb, **arguments)

    async def from_vpc(self, packet: bytes, eni: str = ENI, journey: str | None = None) -> None:
        self.card("vpc").put(mac_for(eni), packet, journey=journey)
        await self.settle()

    async def from_pod(self, name: str, packet: bytes, journey: str | None = None) -> None:
        self.card(name).put(mac_for("node", name), packet, journey=journey)
        await self.settle()

    async def establish(self) -> None:
        """A connection from an ALB to the first pod, with its first data."""
        await self.from_vpc(tcp_packet(CLIENT, POD))
        await self.from_pod("nginx-0", tcp_packet(POD, CLIENT, SYN_ACK))
        await self.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK, data=b"GET"))
        await self.from_pod("nginx-0", tcp_packet(POD, CLIENT, tcp.ACK, data=b"200"))

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [
            record for record in self.net.journal if record["kind"] == kind and record["element"] == "node"
        ]

    def drops(self) -> dict[str, float]:
        prefix = "journey_ip_dropped_packets_total"
        values = self.net.host("node").metrics.values()
        return {
            name.split('"')[1]: value for name, value in values.items() if name.startswith(prefix) and value
        }


def play(story: Callable[[World], Awaitable[None]], **changed: Any) -> World:
    """Build a world, let the pods be wired, and run the story in it."""
    world = World(**changed)

    async def whole() -> None:
        world.node.wire()
        await world.settle(0.5)
        for name in ("vpc", "nginx-0", "nginx-1"):
            world.card(name).taken()
        await story(world)

    world.net.run(whole())
    return world


# ---- packets for pods --------------------------------------------------------------------------------------


def test_a_packet_for_a_pod_is_delivered_by_the_route_that_the_cni_wrote():
    async def story(world: World) -> None:
        await world.from_vpc(tcp_packet(CLIENT, POD), journey=JOURNEY)
        (packet,) = world.card("nginx-0").packets()
        assert ends(packet) == "10.0.0.10:40000 > 10.0.10.20:80"
        assert packet.ttl == 63, "a node is a router"

    (route,) = play(story).records("node.route")
    assert route["rule"] == "512: from all to 10.0.10.20/32 lookup main"
    assert (route["table"], route["matched"]) == ("main", "10.0.10.20/32")
    assert route["veth"] == route["device"] and route["veth"].startswith("eni")
    assert [other["matched"] for other in route["alternatives"]] == ["10.0.10.0/24", "0.0.0.0/0"]


def test_without_the_route_it_is_dropped_and_the_journal_says_why():
    async def story(world: World) -> None:
        route = {"object": "route", "dst": "10.0.10.20/32", "dev": veth("nginx-0")}
        await world.call("netlink", changes=[{"op": "del", **route}])
        await world.from_vpc(tcp_packet(CLIENT, POD), journey=JOURNEY)
        assert world.card("nginx-0").taken() == []
        await world.call("netlink", changes=[{"op": "add", **route}])
        await world.from_vpc(tcp_packet(CLIENT, POD))
        assert len(world.card("nginx-0").packets()) == 1

    world = play(story)
    assert world.drops() == {"no_pod_route": 1}
    (record,) = world.records("packet.dropped")
    assert record["why"] == "no route to a pod with 10.0.10.20 was written"
    assert world.records("node.route")[0]["matched"] == "10.0.10.0/24"


def test_a_pod_asks_in_vain_who_its_gateway_is():
    async def story(world: World) -> None:
        world.card("nginx-0").ask("169.254.1.1", own="10.0.10.20")
        world.card("nginx-0").ask("10.0.10.10", own="10.0.10.20")
        await world.settle()
        assert world.card("nginx-0").macs() == [mac_for("node", "nginx-0")], (
            "only the node's own address is answered"
        )

    play(story)


def test_pods_of_one_node_reach_each_other_without_the_vpc():
    async def story(world: World) -> None:
        await world.from_pod("nginx-0", tcp_packet("10.0.10.20:5000", "10.0.10.41:80"))
        assert [ends(packet) for packet in world.card("nginx-1").packets()] == [
            "10.0.10.20:5000 > 10.0.10.41:80"
        ]
        assert world.card("vpc").packets() == []

    play(story)


def test_a_pod_on_the_secondary_interface_is_reached_and_answers_by_it():
    async def story(world: World) -> None:
        await world.from_vpc(tcp_packet(CLIENT, "10.0.10.41:80"), SECOND_ENI)
        assert len(world.card("nginx-1").packets()) == 1
        await world.from_pod("nginx-1", tcp_packet("10.0.10.41:80", CLIENT, SYN_ACK), JOURNEY)
        (frame,) = world.card("vpc").taken()
        assert frame.source == mac_for(SECOND_ENI)

    (route,) = play(story).records("node.route")
    assert (route["rule"], route["table"]) == ("1536: from 10.0.10.41/32 lookup 2", "2")
    assert (route["device"], route["veth"], route["next_hop"]) == ("eth1", None, "10.0.10.1")


def test_the_node_answers_pings_to_each_of_its_addresses():
    async def story(world: World) -> None:
        for address, eni in (("10.0.10.10", ENI), ("10.0.10.40", SECOND_ENI)):
            await world.from_vpc(echo("10.0.0.10", address), eni)
        assert [icmp.decode(packet.payload).reply for packet in world.card("vpc").packets()] == [True, True]

    play(story)


def echo(source: str, destination: str, identifier: int = 7, *, reply: bool = False) -> bytes:
    message = icmp.encode(icmp.Echo(identifier, 1, b"ping", reply))
    return ipv4.encode(ipv4.Packet(ip_bytes(source), ip_bytes(destination), ipv4.ICMP, message))


def test_an_expired_packet_is_reported_by_the_node():
    async def story(world: World) -> None:
        await world.from_vpc(tcp_packet(CLIENT, POD, ttl=1))
        (packet,) = world.card("vpc").packets()
        assert packet.source == ip_bytes("10.0.10.10")
        assert isinstance(icmp.decode(packet.payload), icmp.TimeExceeded)

    assert play(story).drops() == {"ttl": 1}


# ---- SNAT --------------------------------------------------------------------------------------------------


def test_what_a_pod_sends_out_of_the_vpc_has_the_nodes_address_and_its_answer_finds_the_pod():
    async def story(world: World) -> None:
        await world.from_pod("nginx-0", udp_packet("10.0.10.20:5353", "203.0.113.66:53"), JOURNEY)
        (sent,) = world.card("vpc").packets()
        assert sent.source == ip_bytes("10.0.10.10") and sent.payload[2:4] == (53).to_bytes(2)
        port = int.from_bytes(sent.payload[:2])
        assert port >= 1024
        await world.from_vpc(udp_packet("203.0.113.66:53", f"10.0.10.10:{port}", b"answer"))
        (answer,) = world.card("nginx-0").packets()
        assert ends(answer) == "203.0.113.66:53 > 10.0.10.20:5353"

    (mapping,) = play(story).records("nat.mapping")
    assert (mapping["inside"], mapping["remote"], mapping["rule"]) == (
        "10.0.10.20:5353",
        "203.0.113.66:53",
        "AWS-SNAT-CHAIN-0",
    )


def test_an_established_translated_connection_goes_on_being_translated():
    async def story(world: World) -> None:
        await world.from_pod("nginx-0", tcp_packet("10.0.10.20:5000", "203.0.113.9:443"))
        port = int.from_bytes(world.card("vpc").packets()[0].payload[:2])
        await world.from_vpc(tcp_packet("203.0.113.9:443", f"10.0.10.10:{port}", SYN_ACK))
        for _ in range(3):
            await world.from_pod("nginx-0", tcp_packet("10.0.10.20:5000", "203.0.113.9:443", tcp.ACK))
            await world.from_vpc(tcp_packet("203.0.113.9:443", f"10.0.10.10:{port}", tcp.ACK))
        assert {ends(packet) for packet in world.card("vpc").packets()} == {
            f"10.0.10.10:{port} > 203.0.113.9:443"
        }
        answers = world.card("nginx-0").packets()
        assert [ends(packet) for packet in answers] == ["203.0.113.9:443 > 10.0.10.20:5000"] * 4

    play(story)


def test_a_ping_and_an_error_about_it_find_the_pod_that_sent_it():
    async def story(world: World) -> None:
        await world.from_pod("nginx-0", echo("10.0.10.20", "203.0.113.9"))
        (sent,) = world.card("vpc").packets()
        request = icmp.decode(sent.payload)
        await world.from_vpc(echo("203.0.113.9", "10.0.10.10", request.identifier, reply=True))
        error = icmp.encode(icmp.TimeExceeded(0, ipv4.encode(sent)))
        reported = ipv4.Packet(ip_bytes("100.64.1.1"), ip_bytes("10.0.10.10"), ipv4.ICMP, error)
        await world.from_vpc(ipv4.encode(reported))
        reply, told = (icmp.decode(packet.payload) for packet in world.card("nginx-0").packets())
        assert reply == icmp.Echo(7, 1, b"ping", reply=True)
        quoted = ipv4.decode(told.original)
        assert quoted.source == ip_bytes("10.0.10.20") and icmp.decode(quoted.payload).identifier == 7

    play(story)


def test_two_flows_to_one_server_never_share_a_port(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("actors.parts.node_nat.NAT_PORTS", range(2000, 2002))

    async def story(world: World) -> None:
        for port in (5000, 5001, 5002):
            await world.from_pod("nginx-0", udp_packet(f"10.0.10.20:{port}", "203.0.113.66:53"))
        sent = world.card("vpc").packets()
        assert sorted(int.from_bytes(packet.payload[:2]) for packet in sent) == [2000, 2001]
        await world.from_pod("nginx-0", udp_packet("10.0.10.20:5002", "203.0.113.67:53"))
        assert len(world.card("vpc").packets()) == 1, "another server is another flow"

    assert play(story).drops() == {"nat_ports": 1}


def test_inside_the_vpc_pods_keep_their_addresses():
    async def story(world: World) -> None:
        await world.from_pod("nginx-0", udp_packet("10.0.10.20:5000", "10.0.0.10:53"))
        assert [ends(packet) for packet in world.card("vpc").packets()] == ["10.0.10.20:5000 > 10.0.0.10:53"]

    play(story)


# ---- conntrack and what is kept ----------------------------------------------------------------------------


def test_a_full_table_drops_new_connections_and_keeps_the_old():
    async def story(world: World) -> None:
        await world.establish()
        await world.from_vpc(tcp_packet("10.0.0.10:40001", POD), journey=JOURNEY)
        await world.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK, data=b"more"))
        assert [packet.payload[20:] for packet in world.card("nginx-0").packets()] == [b"", b"GET", b"more"]

    world = play(story, conntrack_max=1)
    assert world.drops() == {"conntrack_full": 1}
    values = world.net.host("node").metrics.values()
    assert values['journey_node_conntrack_entries{node="node"}'] == 1
    assert values['journey_node_conntrack_limit{node="node"}'] == 1


def test_a_silent_flow_is_forgotten_with_the_way_that_was_kept_for_it():
    async def story(world: World) -> None:
        for _ in range(2):
            await world.from_vpc(udp_packet("10.0.0.10:5000", "10.0.10.20:53"))
            await world.from_pod("nginx-0", udp_packet("10.0.10.20:53", "10.0.0.10:5000"))
        assert sum(map(len, world.node.forwarder._caches.values())) == 2
        await world.settle(20)
        await world.from_vpc(udp_packet("10.0.0.10:5000", "10.0.10.20:53"))
        await world.settle(119)
        assert len(world.node.forwarder.tracker) == 1, "a kept packet puts the end off"
        await world.settle(2)
        assert len(world.node.forwarder.tracker) == 0
        assert sum(map(len, world.node.forwarder._caches.values())) == 0

    play(story)


def test_a_kept_way_changes_headers_as_the_first_packet_had_them_changed():
    async def story(world: World) -> None:
        await world.establish()
        world.card("nginx-0").taken()
        for length in (10, 10, 20, 10):
            await world.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK, data=b"x" * length))
        assert [(packet.ttl, len(packet.payload)) for packet in world.card("nginx-0").packets()] == [
            (63, 30),
            (63, 30),
            (63, 40),
            (63, 30),
        ]
        await world.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK, ttl=1))
        assert world.card("nginx-0").packets() == []

    assert play(story).drops() == {"ttl": 1}


def test_a_kept_way_is_told_once_to_each_journey():
    async def story(world: World) -> None:
        await world.establish()
        for journey in (JOURNEY, JOURNEY, "cd" * 16):
            await world.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK), journey=journey)

    assert [record["journey"] for record in play(story).records("node.route")] == [JOURNEY, "cd" * 16]


def test_a_route_that_goes_stops_a_kept_flow():
    async def story(world: World) -> None:
        await world.establish()
        world.card("nginx-0").taken()
        link = {"object": "link", "ifname": veth("nginx-0"), "netns": "nginx-0", "mtu": 9001}
        await world.call("netlink", changes=[{"op": "del", **link}])
        await world.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK))
        assert world.card("nginx-0").taken() == []
        await world.from_pod("nginx-0", tcp_packet(POD, CLIENT, tcp.ACK))

    assert play(story).drops() == {"no_pod_route": 1, "no_veth": 1}


def test_a_packet_too_long_for_the_pods_cable_is_reported():
    async def story(world: World) -> None:
        world.net.host("node").ports["nginx-0"].mtu = 1500
        await world.from_vpc(tcp_packet(CLIENT, POD, tcp.ACK, data=bytes(2000)))
        (packet,) = world.card("vpc").packets()
        message = icmp.decode(packet.payload)
        assert isinstance(message, icmp.Unreachable) and message.next_hop_mtu == 1500

    assert play(story).drops() == {"mtu": 1}


# ---- netlink and junk --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("flush", "changes is a list"),
        (
            [{"op": "add", "object": "route", "dst": "10.9.9.9/32", "dev": "eth7"}],
            'change 0: Cannot find device "eth7"',
        ),
        ([{"op": "del", "object": "rule", "priority": 9, "table": "main"}], "No such file or directory"),
        ([{"op": "add"}], "object None is none of"),
    ],
)
def test_netlink_refuses_nonsense_and_says_which_change(changes: Any, words: str):
    async def story(world: World) -> None:
        before = (await world.call("network_state"))["entries"]
        with pytest.raises(CallFailed, match=words):
            await world.call("netlink", changes=changes)
        assert (await world.call("network_state"))["entries"] == before

    play(story)


def test_no_veth_leads_into_a_namespace_whose_process_has_ended():
    async def story(world: World) -> None:
        kernel = world.net.element("node").kernel
        kernel.add_netns("ended")
        link = {"op": "replace", "object": "link", "ifname": "eni1", "netns": "ended", "mtu": 9001}
        with pytest.raises(NetlinkError, match='change 0: Cannot open network namespace "ended"'):
            kernel.netlink([link])
        assert "eni1" not in kernel.tables.links
        kernel.remove_netns("ended")

    play(story)


def test_a_neighbour_set_by_hand_is_not_asked_for():
    async def story(world: World) -> None:
        mac = "02:00:00:00:00:99"
        neighbour = {"object": "neigh", "dst": "10.0.10.20", "dev": veth("nginx-0"), "lladdr": mac}
        await world.call("netlink", changes=[{"op": "replace", **neighbour}])
        await world.from_vpc(tcp_packet(CLIENT, POD))
        assert [frame.destination.hex(":") for frame in world.card("nginx-0").taken()] == [mac]
        await world.call("netlink", changes=[{"op": "del", **neighbour}])
        await world.from_vpc(tcp_packet(CLIENT, POD))
        assert [frame.destination for frame in world.card("nginx-0").taken()] == [mac_for("nginx-0", "eth0")]

    play(story)


def test_no_junk_kills_it():
    dice = random.Random(7)
    request = arp.encode(
        arp.Packet(arp.REQUEST, bytes(6), ip_bytes("10.0.10.20"), bytes(6), ip_bytes("10.0.10.10"))
    )
    error = icmp.encode(icmp.TimeExceeded(0, tcp_packet(POD, CLIENT)))
    good = [
        ethernet.Frame(mac_for(ENI), bytes(6), ethernet.IPV4, tcp_packet(CLIENT, POD)),
        ethernet.Frame(
            mac_for("node", "nginx-0"), bytes(6), ethernet.IPV4, udp_packet("10.0.10.20:1", "8.8.8.8:53")
        ),
        ethernet.Frame(mac_for("node", "nginx-0"), bytes(6), ethernet.IPV4, echo("10.0.10.20", "8.8.8.8")),
        ethernet.Frame(b"\xff" * 6, mac_for("nginx-0", "eth0"), ethernet.ARP, request),
        ethernet.Frame(
            mac_for(ENI),
            bytes(6),
            ethernet.IPV4,
            ipv4.encode(ipv4.Packet(ip_bytes("8.8.8.8"), ip_bytes("10.0.10.10"), ipv4.ICMP, error)),
        ),
    ]

    async def story(world: World) -> None:
        await world.establish()
        for _ in range(4000):
            sound = ethernet.encode(dice.choice(good))
            frame = bytearray(dice.choice([dice.randbytes(dice.randrange(120)), sound, sound]))
            for _ in range(dice.randrange(4)):
                if frame:
                    frame[dice.randrange(len(frame))] = dice.randrange(256)
            world.node.on_frame(dice.choice(["eth0", "nginx-0", "nginx-1"]), bytes(frame))
        await world.settle(10)
        world.card("nginx-0").taken()
        await world.from_vpc(tcp_packet("10.0.0.10:4444", POD))
        assert len(world.card("nginx-0").packets()) == 1

    play(story)
