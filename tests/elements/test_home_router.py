"""The home router: what goes out and comes back, what stays outside, and what it tells of it."""

import asyncio
from random import Random

import pytest
from pydantic import ValidationError

from actors.element import JOURNEY
from actors.home_router import Config
from actors.parts.dns_asking import ask
from actors.protocols.dns.answer import from_response
from actors.wire import dns, icmp, ipv4, udp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.home_bed import (
    BALANCER,
    LAPTOP,
    OUTSIDE,
    PHONE,
    ROUTER,
    SERVER,
    Upload,
    Uploader,
    echo_server,
    heard,
    home,
    kinds,
    put,
    run,
    sender,
    syn,
    to_router,
    udp_packet,
)
from tests.stack.hosts import dropped, stack

HOUR_S = 3600


# ---- a computer comes home -------------------------------------------------------------------------------------


def test_a_computer_gets_an_address_and_is_told_of_router_and_dns():
    net = home()
    run(net, asyncio.sleep(0))
    lease = net.element("laptop").leases[0]
    assert (lease.address, lease.prefix_length, lease.router) == (LAPTOP, 24, ip_bytes("192.168.1.1"))
    assert lease.dns_servers == (ip_bytes("192.168.1.1"),)
    assert [record["why"] for record in kinds(net, "dhcp.pool")] == ["next never used"]
    assert [record["host_name"] for record in net.element("router").inspect()["leases"]] == ["laptop"]


def test_junk_at_the_dhcp_port_is_counted():
    net = home()

    async def story():
        put(net, udp_packet(PHONE, ip_bytes("192.168.1.1"), 68, 67))

    run(net, story())
    assert net.host("router").metrics.counter("journey_dhcp_malformed_messages_total").value == 1


# ---- out and back ----------------------------------------------------------------------------------------------


def test_two_computers_on_the_same_port_reach_the_same_server_by_one_address():
    net = home()

    async def story():
        server = await echo_server(net)
        told = []
        for host in ("laptop", "phone"):
            socket = await sender(net, host, 5000)
            for number in range(3):
                socket.transport.sendto(f"{host} {number}".encode())
                await asyncio.sleep(0.1)
            told.append([data.decode() for data, _ in socket.datagrams])
        assert told == [[f"{host} {number}" for number in range(3)] for host in ("laptop", "phone")]
        sources = {source for _, source in server.datagrams}
        assert {host for host, _ in sources} == {"203.0.113.10"}
        assert len(sources) == 2

    run(net, story())


@pytest.mark.parametrize("mtus", [{}, {"fibre_mtu": 1400}, {"far_mtu": 1400}])
def test_tcp_passes_also_where_a_link_on_the_way_is_smaller(mtus):
    net = home(**mtus)

    async def story():
        await stack(net, "server").create_server(Upload, 80)
        _, uploader = await stack(net, "laptop").create_connection(Uploader, "198.51.100.10", 80)
        uploader.transport.write(bytes(100_000))
        await uploader.until(100_000)

    run(net, story())


def test_a_datagram_in_fragments_passes_both_ways():
    net = home()

    async def story():
        await echo_server(net)
        socket = await sender(net, "laptop")
        socket.transport.sendto(bytes(range(250)) * 20)
        await asyncio.sleep(0.1)
        assert [data for data, _ in socket.datagrams] == [bytes(range(250)) * 20]

    run(net, story())


def test_a_connection_outlives_the_router():
    net = home()

    async def story():
        await stack(net, "server").create_server(Upload, 80)
        _, uploader = await stack(net, "laptop").create_connection(Uploader, "198.51.100.10", 80)
        uploader.transport.write(b"before")
        await uploader.until(6)
        await net.restart("router")
        assert net.element("router").inspect()["nat_sessions"] == []
        uploader.transport.write(b"after")
        await uploader.until(11)

    run(net, story())


def test_computers_at_home_talk_to_each_other_without_the_router():
    net = home()

    async def story():
        before = len(net.element("router").nat)
        await stack(net, "laptop").ping("192.168.1.50")
        assert len(net.element("router").nat) == before
        stations = net.element("router").inspect()["stations"]
        assert sorted(stations.values()) == ["lan1", "lan2"]
        others = [frame for frame in net.element("phone").heard if frame[:6] == mac_for("laptop", "eth0")]
        assert others == []

    run(net, story())


# ---- ICMP ------------------------------------------------------------------------------------------------------


def test_traceroute_from_inside_sees_every_hop():
    net = home()

    async def story():
        hops = await stack(net, "laptop").traceroute("198.51.100.10")
        assert [hop.address for hop in hops] == ["192.168.1.1", "203.0.113.1", "198.51.100.10"]

    run(net, story())


