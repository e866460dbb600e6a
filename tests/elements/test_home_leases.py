"""A home on the virtual clock: addresses that are somebody's already, leases that end, and NAT's corners."""

import asyncio
from typing import Any

import pytest

from actors.runtime.virtual import VirtualNetwork
from tests.elements.home_bed import PROVIDER, ROUTER, echo_server, home, kinds, run, sender
from tests.stack.hosts import Host, Router, Socket, stack


def lan(laptops: int = 1, pool: str = "192.168.1.100-192.168.1.101", **dhcp: Any) -> VirtualNetwork:
    """So many laptops at a router."""
    net = VirtualNetwork(seed=3)
    ports = [f"lan{number}" for number in range(laptops + 1)]
    config = {**ROUTER, "lan": {"address": "192.168.1.1/24", "ports": ports}}
    net.add("router", "home_router", {**config, "dhcp": {"pool": pool, **dhcp}})
    net.add_element("isp", lambda context: Router(context, {"customer": PROVIDER["customer"]}))
    net.link("fibre", ("router", "wan"), ("isp", "customer"), delay="1ms")
    for number in range(laptops):
        net.add(f"laptop-{number}", "laptop", {"hostname": f"laptop-{number}"})
        net.link(f"wifi-{number}", (f"laptop-{number}", "wifi"), ("router", f"lan{number}"), delay="1ms")
    return net


def lease_of(net: VirtualNetwork, name: str = "laptop-0") -> dict[str, Any]:
    return net.element(name).inspect()["dhcp"]


def test_an_address_that_somebody_took_by_hand_is_declined_and_the_next_one_used():
    net = lan()
    net.add_element("printer", lambda context: Host(context, "192.168.1.100/24", None))
    net.link("cable", ("printer", "eth0"), ("router", "lan1"), delay="1ms")

    async def story():
        await asyncio.sleep(5)
        assert lease_of(net)["state"] == "DECLINED"
        assert net.element("router").inspect()["pool"] == {
            "size": 2,
            "free": 1,
            "declined": ["192.168.1.100"],
        }
        await asyncio.sleep(8)
        return lease_of(net)

    assert net.run(story())["address"] == "192.168.1.101"
    (declined,) = kinds(net, "dhcp.decline", "laptop-0")
    assert declined["used_by"] == stack_mac(net, "printer")
    assert len(kinds(net, "dhcp.decline")) == len(kinds(net, "arp.conflict", "laptop-0")) == 1
    assert kinds(net, "arp.conflict", "printer") == []  # a probe claims nothing, and disturbs nobody


def stack_mac(net: VirtualNetwork, name: str) -> str:
    return stack(net, name).inspect()["interfaces"]["eth0"]["mac"]


def test_a_pool_that_is_empty_says_who_got_nothing_and_when_there_will_be_something():
    net = lan(laptops=3, lease_time="1h")
    net.run(asyncio.sleep(30))
    states = sorted(lease_of(net, f"laptop-{number}")["state"] for number in range(3))
    assert states != ["BOUND"] * 3
    told = kinds(net, "dhcp.exhausted")
    assert len(told) >= 3
    assert [told[0][key] for key in ("pool", "leased", "offered", "declined")] == [2, 0, 2, 0]
    assert [told[-1][key] for key in ("pool", "leased", "offered", "declined")] == [2, 2, 0, 0]
    assert 3500 < told[-1]["next_free_s"] <= 3600
    assert told[0]["host_name"].startswith("laptop-")
    refusals = net.host("router").metrics.counter(
        "journey_dhcp_refusals_total", router="router", reason="exhausted"
    )
    assert refusals.value == len(told)


