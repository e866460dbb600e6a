"""Resolver, root, TLD and Route 53 with the zones of the default world, all on one wire, and a host that asks."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from actors.dns_server import Config
from actors.element import JOURNEY, Context, Element
from actors.parts.dns_asking import ask
from actors.protocols.dns.answer import from_response
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire import dns, udp
from actors.wire.addresses import ip_bytes
from tests.elements.hub import join

ZONES = Path(__file__).parents[2] / "configs" / "zones"
OWN_ZONES = Path(__file__).parent / "zones"
RESOLVER = "192.0.2.66"
BALANCER = "k8s-default-nginx-53c3f9e1e8-8725408285.eu-west-1.elb.amazonaws.com"
A = dns.Type.A


class Host(Element):
    """A host with a stack and nothing else."""

    def __init__(self, context: Context, address: str) -> None:
        super().__init__(None, context)
        self.stack = Stack(context)
        self.stack.add_interface("eth0", address)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    async def dig(self, name: str, server: str = RESOLVER, rdtype: dns.Type = A) -> dns.Message:
        query = dns.query(dns.name(name), rdtype, 7, recursion_desired=True)
        return await ask(self.context, self.stack, 11, ip_bytes(server), query)


def server(address: str, **role: dict) -> Config:
    return Config.model_validate({"interface": {"address": f"{address}/24", "gateway": "192.0.2.1"}, **role})


def zones(*names: str) -> dict:
    own = [OWN_ZONES / f"{name}.zone" for name in names]
    return {"zones": [str(file if file.exists() else ZONES / file.name) for file in own]}


def world(seed: int = 1) -> VirtualNetwork:
    net = VirtualNetwork(seed)
    recursive = {"root_hints": {"a.root-servers.net.": "192.0.2.2"}, "allow": ["192.0.2.0/25"]}
    net.add("resolver", "dns_server", server(RESOLVER, recursive=recursive))
    net.add("root", "dns_server", server("192.0.2.2", authoritative=zones("root")))
    net.add("tld", "dns_server", server("192.0.2.6", authoritative=zones("com")))
    hosted = zones("packet-journey.com", "elb.amazonaws.com", "amazonaws.com", "awsdns-01.com")
    net.add("route53", "dns_server", server("192.0.2.10", authoritative=hosted))
    net.add_element("host", lambda context: Host(context, "192.0.2.100/24"))
    net.add_element("stranger", lambda context: Host(context, "192.0.2.200/24"))
    elements = ("resolver", "root", "tld", "route53", "host", "stranger")
    join(net, *((element, "eth0") for element in elements))
    return net


def told(net: VirtualNetwork, element: str | None = None) -> list[str]:
    return [
        record["kind"]
        for record in net.journal
        if record["kind"].startswith("dns.") and element in (None, record["element"])
    ]


def test_the_name_of_the_site_resolves_to_both_nodes_of_the_load_balancer():
    net = world()

    async def story() -> dns.Message:
        return await net.element("host").dig("packet-journey.com")

    answer = from_response(dns.name("packet-journey.com"), A, net.run(story()))
    assert answer.texts() == [f"CNAME {BALANCER}", "198.51.100.10", "198.51.100.20"]
    assert answer.ttl_s == 60


def test_the_journey_tells_the_walk_as_all_four_servers_saw_it():
    net = world()

    async def story() -> None:
        JOURNEY.set("a" * 32)
        await net.element("host").dig("packet-journey.com")

    net.run(story())
    steps = [
        (record["element"], record["kind"], record.get("zone"), record.get("rule"))
        for record in net.journal
        if record["kind"] in ("dns.authoritative", "dns.referral", "dns.cname", "dns.answer")
    ]
    assert steps == [
        ("root", "dns.authoritative", ".", "referral"),
        ("resolver", "dns.referral", "com", None),
        ("tld", "dns.authoritative", "com", "referral"),
        ("resolver", "dns.referral", "packet-journey.com", None),
        ("route53", "dns.authoritative", "packet-journey.com", "alias"),
        ("resolver", "dns.cname", None, None),
        ("tld", "dns.authoritative", "com", "referral"),
        ("resolver", "dns.referral", "amazonaws.com", None),
        ("route53", "dns.authoritative", "elb.amazonaws.com", "answer"),
        ("resolver", "dns.answer", None, None),
    ]


@pytest.mark.parametrize(
    "name, rdtype, rcode, texts",
    [
        ("www.packet-journey.com", "CNAME", "NOERROR", ["CNAME packet-journey.com"]),
        ("nope.packet-journey.com", "A", "NXDOMAIN", []),
        ("packet-journey.com", "NS", "NOERROR", ["NS ns-1.awsdns-01.com"]),
        ("ns-1.awsdns-01.com", "A", "NOERROR", ["192.0.2.10"]),
        ("amazonaws.com", "A", "NOERROR", []),
        (
            "elb.amazonaws.com",
            "SOA",
            "NOERROR",
            ["SOA ns-1.awsdns-01.com awsdns-hostmaster.amazon.com 1 7200 900 1209600 60"],
        ),
        ("com", "NS", "NOERROR", ["NS a.gtld-servers.net"]),
        ("nope", "A", "NXDOMAIN", []),
    ],
)
def test_every_delegation_of_the_world_leads_somewhere(name, rdtype, rcode, texts):
    net = world()

    async def story() -> dns.Message:
        return await net.element("host").dig(name, rdtype=dns.Type[rdtype])

    response = net.run(story())
    assert response.rcode().name == rcode
    assert from_response(dns.name(name), dns.Type[rdtype], response).texts() == texts


def test_equal_questions_at_the_same_time_cost_one_walk():
    net = world()

    async def story() -> list[str]:
        host = net.element("host")
        await host.stack.ping(RESOLVER, 1)  # few packets wait for an ARP reply
        tasks = [host.context.spawn(host.dig("packet-journey.com"), "dig") for _ in range(20)]
        return [str((await task).rcode()) for task in tasks]

    assert net.run(story()) == ["0"] * 20
    root = net.host("root").metrics.counter("journey_dns_queries_total", resolver="root", rcode="NOERROR")
    assert root.value == 1


def test_who_is_not_allowed_is_refused():
    net = world()

    async def story() -> dns.Message:
        return await net.element("stranger").dig("packet-journey.com")

    assert net.run(story()).rcode() == dns.Rcode.REFUSED
    assert "dns.query" not in told(net)


def test_a_name_server_refuses_what_is_in_none_of_its_zones():
    net = world()

    async def story() -> dns.Message:
        JOURNEY.set("a" * 32)
        return await net.element("host").dig("example.org", "192.0.2.10")

    assert net.run(story()).rcode() == dns.Rcode.REFUSED
    assert told(net, "route53") == ["dns.refused"]


def test_when_a_server_is_away_for_a_while_the_resolver_asks_again():
    net = world()

    async def story() -> dns.Message:
        net.host("hub").ports["tld"].up = False
        host = net.element("host")
        digging = host.context.spawn(host.dig("packet-journey.com"), "dig")
        await host.context.sleep(0.5)
        net.host("hub").ports["tld"].up = True
        return await digging

    assert net.run(story()).rcode() == dns.Rcode.NOERROR


def test_junk_is_counted_and_answered_by_nobody():
    net = world()
    dice = Random(5)

    async def story() -> tuple[float, dns.Rcode]:
        host = net.element("host")
        await host.stack.ping(RESOLVER, 1)
        socket, _ = await host.stack.create_datagram_endpoint(
            Silence, local_port=5353, remote=("192.0.2.66", 53)
        )
        for _ in range(50):
            socket.sendto(dice.randbytes(dice.randrange(60)))
        response = dns.response(dns.query(dns.name("a.com"), A, 7, recursion_desired=True))
        socket.sendto(dns.encode(response))
        await host.context.sleep(1)
        junk = net.host("resolver").metrics.counter(
            "journey_dns_malformed_messages_total", resolver="recursive"
        )
        return junk.value, (await host.dig("packet-journey.com")).rcode()

    assert net.run(story()) == (51, dns.Rcode.NOERROR)


class Silence(asyncio.DatagramProtocol):
    """A socket's owner that must hear nothing."""

    def datagram_received(self, data: bytes, addr: object) -> None:
        raise AssertionError(f"junk was answered: {data!r}")