def test_a_packet_that_expires_at_home_is_quoted_as_the_server_sent_it():
    net = home()

    async def story():
        await echo_server(net)
        socket = await sender(net, "laptop", 5000)
        socket.transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        packet = udp_packet(SERVER, OUTSIDE, 7, 5000, ttl=1)
        put(net, packet, wan=True)
        await asyncio.sleep(0.1)
        error = icmp.decode(heard(net, "server")[-1].payload)
        assert error == icmp.TimeExceeded(icmp.TTL_EXCEEDED, packet)

    run(net, story())


def test_the_router_answers_pings_at_both_addresses():
    net = home()

    async def story():
        assert await stack(net, "laptop").ping("192.168.1.1") < 0.01
        assert await stack(net, "laptop").ping("203.0.113.10") < 0.01
        assert await stack(net, "server").ping("203.0.113.10") < 0.01
        assert (await net.element("router").call_ping("198.51.100.10"))["rtt_ms"] < 10
        assert "error" in await net.element("router").call_ping("203.0.113.9")

    run(net, story())


def test_a_port_that_is_closed_at_the_server_is_told_to_the_computer_that_asked():
    net = home()

    async def story():
        socket = await sender(net, "laptop")
        socket.transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        assert [type(error) for error in socket.errors] == [ConnectionRefusedError]

    run(net, story())


def test_without_the_fibre_computers_are_told_that_there_is_no_way():
    net = home()

    async def story():
        net.host("router").set_carrier("wan", False)
        with pytest.raises(OSError, match="unreachable"):
            await stack(net, "laptop").ping("198.51.100.10")
        net.host("router").set_carrier("wan", True)
        await stack(net, "laptop").ping("198.51.100.10")

    run(net, story())


@pytest.mark.parametrize("silent, asks", [("isp", "laptop"), ("laptop", "server")])
def test_when_a_neighbour_of_the_router_is_gone_the_sender_is_told(silent, asks):
    net = home()

    async def story():
        await echo_server(net)
        socket = await sender(net, "laptop", 5000)
        socket.transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        for interface in stack(net, "router").ip.interfaces.values():
            interface.carry_out(interface.neighbours.flush())
        net.element(silent).on_frame = lambda port, frame: None
        packet = (
            udp_packet(SERVER, OUTSIDE, 7, 5000) if asks == "server" else udp_packet(LAPTOP, SERVER, 5000, 7)
        )
        put(net, packet, wan=asks == "server")
        await asyncio.sleep(5)
        error = icmp.decode(heard(net, asks)[-1].payload)
        assert isinstance(error, icmp.Unreachable)
        assert error.code == icmp.HOST_UNREACHABLE
        assert (error.original[12:20], error.original[20:]) == (packet[12:20], packet[20:])

    run(net, story())


def test_a_frame_too_big_for_the_lan_is_complained_about_to_its_sender():
    net = home()

    async def story():
        socket = await sender(net, "laptop", 5000)
        socket.transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        packet = udp_packet(SERVER, OUTSIDE, 7, 5000, bytes(1600))
        put(net, packet, wan=True)
        await asyncio.sleep(0.1)
        error = icmp.decode(heard(net, "server")[-1].payload)
        assert isinstance(error, icmp.Unreachable)
        assert (error.code, error.next_hop_mtu) == (icmp.FRAGMENTATION_NEEDED, 1500)
        assert packet.startswith(error.original)

    run(net, story())


# ---- what stays outside ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (syn(SERVER, OUTSIDE, 80, 80), "unsolicited"),
        (syn(SERVER, LAPTOP, 80, 80), "unsolicited"),
        (udp_packet(SERVER, LAPTOP, 53, 53), "unsolicited"),
        (udp_packet(LAPTOP, OUTSIDE, 53, 53), "martian"),
        (udp_packet(OUTSIDE, OUTSIDE, 53, 53), "martian"),
        (udp_packet(SERVER, OUTSIDE, 9, 53), "udp_port"),
        (ipv4.encode(ipv4.Packet(SERVER, OUTSIDE, 47, b"")), "protocol"),
    ],
)
def test_what_nobody_at_home_asked_for_does_not_come_in(packet, reason):
    net = home()

    async def story():
        before = dropped(net, "router", reason)
        net.element("laptop").heard.clear()
        put(net, packet, wan=True)
        await asyncio.sleep(0.1)
        assert dropped(net, "router", reason) == before + 1
        assert heard(net, "laptop") == []

    run(net, story())


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (udp_packet(SERVER, SERVER, 9, 9), "martian"),
        (udp_packet(ip_bytes("192.168.1.1"), SERVER, 9, 9), "martian"),
        (ipv4.encode(ipv4.Packet(LAPTOP, SERVER, 47, b"")), "protocol"),
        (ipv4.encode(ipv4.Packet(LAPTOP, ip_bytes("239.1.2.3"), 17, bytes(8))), "martian"),
    ],
)
def test_what_must_not_go_out_does_not(packet, reason):
    net = home()

    async def story():
        before = dropped(net, "router", reason)
        put(net, packet)
        await asyncio.sleep(0.1)
        assert dropped(net, "router", reason) == before + 1
        assert heard(net, "server") == []

    run(net, story())


