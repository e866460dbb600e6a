"""UDP sockets: asyncio's datagram transports over the emulated network."""

import asyncio
import errno

import pytest

from actors.element import JOURNEY
from actors.stack.udp import EPHEMERAL, MAX_PAYLOAD
from tests.stack.hosts import Host, Socket, dropped, pair, routed, stack


def echo() -> Socket:
    return Socket(echo=True)


def test_a_question_and_its_answer():
    net = routed()

    async def story():
        _, server = await stack(net, "two").create_datagram_endpoint(echo, local_port=53)
        transport, client = await stack(net, "one").create_datagram_endpoint(Socket, remote=("10.0.2.5", 53))
        transport.sendto(b"who is it?")
        await asyncio.sleep(1)
        host, port = transport.get_extra_info("sockname")
        assert (host, port in EPHEMERAL) == ("10.0.1.5", True)
        assert transport.get_extra_info("peername") == ("10.0.2.5", 53)
        assert server.datagrams == [(b"who is it?", (host, port))]
        assert client.datagrams == [(b"who is it?", ("10.0.2.5", 53))]

    net.run(story())


def test_an_unconnected_socket_sends_wherever_it_is_told():
    net = routed()

    async def story():
        await stack(net, "two").create_datagram_endpoint(echo, local_port=53)
        transport, client = await stack(net, "one").create_datagram_endpoint(Socket)
        transport.sendto(b"hello", ("10.0.2.5", 53))
        await asyncio.sleep(1)
        assert [data for data, _ in client.datagrams] == [b"hello"]
        with pytest.raises(ValueError, match="needs an address"):
            transport.sendto(b"hello")

    net.run(story())


def test_a_connected_socket_hears_and_speaks_to_its_peer_only():
    net = pair()

    async def story():
        one, two = stack(net, "one"), stack(net, "two")
        transport, client = await one.create_datagram_endpoint(
            Socket, local_port=4000, remote=("10.0.0.2", 53)
        )
        stranger, stranger_heard = await two.create_datagram_endpoint(Socket, local_port=54)
        stranger.sendto(b"psst", ("10.0.0.1", 4000))
        await asyncio.sleep(1)
        assert client.datagrams == []
        assert isinstance(stranger_heard.errors[0], ConnectionRefusedError)
        with pytest.raises(ValueError, match="connected"):
            transport.sendto(b"x", ("10.0.0.2", 54))

    net.run(story())


def test_nobody_at_the_port_is_an_error_for_the_sender():
    net = routed()

    async def story():
        connected, one = await stack(net, "one").create_datagram_endpoint(Socket, remote=("10.0.2.5", 54))
        unconnected, other = await stack(net, "one").create_datagram_endpoint(Socket)
        connected.sendto(b"anybody?")
        unconnected.sendto(b"anybody?", ("10.0.2.5", 55))
        await asyncio.sleep(1)
        assert [type(error) for error in one.errors + other.errors] == [ConnectionRefusedError] * 2
        assert dropped(net, "two", "udp_port") == 2

    net.run(story())


def test_no_route_no_neighbour_and_no_room_are_errors_too():
    net = pair()

    async def story():
        transport, socket = await stack(net, "one").create_datagram_endpoint(Socket)
        transport.sendto(b"x", ("192.0.2.1", 53))
        transport.sendto(b"x", ("10.0.0.77", 53))
        transport.sendto(bytes(MAX_PAYLOAD + 1), ("10.0.0.2", 53))
        await asyncio.sleep(4)
        assert [error.errno for error in socket.errors] == [
            errno.EMSGSIZE,
            errno.ENETUNREACH,
            errno.EHOSTUNREACH,
        ]
        with pytest.raises(OSError, match="unreachable"):
            await stack(net, "one").create_datagram_endpoint(Socket, remote=("192.0.2.1", 53))

    net.run(story())


