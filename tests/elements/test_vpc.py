"""The VPC: who gets a packet, by which route, past which security groups, and what is kept for the next one."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from actors.protocols.security_groups import PICK_UP_NS
from actors.runtime.virtual import VirtualNetwork
from actors.units import SECOND
from actors.vpc import Config, Vpc
from actors.wire import ethernet, icmp, ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.cards import Card, ends, tcp_packet, udp_packet

ALB_ENI, NODE_ENI, OTHER_ENI = "eni-0a1b", "eni-0c2d", "eni-0e3f"
JOURNEY = "ab" * 16
SYN_ACK = tcp.SYN | tcp.ACK


def config(**changed: Any) -> dict[str, Any]:
    return {
        "cidr": "10.0.0.0/16",
        "internet_gateway": {"port": "igw", "address": "169.254.255.1/31", "peer": "169.254.255.0"},
        "subnets": {
            "public": {"cidr": "10.0.0.0/24", "availability_zone": "eu-west-1a", "route_table": "public"},
            "private": {"cidr": "10.0.10.0/24", "availability_zone": "eu-west-1b", "route_table": "private"},
        },
        "route_tables": {
            "public": [
                {"destination": "10.0.0.0/16", "target": "local"},
                {"destination": "0.0.0.0/0", "target": "igw"},
            ],
            "private": [{"destination": "10.0.0.0/16", "target": "local"}],
        },
        "security_groups": {
            "alb": {
                "ingress": [{"protocol": "tcp", "ports": 443, "source": "0.0.0.0/0"}],
                "egress": [{"protocol": "all", "destination": "0.0.0.0/0"}],
            },
            "nodes": {
                "ingress": [
                    {"protocol": "tcp", "ports": "80", "source": "alb"},
                    {"protocol": "udp", "ports": "1024-65535", "source": "10.0.0.0/16"},
                ],
                "egress": [{"protocol": "icmp", "destination": "0.0.0.0/0"}],
            },
        },
        "network_interfaces": {
            ALB_ENI: {
                "port": "alb",
                "subnet": "public",
                "private_ips": ["10.0.0.10"],
                "security_groups": ["alb"],
            },
            NODE_ENI: {
                "port": "node",
                "subnet": "private",
                "private_ips": ["10.0.10.10", "10.0.10.20"],
                "security_groups": ["nodes"],
            },
            OTHER_ENI: {
                "port": "node",
                "subnet": "private",
                "private_ips": ["10.0.10.11"],
                "security_groups": ["nodes"],
            },
        },
        **changed,
    }


class World:
    """A VPC between an ALB, a node with two interfaces on one link, and AWS's edge."""

    def __init__(self, **changed: Any) -> None:
        self.net = VirtualNetwork(seed=1)
        self.net.add("vpc", "vpc", config(**changed))
        self.net.add_element("alb", lambda context: Card(context, mac_for(ALB_ENI)))
        self.net.add_element("node", lambda context: Card(context, mac_for(NODE_ENI)))
        self.net.add_element("edge", lambda context: Card(context, addresses=("169.254.255.0",)))
        for name, port in (("alb", "alb"), ("node", "node"), ("edge", "igw")):
            self.net.link(name, ("vpc", port), (name, "eth0"), delay="50us", mtu=9001)

    def __getattr__(self, name: str) -> Any:
        return self.net.element(name)

    async def settle(self) -> None:
        await self.net.host("vpc").sleep(0.01)

    async def past_pick_up(self) -> None:
        """Until the VPC no longer takes strays for connections of before a restart."""
        await self.net.host("vpc").sleep(PICK_UP_NS / SECOND + 1)

    def router(self, subnet: str) -> bytes:
        return self.vpc.fabric.interfaces.subnets[subnet].gateway_mac

    async def from_alb(self, packet: bytes, journey: str | None = None) -> None:
        self.alb.put(self.router("public"), packet, journey=journey)
        await self.settle()

    async def from_node(self, packet: bytes, journey: str | None = None) -> None:
        self.node.put(self.router("private"), packet, journey=journey)
        await self.settle()

    async def from_edge(self, packet: bytes) -> None:
        self.edge.put(mac_for("vpc", "igw"), packet)
        await self.settle()

    async def establish(self) -> None:
        """A TCP connection from the ALB to the pod, and its first data both ways."""
        await self.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80"))
        await self.from_node(tcp_packet("10.0.10.20:80", "10.0.0.10:40000", SYN_ACK))
        await self.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80", tcp.ACK, data=b"GET"))
        await self.from_node(tcp_packet("10.0.10.20:80", "10.0.0.10:40000", tcp.ACK, data=b"200"))

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        return [
            record for record in self.net.journal if record["kind"] in kinds and record["element"] == "vpc"
        ]

    def drops(self) -> dict[str, float]:
        values = self.net.host("vpc").metrics.values()
        prefix = "journey_vpc_dropped_packets_total"
        return {
            name.split('"')[1]: value for name, value in values.items() if name.startswith(prefix) and value
        }


