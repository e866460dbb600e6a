"""TCP sockets of a stack, as applications see them: on the virtual clock, over real Ethernet frames."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.element import JOURNEY
from actors.protocols.tcp import State, output
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire import ethernet, ipv4, tcp
from actors.wire.addresses import ip_bytes
from tests.stack.hosts import pair, routed, stack
from tests.stack.streams import Collector, Echo

ONE, TWO = "10.0.0.1", "10.0.0.2"


def play(net: VirtualNetwork, story: Callable[[Stack, Stack], Awaitable[Any]]) -> Any:
    """Run `story(one's stack, two's stack)` on the network's clock."""

    async def run() -> Any:
        return await story(stack(net, "one"), stack(net, "two"))

    return net.run(run())


def counter(net: VirtualNetwork, name: str, of: str, **labels: str) -> float:
    return net.host(name).metrics.counter(of, **labels).value


# ---- connecting -----------------------------------------------------------------------------------------------


def test_connecting_talking_and_closing():
    servers: list[Echo] = []

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(lambda: servers.append(Echo()) or servers[-1], 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        assert transport.get_extra_info("peername") == (TWO, 80)
        assert transport.get_extra_info("sockname")[0] == ONE
        assert 32768 <= transport.get_extra_info("sockname")[1] <= 60999
        transport.write(b"hello")
        await client.got(5)
        assert transport.get_extra_info("tcp_info")["state"] == "ESTABLISHED"
        transport.close()
        await client.lost
        await servers[0].lost

    play(pair(), story)
    assert servers[0].data == b"hello"
    assert servers[0].eof


def test_nobody_listens():
    async def story(one: Stack, two: Stack) -> float:
        with pytest.raises(ConnectionRefusedError):
            await one.create_connection(Collector, TWO, 81)
        return asyncio.get_running_loop().time()

    net = pair()
    assert play(net, story) < 0.01
    assert counter(net, "two", "journey_tcp_resets_total", direction="sent") == 1
    assert counter(net, "one", "journey_tcp_resets_total", direction="received") == 1
    assert not stack(net, "one").tcp.transports


def test_nobody_is_there():
    async def story(one: Stack, two: Stack) -> None:
        with pytest.raises(OSError, match="no route to host") as caught:
            await one.create_connection(Collector, "10.0.0.77", 80)
        assert caught.value.errno == errno.EHOSTUNREACH

    play(pair(), story)


def test_there_is_no_way():
    async def story(one: Stack, two: Stack) -> None:
        with pytest.raises(OSError, match="unreachable") as caught:
            await one.create_connection(Collector, "8.8.8.8", 80)
        assert caught.value.errno == errno.ENETUNREACH

    play(pair(), story)


def test_a_router_knows_no_way_either():
    async def story(one: Stack, two: Stack) -> None:
        with pytest.raises(OSError) as caught:
            await one.create_connection(Collector, "8.8.8.8", 80)
        assert caught.value.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)

    play(routed(), story)


def test_a_connect_can_be_given_less_time():
    async def story(one: Stack, two: Stack) -> float:
        with pytest.raises(TimeoutError):
            await one.create_connection(Collector, TWO, 80, timeout_s=2.5)
        assert not one.tcp.transports
        return asyncio.get_running_loop().time()

    assert 2.5 <= play(pair(loss="100%"), story) < 2.6


def test_a_connect_can_be_cancelled():
    async def story(one: Stack, two: Stack) -> None:
        connecting = asyncio.ensure_future(one.create_connection(Collector, TWO, 80))
        await asyncio.sleep(0.5)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        assert not one.tcp.transports

    play(pair(loss="100%"), story)


def test_a_port_is_listened_to_once():
    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80)
        with pytest.raises(OSError, match=r"10\.0\.0\.2:80") as caught:
            await two.create_server(Echo, 80, host=TWO)
        assert caught.value.errno == errno.EADDRINUSE
        server.close()
        assert not server.is_serving()
        await two.create_server(Echo, 80, host=TWO)
        await one.create_connection(Collector, TWO, 80)

    play(pair(), story)


def test_a_host_can_talk_to_itself():
    async def story(one: Stack, two: Stack) -> None:
        await one.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, ONE, 80)
        transport.write(b"echo")
        assert await client.got(4) == b"echo"

    play(pair(), story)


def test_ephemeral_ports_run_out():
    async def story(one: Stack, two: Stack) -> None:
        peer = ip_bytes(TWO) + ip_bytes(ONE) + (80).to_bytes(2)
        one.tcp.transports.update({peer + port.to_bytes(2): None for port in range(32768, 61000)})
        with pytest.raises(OSError) as caught:
            await one.create_connection(Collector, TWO, 80)
        assert caught.value.errno == errno.EADDRNOTAVAIL
        del one.tcp.transports[peer + (40000).to_bytes(2)]
        await two.create_server(Echo, 80)
        transport, _ = await one.create_connection(Collector, TWO, 80)
        assert transport.get_extra_info("sockname")[1] == 40000

    play(pair(), story)