def test_who_is_gone_loses_his_lease_and_it_is_told():
    net = lan(lease_time="2m")

    async def story():
        await asyncio.sleep(1)
        net.host("laptop-0").set_carrier("wifi", False)
        net.host("router").set_carrier("lan0", False)
        await asyncio.sleep(130)
        return net.element("router").inspect()["pool"]["free"]

    assert net.run(story()) == 2
    assert [event["address"] for event in kinds(net, "dhcp.expired")] == ["192.168.1.100"]
    assert "it has expired" in [event["why"] for event in kinds(net, "dhcp.lost", "laptop-0")]


def test_a_link_that_was_cut_for_a_moment_has_the_lease_confirmed():
    net = lan()

    async def story():
        await asyncio.sleep(1)
        for up in (False, True):
            net.host("laptop-0").set_carrier("wifi", up)
            await asyncio.sleep(1)
        return lease_of(net)["state"]

    assert net.run(story()) == "BOUND"
    assert [event["why"] for event in kinds(net, "dhcp.ack", "laptop-0")] == ["new", "confirmed"]
    assert len(kinds(net, "dhcp.discover", "laptop-0")) == 1


def test_an_mtu_by_dhcp_is_the_largest_packet_that_leaves():
    net = lan(mtu=1400)
    net.run(asyncio.sleep(1))
    assert net.element("laptop-0").stack.ip.interfaces["wifi"].mtu == 1400


def test_computers_at_home_meet_by_the_outside_address():
    net = home(nat={"filtering": "endpoint-independent"})

    async def story():
        await echo_server(net)
        phone = await sender(net, "phone", 6000)  # a socket that is connected hears nobody else
        phone.transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        phone.transport.close()
        await asyncio.sleep(0)
        _, game = await stack(net, "phone").create_datagram_endpoint(
            lambda: Socket(echo=True), local_port=6000
        )
        _, player = await stack(net, "laptop").create_datagram_endpoint(
            Socket, local_port=5000, remote=("203.0.113.10", 6000)
        )
        for _ in range(3):
            player.transport.sendto(b"move")
            await asyncio.sleep(0.1)
        assert player.datagrams == [(b"move", ("203.0.113.10", 6000))] * 3
        assert {source for _, source in game.datagrams} == {("203.0.113.10", 5000)}
        table = net.element("router").inspect()["nat_sessions"]
        assert sum(session["hairpin"] for session in table) == 2

    run(net, story())


@pytest.mark.parametrize(
    ("filtering", "heard"), [("endpoint-independent", 1), ("address-and-port-dependent", 0)]
)
def test_a_stranger_comes_in_as_filtering_has_it(filtering, heard):
    net = home(nat={"filtering": filtering})

    async def story():
        await echo_server(net)
        _, socket = await stack(net, "laptop").create_datagram_endpoint(Socket, local_port=5000)
        socket.transport.sendto(b"hello", ("198.51.100.10", 7))
        await asyncio.sleep(0.1)
        _, stranger = await stack(net, "server").create_datagram_endpoint(Socket, local_port=999)
        stranger.transport.sendto(b"call", ("203.0.113.10", 5000))
        await asyncio.sleep(0.1)
        assert [data for data, _ in socket.datagrams].count(b"call") == heard

    run(net, story())


def test_a_shortage_of_ports_is_told_once_a_second_with_what_it_cost():
    net = home(nat={"ports": "5000-5001"})

    async def story():
        await echo_server(net)
        for port in range(5000, 5010):
            (await sender(net, "laptop", port)).transport.sendto(b"hello")
        await asyncio.sleep(2)
        (await sender(net, "laptop", 5011)).transport.sendto(b"hello")
        await asyncio.sleep(0.1)

    run(net, story())
    told = kinds(net, "nat.exhausted")
    assert [event["refused"] for event in told] == [1, 8]
    assert {(event["reason"], event["ports_used"], event["ports"]) for event in told} == {
        ("port_exhausted", 2, 2)
    }
    failures = net.host("router").metrics.counter(
        "journey_nat_failures_total", router="router", reason="port_exhausted"
    )
    assert failures.value == 9
