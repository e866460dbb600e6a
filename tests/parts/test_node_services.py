"""Services on a node: what kube-proxy wrote leads connections to endpoints, there and back."""

from typing import Any

import pytest

from actors.protocols.service_proxy import Backend, Endpoint, ServiceTable
from actors.wire import icmp, ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.cards import ends, tcp_packet, udp_packet
from tests.parts.test_node_kernel import CLIENT, ENI, JOURNEY, SECOND_ENI, SYN_ACK, World, play

NODE, NODE_PORT = "10.0.10.10:30080", 30080
CLUSTER_IP = "172.20.0.9:80"
FIRST, SECOND, ELSEWHERE = (
    Endpoint(ip_bytes(each), 80) for each in ("10.0.10.20", "10.0.10.41", "10.0.11.30")
)


def serve(world: World, *endpoints: Endpoint, local: bool = False, affinity_ns: int = 0) -> None:
    inside = Backend("default/nginx", endpoints, False, True, affinity_ns)
    outside = Backend("default/nginx", endpoints, not local, not local, affinity_ns)
    table = ServiceTable({(6, ip_bytes("172.20.0.9"), 80): inside}, {(6, NODE_PORT): outside})
    world.node.kernel.write_services(table)


async def seen_by_pod(world: World, name: str) -> str:
    (packet,) = world.card(name).packets()
    return ends(packet)


def test_a_node_port_leads_to_a_pod_with_the_nodes_source_and_back():
    async def story(world: World) -> None:
        serve(world, FIRST)
        await world.from_vpc(tcp_packet(CLIENT, NODE), journey=JOURNEY)
        inside = await seen_by_pod(world, "nginx-0")
        source, _, destination = inside.partition(" > ")
        assert destination == "10.0.10.20:80" and source.startswith("10.0.10.10:")
        await world.from_pod("nginx-0", tcp_packet(destination, source, SYN_ACK))
        (answer,) = world.card("vpc").packets()
        assert ends(answer) == f"{NODE} > {CLIENT}"
        for _ in range(3):  # the way is kept by now
            await world.from_vpc(tcp_packet(CLIENT, NODE, tcp.ACK, data=b"GET"))
            assert await seen_by_pod(world, "nginx-0") == inside
            await world.from_pod("nginx-0", tcp_packet(destination, source, tcp.ACK, data=b"200"))
            (answer,) = world.card("vpc").packets()
            assert ends(answer) == f"{NODE} > {CLIENT}" and answer.payload.endswith(b"200")

    world = play(story)
    (record,) = world.records("service.endpoint")
    assert (record["at"], record["chosen"], record["masquerade"]) == (NODE, "10.0.10.20:80", True)
    assert world.drops() == {}


def test_the_answer_of_a_pod_on_a_secondary_interface_leaves_by_the_primary_one():
    """Without the CNI's mark its rule 1536 would send it out by the pod's own interface, with a foreign source."""

    async def story(world: World) -> None:
        serve(world, SECOND, local=True)
        await world.from_vpc(tcp_packet(CLIENT, NODE))
        assert await seen_by_pod(world, "nginx-1") == f"{CLIENT} > 10.0.10.41:80"
        await world.from_pod("nginx-1", tcp_packet("10.0.10.41:80", CLIENT, SYN_ACK), JOURNEY)
        (frame,) = world.card("vpc").taken()
        assert frame.source == mac_for(ENI)
        assert ends(ipv4.decode(frame.payload)) == f"{NODE} > {CLIENT}"

    (route,) = play(story).records("node.route")
    assert (route["rule"], route["table"]) == ("1024: from all lookup main", "main")


def test_an_endpoint_on_another_node_is_reached_and_its_answer_finds_the_client():
    async def story(world: World) -> None:
        serve(world, ELSEWHERE)
        await world.from_vpc(tcp_packet(CLIENT, NODE))
        (onward,) = world.card("vpc").packets()
        source, _, destination = ends(onward).partition(" > ")
        assert destination == "10.0.11.30:80" and source.startswith("10.0.10.10:")
        await world.from_vpc(tcp_packet(destination, source, SYN_ACK))
        (answer,) = world.card("vpc").packets()
        assert ends(answer) == f"{NODE} > {CLIENT}"

    play(story)


def test_a_pod_reaches_a_service_by_its_cluster_ip():
    async def story(world: World) -> None:
        serve(world, SECOND)
        await world.from_pod("nginx-0", tcp_packet("10.0.10.20:5000", CLUSTER_IP))
        assert await seen_by_pod(world, "nginx-1") == "10.0.10.20:5000 > 10.0.10.41:80"
        await world.from_pod("nginx-1", tcp_packet("10.0.10.41:80", "10.0.10.20:5000", SYN_ACK))
        assert await seen_by_pod(world, "nginx-0") == f"{CLUSTER_IP} > 10.0.10.20:5000"

    play(story)