# ---- data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["0%", "2%"])
def test_megabytes_both_ways(loss: str):
    data = bytes(range(256)) * 8192

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(data)
        transport.write_eof()
        await client.ended
        assert client.data == data

    net = pair(loss=loss)
    play(net, story)
    retransmitted = counter(net, "one", "journey_tcp_segments_retransmitted_total")
    assert (retransmitted > 0) is (loss != "0%")


def test_a_reader_that_pauses_slows_the_writer_down():
    class Slow(Collector):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()
            assert not transport.is_reading()

    slow = []

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(lambda: slow.append(Slow()) or slow[-1], 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(bytes(1_000_000))
        assert client.paused
        await asyncio.sleep(60)
        assert client.paused
        # what is left of the window is less than the 128 bytes in which a scaled one is told
        assert 131_072 - 128 < 1_000_000 - transport.get_write_buffer_size() <= 131_072
        assert not slow[0].data
        slow[0].transport.resume_reading()
        await slow[0].got(1_000_000)
        assert not client.paused
        assert transport.get_write_buffer_size() == 0

    play(pair(), story)


def test_write_buffer_limits_are_obeyed():
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        assert transport.get_write_buffer_limits() == (16_384, 65_536)
        transport.set_write_buffer_limits(high=300_000)
        assert transport.get_write_buffer_limits() == (75_000, 300_000)
        transport.write(bytes(310_000))
        assert not client.paused  # the initial window, ten segments, is under way
        transport.write(bytes(40_000))
        assert client.paused
        with pytest.raises(ValueError, match="high"):
            transport.set_write_buffer_limits(high=1, low=2)

    play(pair(), story)


def test_half_a_connection_goes_on():
    class AnswersAtTheEnd(Collector):
        def eof_received(self) -> bool:
            self.transport.writelines([b"you said ", bytes(self.data)])
            self.transport.close()
            return True

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(AnswersAtTheEnd, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(b"hello")
        assert transport.can_write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            transport.write(b"more")
        await client.ended
        assert client.data == b"you said hello"

    play(pair(), story)


def test_what_was_written_before_close_arrives():
    servers: list[Collector] = []

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(lambda: servers.append(Collector()) or servers[-1], 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(bytes(500_000))
        transport.close()
        assert transport.is_closing()
        transport.write(b"too late")
        assert await client.lost is None
        await servers[0].ended

    play(pair(), story)
    assert len(servers[0].data) == 500_000


def test_an_abort_resets_the_peer():
    servers: list[Collector] = []

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(lambda: servers.append(Collector()) or servers[-1], 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        await asyncio.sleep(0.1)
        transport.abort()
        assert await client.lost is None
        assert isinstance(await servers[0].lost, ConnectionResetError)
        assert not one.tcp.transports
        assert not two.tcp.transports

    play(pair(), story)


def test_a_protocol_that_fails_loses_its_connection_only():
    class Clumsy(Collector):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    async def story(one: Stack, two: Stack) -> list[Any]:
        reports: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, report: reports.append(report["exception"])
        )
        await two.create_server(Clumsy, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(b"oops")
        assert isinstance(await client.lost, ConnectionResetError)
        await one.create_connection(Collector, TWO, 80)
        return reports

    reports = play(pair(), story)
    assert [type(report) for report in reports] == [ZeroDivisionError]


def test_a_peer_that_vanishes_is_noticed_by_who_writes():
    async def story(one: Stack, two: Stack) -> float:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        two.on_frame = lambda port, frame: None
        net.element("two").on_frame = lambda port, frame: None
        one.set_neighbour("eth0", TWO, two.ip.interfaces["eth0"].mac)
        transport.write(b"hello?")
        error = await client.lost
        assert isinstance(error, TimeoutError)
        assert error.errno == errno.ETIMEDOUT
        return asyncio.get_running_loop().time()

    net = pair()
    assert 900 < play(net, story) < 1000


def test_a_peer_that_forgot_everything_resets():
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        await net.restart("two")
        transport.write(b"remember me?")
        assert isinstance(await client.lost, ConnectionResetError)

    net = pair()
    play(net, story)


def test_a_smaller_mtu_on_the_way_is_learnt():
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, "10.0.2.5", 80)
        assert transport.get_extra_info("tcp_info")["mss_bytes"] == 960 - 12
        next(iter(two.tcp.transports.values())).connection.mss_bytes = 4000  # as if nothing had been said
        transport.write(bytes(20_000))
        await client.got(20_000)

    play(routed(left_mtu=1000, right_mtu=9001), story)


# ---- queues ---------------------------------------------------------------------------------------------------


def test_a_server_that_does_not_accept_fills_its_queue():
    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80, backlog=2)
        server.pause_accepting()
        connections = [await one.create_connection(Collector, TWO, 80) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert (server.accept_queue_length, server.backlog) == (3, 2)
        with pytest.raises(TimeoutError):
            await one.create_connection(Collector, TWO, 80, timeout_s=5)
        connections[0][0].write(b"waiting")
        connecting = asyncio.ensure_future(one.create_connection(Collector, TWO, 80))
        await asyncio.sleep(0.5)
        server.resume_accepting()
        await connecting
        assert server.accept_queue_length == 0
        assert await connections[0][1].got(7) == b"waiting"

    net = pair()
    play(net, story)
    assert (
        counter(net, "two", "journey_tcp_listen_drops_total") == 4
    )  # SYNs after 0, 1 and 3 s; and another's first


def test_an_overflow_between_syn_and_ack_is_counted():
    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80, backlog=3)
        server.pause_accepting()
        connecting = [asyncio.ensure_future(one.create_connection(Collector, TWO, 80)) for _ in range(3)]
        await asyncio.gather(*connecting)
        more = [asyncio.ensure_future(one.create_connection(Collector, TWO, 80)) for _ in range(3)]
        await asyncio.gather(*more)  # to the client, all is well
        await asyncio.sleep(0.1)
        assert server.accept_queue_length == 4
        server.resume_accepting()
        for task in more:
            transport, client = task.result()
            transport.write(b"am I served?")
            assert await client.got(12) == b"am I served?"

    net = pair()
    play(net, story)
    assert counter(net, "two", "journey_tcp_listen_overflows_total") >= 2


def test_closing_a_server_resets_who_was_not_accepted():
    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80)
        server.pause_accepting()
        _, client = await one.create_connection(Collector, TWO, 80)
        await asyncio.sleep(0.1)
        server.close()
        await server.wait_closed()
        assert isinstance(await client.lost, ConnectionResetError)

    play(pair(), story)


# ---- the same port again --------------------------------------------------------------------------------------


def test_a_port_in_time_wait_takes_a_new_connection():
    async def story(one: Stack, two: Stack) -> None:
        accepted: list[Collector] = []
        await two.create_server(lambda: accepted.append(Collector()) or accepted[-1], 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        port = transport.get_extra_info("sockname")[1]
        await asyncio.sleep(0.1)
        accepted[0].transport.close()
        await client.lost
        await asyncio.sleep(0.1)
        assert [each.connection.state for each in two.tcp.transports.values()] == [State.TIME_WAIT]
        old = next(iter(two.tcp.transports.values())).connection
        one.tcp._free_port = lambda *_: port
        one.context = None
        random = one.tcp.context.random
        random.getrandbits = lambda bits: (old.rcv_nxt + 100_000) & 0xFFFFFFFF
        await one.create_connection(Collector, TWO, 80)
        await asyncio.sleep(0.1)
        assert len(accepted) == 2

    play(pair(), story)


# ---- journeys and records -------------------------------------------------------------------------------------


def test_an_acknowledgment_that_comes_late_changes_nobodys_journey():
    """The ACK of a handshake belongs to a journey, and may be overtaken by data that belong to none."""
    journey, net = "a" * 32, pair()

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        JOURNEY.set(journey)
        transport, client = await one.create_connection(Collector, TWO, 80)
        await asyncio.sleep(0.1)
        (accepted,) = two.tcp.transports.values()
        assert accepted.journey == journey
        JOURNEY.set(None)
        transport.write(b"x")
        await client.got(1)
        assert accepted.journey is None
        transport.journey = journey
        output.send_ack(transport.connection, net.loop.now_ns)
        await asyncio.sleep(0.1)
        assert accepted.journey is None

    play(net, story)
    told = [
        each["packet"] for each in net.journal if each["kind"] == "link.transmit" and each["element"] == "one"
    ]
    assert sum("SYN" not in packet and "TCP" in packet for packet in told) == 2, (
        "it was under way, and it was told"
    )


def test_a_journey_is_carried_and_told_by_both_ends():
    journey, next_journey = "a" * 32, "b" * 32
    seen: list[str | None] = []

    class Curious(Echo):
        def data_received(self, data: bytes) -> None:
            seen.append(self.transport.get_extra_info("journey"))
            super().data_received(data)

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Curious, 80)
        JOURNEY.set(journey)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(b"first")
        await client.got(5)
        JOURNEY.set(next_journey)
        transport.write(b"second")
        await client.got(11)
        JOURNEY.set(None)
        transport.write(b"third")
        await client.got(16)
        await asyncio.sleep(1)

    net = pair()
    play(net, story)
    assert seen == [journey, next_journey, None]
    established = [record for record in net.journal if record["kind"] == "tcp.established"]
    assert {(record["element"], record["role"]) for record in established} == {
        ("one", "client"),
        ("two", "server"),
    }
    assert {record["journey"] for record in established} == {journey}
    client = next(record for record in established if record["element"] == "one")
    assert 2 <= client["handshake_ms"] <= 4  # with ARP, as far as that is needed
    assert (client["mss_bytes"], client["window_scale"]) == (1448, 7)
    packets = [
        record for record in net.journal if record["kind"] == "link.transmit" and "TCP" in record["packet"]
    ]
    by_journey = {
        each: [r["element"] for r in packets if r["journey"] == each] for each in (journey, next_journey)
    }
    assert by_journey == {journey: ["one", "two", "one", "one", "two"], next_journey: ["one", "two"]}


def test_a_retransmission_belongs_to_the_journey_of_its_data():
    journey = "c" * 32

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        net.element("two").on_frame = lambda port, frame: None
        JOURNEY.set(journey)
        transport.write(b"lost")
        JOURNEY.set(None)
        await asyncio.sleep(0.3)
        del net.element("two").on_frame
        await client.got(4)

    net = pair()
    play(net, story)
    retransmits = [record for record in net.journal if record["kind"] == "tcp.retransmit"]
    assert [record["journey"] for record in retransmits] == [journey] * len(retransmits)
    assert (retransmits[0]["segment"], retransmits[0]["bytes"], retransmits[0]["attempt"]) == ("data", 4, 1)


# ---- wire truth -----------------------------------------------------------------------------------------------


def with_checksum(frame: bytes, wrong: int = 0) -> bytes:
    packet = ipv4.decode(frame[14:])
    segment = tcp.decode(packet.payload)
    real = tcp.encode(segment, packet.source, packet.destination, offload=False)
    real = real[:17] + bytes([real[17] ^ wrong]) + real[18:]
    return frame[:14] + ipv4.encode(packet._replace(payload=real))


def test_a_real_checksum_is_checked():
    async def story(one: Stack, two: Stack) -> None:
        element, wrong = net.element("two"), 0

        def translate(port: str, frame: bytes) -> None:
            is_tcp = ethernet.decode(frame).ethertype == ethernet.IPV4
            two.on_frame(port, with_checksum(frame, wrong) if is_tcp else frame)

        element.on_frame = translate
        await two.create_server(Echo, 80)
        transport, client = await one.create_connection(Collector, TWO, 80)
        transport.write(b"right")
        await client.got(5)
        assert counter(net, "two", "journey_tcp_malformed_segments_total") == 0
        wrong = 1
        transport.write(b"wrong")
        await asyncio.sleep(0.1)
        assert counter(net, "two", "journey_tcp_malformed_segments_total") == 1
        wrong = 0
        assert await client.got(10) == b"rightwrong"

    net = pair()
    play(net, story)


@pytest.mark.parametrize("junk", [b"", b"\x00" * 19, b"\xff" * 20, bytes(20) + b"\x02", b"\x00\x50" * 30])
def test_junk_is_dropped(junk: bytes):
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 80)
        one.output(None, ip_bytes(TWO), ipv4.TCP, junk)
        await asyncio.sleep(1)
        transport, client = await one.create_connection(Collector, TWO, 80)
        port = transport.get_extra_info("sockname")[1]
        one.output(None, ip_bytes(TWO), ipv4.TCP, port.to_bytes(2) + (80).to_bytes(2) + junk[4:])
        transport.write(b"still here")
        assert await client.got(10) == b"still here"

    play(pair(), story)


def test_inspect_shows_what_ss_would():
    async def story(one: Stack, two: Stack) -> None:
        server = await two.create_server(Echo, 80, backlog=7)
        server.pause_accepting()
        await one.create_connection(Collector, TWO, 80)
        await asyncio.sleep(0.1)
        sockets = two.inspect()["tcp"]
        assert sockets["listening"] == [
            {
                "local": "0.0.0.0:80",
                "syn_queue": 0,
                "accept_queue": 1,
                "backlog": 7,
                "overflows": 0,
                "syn_drops": 0,
            }
        ]
        (connection,) = sockets["connections"]
        assert (connection["local"], connection["state"]) == ("10.0.0.2:80", "ESTABLISHED")
        assert connection["rtt_ms"] == pytest.approx(2, abs=0.1)

    play(pair(), story)