def play(story: Callable[[World], Awaitable[None]], **changed: Any) -> World:
    """Build a world and run the story in it."""
    world = World(**changed)
    world.net.run(story(world))
    return world


# ---- ARP: the mapping service -------------------------------------------------------------------------------


def test_the_router_answers_arp_for_the_first_address_of_each_subnet():
    async def story(world: World) -> None:
        world.alb.ask("10.0.0.1", own="10.0.0.10")
        world.node.ask("10.0.10.1", own="10.0.10.10")
        await world.settle()
        assert world.alb.macs() == [world.router("public")]
        assert world.node.macs() == [world.router("private")]
        assert world.router("public") != world.router("private")

    play(story)


def test_the_mapping_service_answers_for_every_address_in_the_subnet_that_somebody_holds():
    async def story(world: World) -> None:
        world.node.ask("10.0.10.11", own="10.0.10.10")
        await world.settle()
        assert world.node.macs() == [mac_for(OTHER_ENI)]

    play(story)


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("10.0.10.99", "10.0.10.10"),
        ("10.0.0.10", "10.0.10.10"),
        ("10.0.10.10", "10.0.10.10"),
        ("10.0.10.1", "10.0.0.10"),
    ],
    ids=["nobody's", "in another subnet", "the asker's own", "asked with a false address"],
)
def test_other_questions_stay_without_an_answer(target: str, own: str):
    async def story(world: World) -> None:
        world.node.ask(target, own=own)
        await world.settle()
        assert world.node.taken() == []

    play(story)


# ---- delivery -----------------------------------------------------------------------------------------------


def test_a_packet_is_delivered_to_the_interface_that_holds_its_destination():
    async def story(world: World) -> None:
        await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80"))
        (frame,) = world.node.taken()
        assert (frame.destination, frame.source) == (mac_for(NODE_ENI), world.router("private"))
        packet = ipv4.decode(frame.payload)
        assert ends(packet) == "10.0.0.10:40000 > 10.0.10.20:80"
        assert packet.ttl == 64, "the implicit router takes no TTL"

    play(story)


def test_a_journey_is_told_the_route_both_groups_and_the_interface():
    async def story(world: World) -> None:
        await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80"), JOURNEY)

    world = play(story)
    told = world.records("vpc.route", "security_group.allow", "eni.deliver")
    assert [(record["kind"], record.get("direction")) for record in told] == [
        ("security_group.allow", "egress"),
        ("vpc.route", None),
        ("security_group.allow", "ingress"),
        ("eni.deliver", None),
    ]
    assert told[0]["group"] == "alb" and told[0]["rule"] == "all 0.0.0.0/0"
    assert told[1]["matched"] == "10.0.0.0/16" and told[1]["target"] == "local"
    assert told[1]["route_table"] == "public" and told[1]["alternatives"] == ["0.0.0.0/0 -> igw"]
    assert told[2]["rule"] == "tcp 80 alb" and told[2]["peer"] == "10.0.0.10"
    assert (told[3]["eni"], told[3]["address"], told[3]["port"]) == (NODE_ENI, "10.0.10.20", "node")


def test_neighbours_in_one_subnet_need_no_router():
    async def story(world: World) -> None:
        world.node.put(mac_for(OTHER_ENI), ipv4.encode(echo("10.0.10.10", "10.0.10.11")))
        await world.settle()
        assert world.drops() == {"security_group": 1}, "the groups are asked all the same"
        world.node.put(mac_for(ALB_ENI), ipv4.encode(echo("10.0.10.10", "10.0.0.10")))
        await world.settle()
        assert world.drops() == {"security_group": 1, "no_route": 1}, "the ALB is in another subnet"

    play(story)