def test_a_pod_that_calls_itself_by_its_service_is_masqueraded():
    async def story(world: World) -> None:
        serve(world, FIRST)
        await world.from_pod("nginx-0", tcp_packet("10.0.10.20:5000", CLUSTER_IP))
        source, _, destination = (await seen_by_pod(world, "nginx-0")).partition(" > ")
        assert source.startswith("10.0.10.10:") and destination == "10.0.10.20:80"
        await world.from_pod("nginx-0", tcp_packet(destination, source, SYN_ACK))
        assert await seen_by_pod(world, "nginx-0") == f"{CLUSTER_IP} > 10.0.10.20:5000"

    play(story)


def test_new_connections_are_spread_and_old_ones_stay():
    async def story(world: World) -> None:
        serve(world, FIRST, SECOND)
        for port in range(40_000, 40_060):
            await world.from_vpc(tcp_packet(f"10.0.0.10:{port}", NODE))
        counts = [len(world.card(name).packets()) for name in ("nginx-0", "nginx-1")]
        assert sum(counts) == 60 and min(counts) > 15
        serve(world, SECOND)  # the first is gone from the Service; its connections go on
        for port in range(40_000, 40_060):
            await world.from_vpc(tcp_packet(f"10.0.0.10:{port}", NODE, tcp.ACK, data=b"x"))
        assert [len(world.card(name).packets()) for name in ("nginx-0", "nginx-1")] == counts

    play(story)


def test_a_service_without_endpoints_refuses():
    async def story(world: World) -> None:
        serve(world)
        await world.from_vpc(tcp_packet(CLIENT, NODE), journey=JOURNEY)
        (answer,) = world.card("vpc").packets()
        assert (answer.payload[0], answer.payload[1]) == (icmp.DESTINATION_UNREACHABLE, icmp.PORT_UNREACHABLE)

    world = play(story)
    assert world.drops() == {"no_endpoints": 1}
    assert world.records("service.endpoint")[0]["chosen"] is None


def test_with_a_local_policy_and_no_endpoint_here_packets_vanish():
    async def story(world: World) -> None:
        serve(world, local=True)
        await world.from_vpc(tcp_packet(CLIENT, NODE))
        assert world.card("vpc").packets() == []

    assert play(story).drops() == {"no_endpoints": 1}


def test_a_client_with_affinity_comes_back_to_its_endpoint_until_it_was_silent_for_too_long():
    async def story(world: World) -> None:
        serve(world, FIRST, SECOND, affinity_ns=10**9)
        for port in range(40_000, 40_020):
            await world.from_vpc(tcp_packet(f"10.0.0.10:{port}", NODE))
        counts = [len(world.card(name).packets()) for name in ("nginx-0", "nginx-1")]
        assert sorted(counts) == [0, 20]

    play(story)


def test_the_same_ports_again_are_a_new_connection():
    async def story(world: World) -> None:
        serve(world, FIRST)
        await world.from_vpc(tcp_packet(CLIENT, NODE))
        source, _, destination = (await seen_by_pod(world, "nginx-0")).partition(" > ")
        await world.from_pod("nginx-0", tcp_packet(destination, source, tcp.RST | tcp.ACK))
        serve(world, SECOND)
        await world.from_vpc(tcp_packet(CLIENT, NODE))
        assert (await seen_by_pod(world, "nginx-1")).endswith("> 10.0.10.41:80")

    play(story)


@pytest.mark.parametrize("packet", [udp_packet(CLIENT, NODE), tcp_packet(CLIENT, "10.0.10.10:22")])
def test_other_ports_and_protocols_are_the_nodes_own_business(packet: bytes):
    async def story(world: World) -> None:
        serve(world, FIRST)
        await world.from_vpc(packet)
        assert world.card("nginx-0").packets() == []

    play(story)


def test_a_node_port_answers_at_every_address_of_the_node():
    async def story(world: World) -> None:
        serve(world, FIRST)
        await world.from_vpc(tcp_packet(CLIENT, f"10.0.10.40:{NODE_PORT}"), SECOND_ENI)
        assert (await seen_by_pod(world, "nginx-0")).endswith("> 10.0.10.20:80")

    play(story)


def test_what_is_proxied_is_shown():
    async def story(world: World) -> None:
        serve(world, FIRST, SECOND)
        shown: list[dict[str, Any]] = world.node.kernel.inspect()["services"]
        assert shown[1] == {
            "service": "default/nginx",
            "at": f"*:{NODE_PORT}",
            "endpoints": ["10.0.10.20:80", "10.0.10.41:80"],
        }

    play(story)
