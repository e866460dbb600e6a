"""A node: what the CNI wrote decides what reaches a pod; what leaves for the Internet changes its source."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from actors.eks_node import Config
from actors.element import CallFailed
from actors.runtime.virtual import VirtualNetwork
from actors.wire import arp, ethernet, icmp, ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.cards import Card, ends, tcp_packet, udp_packet

ENI, SECOND_ENI = "eni-0c2d", "eni-0c2e"
JOURNEY = "ab" * 16
SYN_ACK = tcp.SYN | tcp.ACK
CLIENT = "10.0.0.10:40000"
POD = "10.0.10.20:80"


def config(**changed: Any) -> dict[str, Any]:
    return {
        "instance_type": "m5.large",
        "availability_zone": "eu-west-1a",
        "network_interfaces": [
            {"device": 0, "eni": ENI, "address": "10.0.10.10/24", "gateway": "10.0.10.1"},
            {"device": 1, "eni": SECOND_ENI, "address": "10.0.10.40/24", "gateway": "10.0.10.1"},
        ],
        "cni": "cni",
        "pods": {"nginx-0": "default/nginx-0", "nginx-1": "default/nginx-1"},
        **changed,
    }


CNI = {
    "node": "node",
    "vpc_cidrs": ["10.0.0.0/16"],
    "addresses": {
        "default/nginx-0": {"address": "10.0.10.20", "device": 0},
        "default/nginx-1": {"address": "10.0.10.41", "device": 1},
    },
}


class World:
    """A node with two pods, its CNI agent, and the VPC's router as a card."""

    def __init__(self, *, with_cni: bool = True, **changed: Any) -> None:
        self.net = VirtualNetwork(seed=1)
        self.net.add("node", "eks_node", config(**changed))
        if with_cni:
            self.net.add("cni", "cni_agent", CNI)
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
        await world.settle(0.5)
        for name in ("vpc", "nginx-0", "nginx-1"):
            world.card(name).taken()
        await story(world)

    world.net.run(whole())
    return world


# ---- the kubelet -------------------------------------------------------------------------------------------


def test_a_pod_is_told_its_address_and_a_gateway_that_nobody_has():
    async def story(world: World) -> None:
        told = await world.call("sandbox", pod="default/nginx-0")
        assert told == {
            "address": "10.0.10.20/32",
            "gateway": "169.254.1.1",
            "gateway_mac": mac_for("node", "nginx-0").hex(":"),
            "mtu": 9001,
            "veth": told["veth"],
        }
        assert told["veth"].startswith("eni") and len(told["veth"]) == 14
        assert await world.call("sandbox", pod="default/nginx-0") == told

    world = play(story)
    created = [record for record in world.records("pod.sandbox") if record["reason"] == "SandboxCreated"]
    assert [record["pod"] for record in created] == ["default/nginx-0", "default/nginx-1"]


def test_without_a_cni_the_kubelet_says_so_in_its_own_words():
    async def story(world: World) -> None:
        with pytest.raises(
            CallFailed, match=r'Failed to create pod sandbox: .* type="aws-cni" .* add cmd: failed'
        ):
            await world.call("sandbox", pod="default/nginx-0")

    world = play(story, with_cni=False)
    assert {record["reason"] for record in world.records("pod.sandbox")} == {"FailedCreatePodSandBox"}


def test_a_pod_of_another_node_is_refused():
    async def story(world: World) -> None:
        with pytest.raises(CallFailed, match="kube-system/coredns does not run on node"):
            await world.call("sandbox", pod="kube-system/coredns")

    play(story)


def test_a_restarted_node_has_all_its_pods_wired_again():
    async def story(world: World) -> None:
        before = await world.call("network_state")
        await world.net.restart("node")
        assert (await world.call("network_state"))["entries"] == []
        await world.settle(1)
        after = await world.call("network_state")
        assert sorted(map(str, after["entries"])) == sorted(map(str, before["entries"]))
        await world.establish()
        assert len(world.card("nginx-0").packets()) == 2

    play(story)


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
        veth = (await world.call("sandbox", pod="default/nginx-0"))["veth"]
        route = {"object": "route", "dst": "10.0.10.20/32", "dev": veth}
        await world.call("netlink", changes=[{"op": "del", **route}])
        await world.from_vpc(tcp_packet(CLIENT, POD), journey=JOURNEY)
        assert world.card("nginx-0").taken() == []
        await world.settle(6)
        await world.from_vpc(tcp_packet(CLIENT, POD))
        assert len(world.card("nginx-0").packets()) == 1, "the CNI's loop has written it again"

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
    monkeypatch.setattr("actors.parts.node_forwarding.NAT_PORTS", range(2000, 2002))

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
        veth = (await world.call("sandbox", pod="default/nginx-0"))["veth"]
        link = {"object": "link", "ifname": veth, "netns": "nginx-0", "mtu": 9001}
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


def test_a_neighbour_set_by_hand_is_not_asked_for():
    async def story(world: World) -> None:
        veth = (await world.call("sandbox", pod="default/nginx-0"))["veth"]
        mac = "02:00:00:00:00:99"
        neighbour = {"object": "neigh", "dst": "10.0.10.20", "dev": veth, "lladdr": mac}
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


# ---- configs -----------------------------------------------------------------------------------------------


def test_the_config_names_its_ports_and_claims_its_own_addresses():
    checked = Config.model_validate(config())
    assert checked.port_names() == ["eth0", "nginx-0", "nginx-1"]
    claims = {(claim.what, claim.value) for claim in checked.claims()}
    assert claims == {
        ("address", "10.0.10.10/24"),
        ("subnet", "10.0.10.10/24"),
        ("address", "10.0.10.40/24"),
    }


INTERFACE = {"device": 0, "eni": ENI, "address": "10.0.10.10/24", "gateway": "10.0.10.1"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"instance_type": "m5.lagre"}, "there is no instance type 'm5.lagre', did you mean 'm5.large'?"),
        ({"network_interfaces": []}, "at least 1 item"),
        ({"network_interfaces": [{**INTERFACE, "device": 1}]}, "one of them is the primary one, device 0"),
        ({"network_interfaces": [INTERFACE, INTERFACE]}, "there are two devices 0"),
        (
            {"network_interfaces": [{**INTERFACE, "device": n} for n in range(4)]},
            "takes 3 network interfaces, not 4",
        ),
        (
            {"network_interfaces": [{**INTERFACE, "gateway": "10.0.11.1"}]},
            "10.0.11.1 is no neighbour in 10.0.10.0/24",
        ),
        ({"network_interfaces": [{**INTERFACE, "address": "10.0.10.10"}]}, "needs the length of its mask"),
        ({"pods": {"eth0": "default/a"}}, "eth0 is the port of the network interfaces"),
        ({"pods": {"a": "default/a", "b": "default/a"}}, "default/a is at port 'a' already"),
        ({"pods": {"a": "a"}}, "does not name a namespace and a pod"),
        ({"pods": {f"p{n}": f"default/p{n}" for n in range(30)}}, "m5.large runs 29 pods at most"),
        ({"conntrack_max": 0}, "greater than 0"),
    ],
)
def test_a_wrong_config_is_refused_with_the_reason(changed: dict[str, Any], words: str):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(config(**changed))
    assert words in str(caught.value)