def echo(source: str, destination: str, *, reply: bool = False) -> ipv4.Packet:
    message = icmp.encode(icmp.Echo(7, 1, b"ping", reply))
    return ipv4.Packet(ip_bytes(source), ip_bytes(destination), ipv4.ICMP, message)


def test_a_public_subnet_reaches_the_internet_gateway_and_is_reached_by_it():
    async def story(world: World) -> None:
        await world.from_edge(tcp_packet("203.0.113.10:1024", "10.0.0.10:443"))
        assert [ends(packet) for packet in world.alb.packets()] == ["203.0.113.10:1024 > 10.0.0.10:443"]
        await world.from_alb(tcp_packet("10.0.0.10:443", "203.0.113.10:1024", SYN_ACK))
        assert [ends(packet) for packet in world.edge.packets()] == ["10.0.0.10:443 > 203.0.113.10:1024"]

    play(story)


def test_a_private_subnet_has_no_route_to_the_internet():
    async def story(world: World) -> None:
        await world.from_node(ipv4.encode(echo("10.0.10.10", "203.0.113.10")), JOURNEY)
        assert world.edge.packets() == []

    world = play(story)
    assert world.drops() == {"no_route": 1}
    assert [record["matched"] for record in world.records("vpc.route")] == ["none"]


@pytest.mark.parametrize("last", [1, 2, 3, 99, 255])
def test_addresses_that_nobody_holds_swallow_packets(last: int):
    async def story(world: World) -> None:
        await world.from_alb(tcp_packet("10.0.0.10:1", f"10.0.10.{last}:80"), JOURNEY)

    world = play(story)
    assert world.drops() == {"no_network_interface": 1}
    (record,) = world.records("vpc.drop")
    assert f"10.0.10.{last}" in record["why"]


# ---- security ----------------------------------------------------------------------------------------------


def test_a_denied_packet_vanishes_in_silence_and_is_recorded():
    async def story(world: World) -> None:
        await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:22"), JOURNEY)
        assert world.node.taken() == [] and world.alb.taken() == []

    world = play(story)
    (deny,) = world.records("security_group.deny")
    assert (deny["group"], deny["direction"], deny["peer"]) == ("nodes", "ingress", "10.0.0.10")
    assert world.drops() == {"security_group": 1}


def test_an_interface_may_answer_what_it_was_asked_and_start_nothing_of_its_own():
    async def story(world: World) -> None:
        await world.past_pick_up()
        await world.from_node(tcp_packet("10.0.10.20:80", "10.0.0.10:40000", SYN_ACK))
        assert world.alb.taken() == []
        await world.establish()
        assert [ends(packet) for packet in world.alb.packets()] == ["10.0.10.20:80 > 10.0.0.10:40000"] * 2

    play(story)


def test_a_false_source_address_does_not_leave():
    async def story(world: World) -> None:
        await world.from_alb(tcp_packet("10.0.10.20:80", "10.0.0.10:443"), JOURNEY)

    world = play(story)
    assert world.drops() == {"source_dest_check": 1}
    assert world.records("vpc.drop")[0]["source"] == "10.0.10.20"


def test_without_source_dest_check_it_does():
    interfaces = config()["network_interfaces"]
    interfaces[ALB_ENI]["source_dest_check"] = False

    async def story(world: World) -> None:
        await world.from_alb(tcp_packet("192.0.2.1:40000", "203.0.113.9:80"))
        assert len(world.edge.packets()) == 1

    play(story, network_interfaces=interfaces)


def test_a_false_source_mac_does_not_leave_even_for_a_kept_flow():
    async def story(world: World) -> None:
        await world.establish()
        world.node.taken()
        world.node.mac = mac_for(ALB_ENI)
        await world.from_node(tcp_packet("10.0.0.10:40000", "10.0.10.20:80", tcp.ACK))
        assert world.node.taken() == []

    assert play(story).drops() == {"unknown_source_mac": 1}


# ---- what is kept -------------------------------------------------------------------------------------------


