"""The stack's own TLS: what it shares with asyncio's is tried in test_aiohttp.py; here are the odd ways to behave."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from orchestrator.pki import make_authority
from tests.stack.hosts import pair, stack
from tests.stack.streams import Collector, Echo, collectors

TWO, NAME = "10.0.0.2", "packet-journey.com"
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """For the client and for the server."""
    directory: Path = tmp_path_factory.mktemp("pki")
    make_authority(directory, [NAME])
    client = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "certs" / f"{NAME}.pem")
    return client, server


def play(story: Callable[[Stack, Stack], Awaitable[Any]], net: VirtualNetwork | None = None) -> None:
    network = net or pair()

    async def run() -> None:
        one, two = stack(network, "one"), stack(network, "two")
        await story(one, two)
        await asyncio.sleep(120)
        assert not one.tcp.transports
        assert not two.tcp.transports

    network.run(run())


async def connect(one: Stack, contexts: Contexts, factory: Any = Collector) -> tuple[Any, Any]:
    return await one.create_connection(factory, TWO, 443, ssl=contexts[0], server_hostname=NAME)


def test_what_is_said_with_the_handshakes_last_flight_arrives(contexts: Contexts):
    class Eager(Collector):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.write(b"first words")

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 443, ssl=contexts[1])
        secure, client = await connect(one, contexts, Eager)
        assert await client.got(11) == b"first words"
        secure.close()

    play(story)


def test_who_does_not_read_makes_the_other_wait(contexts: Contexts):
    size = 3_000_000

    async def story(one: Stack, two: Stack) -> None:
        servers, serve = collectors()

        await two.create_server(serve, 443, ssl=contexts[1])
        secure, client = await connect(one, contexts)
        secure.write(b"x")
        await servers[0].got(1)
        servers[0].transport.pause_reading()
        secure.write(bytes(size))
        await asyncio.sleep(5)
        assert client.paused
        assert len(servers[0].data) == 1
        servers[0].transport.resume_reading()
        await servers[0].got(size + 1)
        assert not client.paused
        secure.close()

    play(story)


def test_pausing_between_two_records_keeps_the_second(contexts: Contexts):
    class OneAtATime(Collector):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    async def story(one: Stack, two: Stack) -> None:
        servers: list[OneAtATime] = []

        def serve() -> OneAtATime:
            servers.append(OneAtATime())
            return servers[-1]

        await two.create_server(serve, 443, ssl=contexts[1])
        secure, _ = await connect(one, contexts)
        secure.write(bytes(40_000))  # three records
        for size in (16_384, 32_768, 40_000):
            await asyncio.sleep(1)
            assert len(servers[0].data) == size
            servers[0].transport.resume_reading()
        secure.close()

    play(story)


class Buffered(asyncio.BufferedProtocol):
    """Takes 1000 bytes at a time."""

    def __init__(self) -> None:
        self.data, self._room = bytearray(), bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self._room[:nbytes]


def test_a_protocol_with_its_own_buffer(contexts: Contexts):
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 443, ssl=contexts[1])
        secure, client = await connect(one, contexts, Buffered)
        secure.write(bytes(range(256)) * 10)
        await asyncio.sleep(1)
        assert client.data == bytes(range(256)) * 10
        secure.close()

    play(story)


def test_the_peers_close_is_an_end_and_then_a_loss(contexts: Contexts):
    async def story(one: Stack, two: Stack) -> None:
        servers, serve = collectors()

        await two.create_server(serve, 443, ssl=contexts[1])
        secure, _ = await connect(one, contexts)
        secure.write(b"bye")
        secure.close()
        assert secure.is_closing()
        secure.write(b"too late")
        assert await servers[0].lost is None
        assert (servers[0].data, servers[0].eof) == (b"bye", True)

    play(story)


@pytest.mark.parametrize("how", ["write_eof", "abort"])
def test_a_peer_that_goes_without_a_word(how: str, contexts: Contexts):
    """The TCP connection ends, or is reset, under the TLS one."""

    async def story(one: Stack, two: Stack) -> None:
        servers, serve = collectors()

        await two.create_server(serve, 443, ssl=contexts[1])
        await connect(one, contexts)
        [tcp] = one.tcp.transports.values()
        getattr(tcp, how)()
        error = await servers[0].lost
        assert isinstance(error, ConnectionResetError) if how == "abort" else error is None

    play(story)


def test_what_is_no_tls_ends_in_an_alert(contexts: Contexts):
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 443, ssl=contexts[1])
        transport, client = await one.create_connection(Collector, TWO, 443)
        transport.write(b"\x16\x03\x01\x00\x05hello")
        await client.lost
        assert client.data[:1] == b"\x15"  # an alert record

    play(story)


def test_junk_in_the_middle_of_a_connection_ends_it(contexts: Contexts):
    async def story(one: Stack, two: Stack) -> None:
        servers, serve = collectors()

        await two.create_server(serve, 443, ssl=contexts[1])
        await connect(one, contexts)
        [tcp] = one.tcp.transports.values()
        tcp.write(b"\x17\x03\x03\x00\x20" + bytes(32))
        assert isinstance(await servers[0].lost, ssl.SSLError)

    play(story)


def test_a_client_that_never_says_hello_is_dropped_after_a_minute(contexts: Contexts):
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 443, ssl=contexts[1])
        began = asyncio.get_running_loop().time()
        _, client = await one.create_connection(Collector, TWO, 443)
        await client.lost
        assert asyncio.get_running_loop().time() - began == pytest.approx(60, abs=0.1)

    play(story)


def test_a_server_that_hangs_up_during_the_handshake(contexts: Contexts):
    class HangsUp(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.close()

    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(HangsUp, 443)
        with pytest.raises(ConnectionResetError):
            await connect(one, contexts)

    play(story)


def test_a_protocol_that_fails_ends_its_connection(contexts: Contexts):
    class Fails(Collector):
        def data_received(self, data: bytes) -> None:
            raise ValueError("on purpose")

    async def story(one: Stack, two: Stack) -> None:
        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what["exception"]))
        await two.create_server(Fails, 443, ssl=contexts[1])
        secure, client = await connect(one, contexts)
        secure.write(b"x")
        assert isinstance(await client.lost, ConnectionResetError)
        assert [str(error) for error in reported] == ["on purpose"]

    play(story)