def test_a_port_is_used_once_and_free_again_after_close():
    net = pair()

    async def story():
        one = stack(net, "one")
        transport, socket = await one.create_datagram_endpoint(Socket, local_port=53)
        with pytest.raises(OSError, match="in use"):
            await one.create_datagram_endpoint(Socket, local_port=53)
        await one.create_datagram_endpoint(Socket, local_port=53, local_host="10.0.0.1")
        with pytest.raises(OSError, match="not an address"):
            await one.create_datagram_endpoint(Socket, local_port=53, local_host="10.0.0.2")
        transport.close()
        transport.close()
        assert transport.is_closing() and socket.lost == 0
        await asyncio.sleep(0.001)
        assert socket.lost == 1
        transport.sendto(b"too late", ("10.0.0.2", 53))
        again, _ = await one.create_datagram_endpoint(Socket, local_port=53)
        again.abort()
        first, _ = await one.create_datagram_endpoint(Socket, local_port=53, remote=("10.0.0.2", 1))
        with pytest.raises(OSError, match="connected"):
            await one.create_datagram_endpoint(Socket, local_port=53, remote=("10.0.0.2", 1))
        first.close()
        await one.create_datagram_endpoint(Socket, local_port=53, remote=("10.0.0.2", 1))

    net.run(story())


def test_before_it_has_an_address_a_host_shouts_and_hears_through_a_bound_socket():
    net = pair()
    net.add_element("new", lambda context: Host(context, None, None))
    net.add_element("server", lambda context: Host(context, "192.168.1.1/24", None))
    net.link("lan", ("new", "eth0"), ("server", "eth0"), delay="1ms")

    async def story():
        server, heard = await stack(net, "server").create_datagram_endpoint(
            Socket, local_port=67, interface="eth0"
        )
        client, answers = await stack(net, "new").create_datagram_endpoint(
            Socket, local_port=68, interface="eth0"
        )
        client.sendto(b"discover", ("255.255.255.255", 67))
        await asyncio.sleep(1)
        assert heard.datagrams == [(b"discover", ("0.0.0.0", 68))]
        server.sendto(b"offer", ("255.255.255.255", 68))
        await asyncio.sleep(1)
        assert answers.datagrams == [(b"offer", ("192.168.1.1", 67))]

    net.run(story())


def test_a_broadcast_is_heard_by_every_socket_and_a_datagram_by_the_choosiest():
    net = pair()

    async def story():
        two = stack(net, "two")
        _, anybody = await two.create_datagram_endpoint(Socket, local_port=9)
        _, bound = await two.create_datagram_endpoint(Socket, local_port=9, interface="eth0")
        sender, told = await stack(net, "one").create_datagram_endpoint(Socket)
        sender.sendto(b"all", ("10.0.0.255", 9))
        sender.sendto(b"you", ("10.0.0.2", 9))
        sender.sendto(b"nobody", ("10.0.0.255", 10))
        await asyncio.sleep(1)
        assert [data for data, _ in bound.datagrams] == [b"all", b"you"]
        assert [data for data, _ in anybody.datagrams] == [b"all"]
        assert told.errors == []

    net.run(story())


def test_an_answer_belongs_to_the_journey_of_its_question():
    net = pair()
    seen = []

    class Server(Socket):
        def datagram_received(self, data, address):
            seen.append(self.transport.get_extra_info("journey"))
            self.transport.sendto(data, address)

    async def story():
        await stack(net, "two").create_datagram_endpoint(Server, local_port=53)
        transport, _ = await stack(net, "one").create_datagram_endpoint(Socket, remote=("10.0.0.2", 53))
        JOURNEY.set("ab" * 16)
        transport.sendto(b"x")
        JOURNEY.set(None)
        await asyncio.sleep(1)

    net.run(story())
    assert seen == ["ab" * 16]
    udp = [
        (r["element"], r["journey"])
        for r in net.journal
        if r["kind"] == "link.transmit" and "UDP" in r["packet"]
    ]
    assert udp == [("one", "ab" * 16), ("two", "ab" * 16)]