def test_an_established_flow_is_decided_once():
    async def story(world: World) -> None:
        await world.establish()
        assert world.vpc.inspect()["kept_decisions"] == 2
        decided = spy(world.vpc, "_decide")
        await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80", tcp.ACK, data=b"more"))
        assert decided == [] and world.node.packets()[-1].payload.endswith(b"more")
        await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80", tcp.FIN | tcp.ACK))
        assert len(decided) == 1, "what ends a connection is looked at"

    play(story)


def spy(thing: Any, method: str) -> list[tuple[Any, ...]]:
    """The calls of a method from now on."""
    calls: list[tuple[Any, ...]] = []
    original = getattr(thing, method)

    def watched(*arguments: Any) -> Any:
        calls.append(arguments)
        return original(*arguments)

    setattr(thing, method, watched)
    return calls


def test_a_kept_decision_is_told_once_to_each_journey():
    async def story(world: World) -> None:
        await world.establish()
        for journey in (JOURNEY, JOURNEY, "cd" * 16):
            await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80", tcp.ACK), journey)

    world = play(story)
    assert [record["journey"] for record in world.records("eni.deliver")] == [JOURNEY, "cd" * 16]
    assert {record["rule"] for record in world.records("security_group.allow")} == {"tracked connection"}


def test_a_detached_interface_gets_nothing_more():
    async def story(world: World) -> None:
        await world.establish()
        world.node.taken()
        world.vpc.fabric.interfaces.detach(NODE_ENI)
        world.vpc.forget_decisions()
        await world.from_alb(tcp_packet("10.0.0.10:40000", "10.0.10.20:80", tcp.ACK))
        assert world.node.taken() == []

    assert play(story).drops() == {"no_network_interface": 1}


def test_silence_ends_a_udp_flow_and_what_was_kept_of_it():
    async def story(world: World) -> None:
        for _ in range(2):
            await world.from_alb(udp_packet("10.0.0.10:5000", "10.0.10.20:6000"))
            await world.from_node(udp_packet("10.0.10.20:6000", "10.0.0.10:5000"))
        await world.from_alb(udp_packet("10.0.0.10:5000", "10.0.10.20:6000"))
        assert world.vpc.inspect()["kept_decisions"] == 2
        await world.net.host("vpc").sleep(179)
        await world.from_alb(udp_packet("10.0.0.10:5000", "10.0.10.20:6000"))
        await world.net.host("vpc").sleep(179)
        assert world.vpc.inspect()["kept_decisions"] == 2, "a kept packet puts the end off"
        await world.net.host("vpc").sleep(2)
        assert world.vpc.inspect()["kept_decisions"] == 0 and len(world.vpc.tracker) == 0
        world.alb.taken()
        await world.from_node(udp_packet("10.0.10.20:6000", "10.0.0.10:5000"))
        assert world.alb.taken() == []

    play(story)


def test_a_connection_survives_the_vpcs_restart_whoever_speaks_first():
    async def story(world: World) -> None:
        await world.establish()
        world.alb.taken()
        await world.net.restart("vpc")
        await world.from_node(tcp_packet("10.0.10.20:80", "10.0.0.10:40000", tcp.ACK, data=b"rest"))
        assert len(world.alb.packets()) == 1

    play(story)


# ---- junk ---------------------------------------------------------------------------------------------------


def test_frames_that_are_nobodys_business_are_counted():
    async def story(world: World) -> None:
        world.alb.put(world.router("public"), b"?" * 40, 0x86DD)
        world.alb.put(world.router("public"), b"\x45" * 40)
        world.edge.put(mac_for("somebody"), tcp_packet("203.0.113.10:1", "10.0.0.10:443"))
        world.alb.context.ports["eth0"].send(b"short")
        await world.settle()

    assert play(story).drops() == {"ethertype": 1, "malformed": 2, "not_for_us": 1}


def test_no_junk_kills_it():
    dice = random.Random(7)
    good = [
        ethernet.encode(
            ethernet.Frame(
                mac_for("x"), mac_for(ALB_ENI), ethernet.IPV4, tcp_packet("10.0.0.10:1", "10.0.10.20:80")
            )
        ),
        ethernet.encode(ethernet.Frame(b"\xff" * 6, mac_for(NODE_ENI), ethernet.ARP, bytes(28))),
    ]

    async def story(world: World) -> None:
        await world.establish()
        for _ in range(3000):
            frame = bytearray(dice.choice([dice.randbytes(dice.randrange(120)), *good]))
            for _ in range(dice.randrange(4)):
                if frame:
                    frame[dice.randrange(len(frame))] = dice.randrange(256)
            world.vpc.on_frame(dice.choice(["alb", "node", "igw"]), bytes(frame))
        await world.establish()

    play(story)