def test_forged_answers_from_the_right_address_need_the_right_id_and_question():
    net = world()

    async def story() -> dns.Message:
        host, forger = net.element("host"), net.element("stranger")
        digging = host.context.spawn(host.dig("packet-journey.com"), "dig")
        await host.context.sleep(0.0001)
        ((_, _, port),) = host.stack._udp._connected
        for name, query_id in (("packet-journey.com", 8), ("bank.com", 7)):
            forged = dns.response(dns.query(dns.name(name), A, query_id, recursion_desired=True))
            payload = udp.encode(udp.Datagram(53, port, dns.encode(forged)), bytes(4), bytes(4))
            forger.stack.output(ip_bytes(RESOLVER), ip_bytes("192.0.2.100"), udp.PROTOCOL, payload)
        return await digging

    assert net.run(story()).answer


def test_source_ports_and_ids_are_not_predictable_but_repeatable():
    def ports(seed: int) -> list[int]:
        net = world(seed)
        seen: list[int] = []

        async def story() -> None:
            resolver = net.element("resolver")
            open_socket = resolver.stack.create_datagram_endpoint
            resolver.stack.create_datagram_endpoint = lambda *a, **k: (
                seen.append(k["local_port"]) or open_socket(*a, **k)
            )
            await net.element("host").dig("packet-journey.com")

        net.run(story())
        return seen

    assert len(set(ports(1))) == 5
    assert ports(1) == ports(1) != ports(2)


@pytest.mark.parametrize(
    "change, says",
    [
        ({}, "either recursive or authoritative"),
        ({"recursive": {"root_hints": {}, "allow": ["0.0.0.0/0"]}}, "root_hints"),
        ({"recursive": {"root_hints": {"a.": "1.2.3"}, "allow": ["0.0.0.0/0"]}}, "not an IPv4 address"),
        ({"authoritative": {"zones": []}}, "zones"),
    ],
)
def test_what_the_config_must_say(change, says):
    with pytest.raises(ValidationError, match=says):
        server("192.0.2.5", **change)


def test_it_claims_its_address_and_subnet():
    assert [claim.value for claim in server("192.0.2.5", authoritative=zones("com")).claims()] == [
        "192.0.2.5",
        "192.0.2.0/24",
    ]