def test_a_full_table_is_counted_and_old_sessions_go_on():
    net = home(nat={"max_mappings": 3})

    async def story():
        await echo_server(net)
        await asyncio.sleep(61)  # the pings are forgotten
        sockets = [await sender(net, "laptop", port) for port in range(5000, 5004)]
        for socket in sockets * 2:
            socket.transport.sendto(b"hello")
            await asyncio.sleep(0.1)
        assert [len(socket.datagrams) for socket in sockets] == [2, 2, 2, 0]

    run(net, story())
    metrics = net.host("router").metrics
    assert metrics.counter("journey_nat_failures_total", router="router", reason="table_full").value == 2
    assert (
        metrics.gauge("journey_nat_sessions", router="router").value
        == metrics.gauge("journey_nat_session_limit", router="router").value
        == 3
    )


def test_sessions_end_when_they_have_been_silent():
    net = home(nat={"udp_timeout": "10s", "icmp_timeout": "10s"})

    async def story():
        await echo_server(net)
        (await sender(net, "laptop")).transport.sendto(b"hello")
        await asyncio.sleep(9)
        assert (
            net.host("router").metrics.gauge("journey_nat_sessions", router="router").value == 3
        )  # with two pings
        await asyncio.sleep(2)
        assert net.host("router").metrics.gauge("journey_nat_sessions", router="router").value == 0

    run(net, story())


def test_a_kept_header_does_not_outlive_its_session():
    net = home(nat={"udp_timeout": "10s"})

    async def story():
        await echo_server(net)
        laptop, phone = [await sender(net, host, 5000) for host in ("laptop", "phone")]
        for socket, wait_s in ((laptop, 1), (laptop, 1), (laptop, 1), (laptop, 11), (phone, 1), (laptop, 1)):
            socket.transport.sendto(b"always the same")
            await asyncio.sleep(wait_s)
        assert (len(laptop.datagrams), len(phone.datagrams)) == (5, 1)
        ports = [udp.decode(packet.payload).source_port for packet in heard(net, "server")]
        assert ports[:5] == [5000] * 5
        assert ports[5] != 5000  # it is the phone's now

    run(net, story())


def test_a_closed_connection_is_forgotten_after_four_minutes():
    net = home()

    async def story():
        await stack(net, "server").create_server(Upload, 80)
        _, uploader = await stack(net, "laptop").create_connection(Uploader, "198.51.100.10", 80)
        for count in (1000, 2000, 3000):
            uploader.transport.write(bytes(1000))
            await uploader.until(count)
        await asyncio.sleep(HOUR_S)
        assert len(net.element("router").nat) == 1
        uploader.transport.close()
        await asyncio.sleep(242)
        assert len(net.element("router").nat) == 0

    run(net, story())


# ---- DNS -------------------------------------------------------------------------------------------------------


def test_names_are_asked_for_once_and_then_known():
    net = home()

    async def dig() -> list[str]:
        query = dns.query(dns.name(BALANCER), dns.Type.A, 7, recursion_desired=True)
        response = await ask(
            net.element("laptop").context, stack(net, "laptop"), 10, ip_bytes("192.168.1.1"), query
        )
        return from_response(dns.name(BALANCER), dns.Type.A, response).addresses

    async def story():
        JOURNEY.set("1" * 32)
        return await dig(), await dig()

    for addresses in run(net, story()):
        assert sorted(addresses) == ["198.51.100.10", "198.51.100.20"]
    assert [record["result"] for record in kinds(net, "dns.cache")] == ["miss", "hit"]
    assert [record["server"] for record in kinds(net, "dns.forward")] == ["192.0.2.53"]


def test_nobody_outside_is_served():
    net = home()

    async def story():
        query = dns.query(dns.name("packet-journey.com"), dns.Type.A, 7, recursion_desired=True)
        with pytest.raises(ConnectionRefusedError):
            await ask(net.element("server").context, stack(net, "server"), 3, OUTSIDE, query)

    run(net, story())