# ---- configs ------------------------------------------------------------------------------------------------


def test_the_config_names_its_ports_and_claims_its_subnets():
    checked = Config.model_validate(config())
    assert checked.port_names() == ["igw", "alb", "node"]
    claims = {(claim.what, claim.value) for claim in checked.claims()}
    assert {("subnet", "10.0.0.0/16"), ("subnet", "10.0.10.0/24"), ("address", "10.0.10.1")} <= claims
    assert ("address", "169.254.255.1") in claims


def changed(path: str, value: Any) -> dict[str, Any]:
    """The config with one field changed: `subnets.public.cidr`."""
    whole = config()
    *parents, last = path.split(".")
    place: Any = whole
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[int(last) if isinstance(place, list) else last] = value
    return whole


WRONG = [
    ("colour", "red", "Extra inputs are not permitted"),
    ("cidr", "10.0.0.1/16", "is not an IPv4 prefix"),
    ("subnets.public.cidr", "10.1.0.0/24", "does not lie in the VPC's 10.0.0.0/16"),
    ("subnets.public.cidr", "10.0.0.0/30", "a subnet is a /16 to /28"),
    ("subnets.public.route_table", "pubic", "there is no route table 'pubic', did you mean 'public'?"),
    ("route_tables.private", [], "every route table has 10.0.0.0/16 as local"),
    ("route_tables.public.0.destination", "10.0.0.0/24", "only the VPC's own 10.0.0.0/16 is local"),
    ("route_tables.public.1.target", "nat", "Input should be 'local' or 'igw'"),
    ("route_tables.public.1.destination", "10.0.0.0/16", "there are two routes to it"),
    ("internet_gateway", None, "this VPC has no internet_gateway"),
    ("internet_gateway.address", "169.254.255.1", "needs the length of its mask"),
    ("security_groups.alb.ingress.0.ports", "443-80", "lowest first"),
    ("security_groups.alb.ingress.0.ports", None, "tcp needs ports"),
    ("security_groups.alb.egress.0.ports", 80, "all has no ports"),
    (
        "security_groups.nodes.ingress.0.source",
        "albs",
        "'albs' is no CIDR block, and there is no security group",
    ),
    (f"network_interfaces.{ALB_ENI}.subnet", "publik", "did you mean 'public'?"),
    (f"network_interfaces.{ALB_ENI}.port", "igw", "port 'igw' is the internet gateway's"),
    (f"network_interfaces.{ALB_ENI}.security_groups", ["lab"], "there is no security group 'lab'"),
    (f"network_interfaces.{ALB_ENI}.private_ips", ["10.0.0.1"], "reserved in public: the VPC router"),
    (f"network_interfaces.{ALB_ENI}.private_ips", ["10.0.10.30"], "does not fall within public"),
    (f"network_interfaces.{OTHER_ENI}.private_ips", ["10.0.10.20"], f"10.0.10.20 is in use by {NODE_ENI}"),
    ("connection_tracking", {"udp_timeout": "2m"}, "AWS takes 30s to 60s here"),
]


@pytest.mark.parametrize(
    ("path", "value", "words"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG]
)
def test_a_wrong_config_is_refused_with_the_place_and_the_reason(path: str, value: Any, words: str):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(changed(path, value))
    assert words in str(caught.value)


def test_an_error_points_at_its_line():
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(changed("subnets.public.route_table", "pubic"))
    assert caught.value.errors()[0]["loc"] == ("subnets", "public", "route_table")


def test_timeouts_come_from_the_config():
    whole = config(connection_tracking={"tcp_established_timeout": "60s", "max_connections": 9})
    net = VirtualNetwork()
    vpc = Vpc(Config.model_validate(whole), net.add("vpc", "vpc", whole))
    assert (vpc.tracker.timeouts.tcp_established_ns, vpc.tracker.limit) == (60 * SECOND, 9)
    net.loop.close()