# ---- what a journey is told ------------------------------------------------------------------------------------


def test_a_journey_is_told_of_its_mapping_once_each_way_and_of_routes():
    net = home()

    async def story():
        await echo_server(net)
        socket = await sender(net, "laptop", 5000)
        for journey in ("1" * 32, "2" * 32):
            JOURNEY.set(journey)
            for _ in range(3):
                socket.transport.sendto(b"hello, server")
                await asyncio.sleep(0.1)

    run(net, story())
    mapping = {
        "protocol": "UDP",
        "inside": "192.168.1.100:5000",
        "outside": "203.0.113.10:5000",
        "remote": "198.51.100.10:7",
    }
    told = kinds(net, "nat.mapping")
    assert all(mapping.items() <= record.items() for record in told)
    assert [(record["journey"][0], record["direction"], record["created"]) for record in told] == [
        ("1", "out", True), ("1", "in", False), ("2", "out", False), ("2", "in", False),
    ]  # fmt: skip
    routes = {(record["destination"], record["matched"]) for record in kinds(net, "route.lookup")}
    assert routes == {("198.51.100.10", "0.0.0.0/0"), ("192.168.1.100", "192.168.1.0/24")}


# ---- what it must survive --------------------------------------------------------------------------------------


def test_junk_and_mutants_on_every_port_kill_nothing():
    net = home()

    async def story():
        await echo_server(net)
        socket = await sender(net, "laptop", 5000)
        socket.transport.sendto(b"hello")
        await asyncio.sleep(0.1)
        router, dice = net.element("router"), Random(7)
        good = [
            to_router(udp_packet(LAPTOP, SERVER, 5000, 7)), to_router(syn(LAPTOP, SERVER, 1025, 80)),
            to_router(udp_packet(SERVER, OUTSIDE, 7, 5000), wan=True),
            to_router(syn(SERVER, OUTSIDE, 80, 1025), wan=True),
            *net.element("laptop").heard[-5:],
        ]  # fmt: skip
        for number in range(3000):
            frame = (
                bytearray(dice.choice(good)) if number % 3 else bytearray(dice.randbytes(dice.randrange(120)))
            )
            for _ in range(dice.randrange(4)):
                if frame:
                    frame[dice.randrange(len(frame))] = dice.randrange(256)
            router.on_frame(
                dice.choice(["lan1", "lan2", "wan"]), bytes(frame[: dice.randrange(len(frame) + 1) or None])
            )
        await asyncio.sleep(5)
        socket.transport.sendto(b"still there?")
        await asyncio.sleep(0.1)
        assert socket.datagrams[-1][0] == b"still there?"

    run(net, story())
    assert dropped(net, "router", "malformed") > 0


# ---- its config ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"wan": {"address": "203.0.113.10/26", "gateway": "203.0.114.1"}}, ("wan", "gateway"), "no neighbour"),
        ({"wan": {"address": "192.168.1.7/16", "gateway": "192.168.1.8"}}, ("wan", "address"), "overlaps"),
        ({"dhcp": {"pool": "192.168.2.1-192.168.2.9"}}, ("dhcp", "pool"), "no host's address in the LAN"),
        ({"dhcp": {"pool": "192.168.1.9-192.168.1.255"}}, ("dhcp", "pool"), "no host's address in the LAN"),
        ({"dhcp": {"pool": "192.168.1.9-192.168.1.8"}}, ("dhcp", "pool"), "ends before it begins"),
        ({"dhcp": {"pool": "192.168.1.9"}}, ("dhcp", "pool"), "write it like"),
        ({"dhcp": {"pool": "192.168.1.9-192.168.1.10", "lease_time": "5ms"}}, ("dhcp", "lease_time"), "at least 1s"),
        ({"lan": {"address": "192.168.1.1/24", "ports": ["a", "a"]}}, ("lan", "ports", 1), "already"),
        ({"lan": {"address": "192.168.1.1/24", "ports": ["wan"]}}, ("lan", "ports", 0), "already"),
        ({"nat": {"ports": "80"}}, ("nat", "ports"), "write it like"),
        ({"nat": {"ports": "0-80"}}, ("nat", "ports"), "1-65535"),
        ({"nat": {"udp_timeout": 0}}, ("nat", "udp_timeout"), "greater than 0"),
        ({"dns": {"forward_to": []}}, ("dns", "forward_to"), "at least 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_its_config_is_said_where_it_stands(change, where, what):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(ROUTER | change)
    assert [error["loc"] for error in caught.value.errors()] == [where]
    assert what in str(caught.value)
