"""How connections end: in order, whoever closes first and whatever was still under way (RFC 9112 section 9.6)."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.protocols.tcp import State
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from orchestrator.pki import make_authority
from tests.stack.hosts import pair, stack
from tests.stack.streams import Collector

TWO, NAME = "10.0.0.2", "packet-journey.com"
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Story = Callable[[Stack, Stack, list[Collector]], Awaitable[Any]]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """For the client and for the server."""
    directory: Path = tmp_path_factory.mktemp("pki")
    make_authority(directory, [NAME])
    client = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "certs" / f"{NAME}.pem")
    return client, server


def play(story: Story, tls: ssl.SSLContext | None = None, **link: Any) -> tuple[float, float]:
    """Run `story(one's stack, two's stack, two's ends)`, two listening; how many resets each host has sent.

    `tls` is the server's context. Nothing may be left of any connection two minutes later."""
    net: VirtualNetwork = pair(**link)

    async def run() -> None:
        one, two = stack(net, "one"), stack(net, "two")
        servers: list[Collector] = []
        await two.create_server(lambda: servers.append(Collector()) or servers[-1], 443, ssl=tls)  # type: ignore[func-returns-value]
        await story(one, two, servers)
        await asyncio.sleep(120)
        assert not one.tcp.transports
        assert not two.tcp.transports

    net.run(run())
    return stack(net, "one").tcp.resets_sent.value, stack(net, "two").tcp.resets_sent.value


def states(of: Stack) -> list[State]:
    return [transport.connection.state for transport in of.tcp.transports.values()]


async def secured(one: Stack, context: ssl.SSLContext, how: str) -> tuple[Any, Collector]:
    """A TLS connection: the stack's own, or as the browser makes it."""
    if how == "stack":
        return await one.create_connection(Collector, TWO, 443, ssl=context, server_hostname=NAME)
    transport, _ = await one.create_connection(asyncio.Protocol, TWO, 443)
    client, loop = Collector(), asyncio.get_running_loop()
    secure = await loop.start_tls(transport, client, context, server_hostname=NAME)
    client.connection_made(secure)
    return secure, client


# ---- TLS ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stack", "asyncio"])
@pytest.mark.parametrize("first", ["client", "server", "both"])
def test_both_sides_say_goodbye(contexts: Contexts, how: str, first: str):
    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        secure, client = await secured(one, contexts[0], how)
        secure.write(b"hello")
        await servers[0].got(5)
        servers[0].transport.write(b"answer")
        if first != "client":
            servers[0].transport.close()
        if first != "server":
            await client.got(6)
            secure.close()
        assert await client.lost is None
        assert await servers[0].lost is None
        assert client.data == b"answer"
        await asyncio.sleep(0.1)
        assert {*states(one), *states(two)} <= {State.TIME_WAIT}

    assert play(story, contexts[1]) == (0, 0)


def test_what_the_client_says_meanwhile_is_not_reset(contexts: Contexts):
    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        secure, client = await secured(one, contexts[0], "stack")
        secure.write(b"hello")
        await servers[0].got(5)
        servers[0].transport.write(b"answer")
        servers[0].transport.close()
        secure.write(b"one more, before it knows")
        assert await client.lost is None
        assert client.data == b"answer"

    assert play(story, contexts[1]) == (0, 0)


# ---- plain ----------------------------------------------------------------------------------------------------


def test_a_server_that_closes_hears_the_client_out():
    """As while a body is uploaded that the server has refused: the answer must not be lost to a RST."""

    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        transport, client = await one.create_connection(Collector, TWO, 443)
        transport.write(bytes(300_000))
        await asyncio.sleep(0.1)
        servers[0].transport.write(b"413")
        servers[0].transport.close()
        assert await client.lost is None
        assert client.data == b"413"
        assert len(servers[0].data) < 300_000

    assert play(story, rate="10mbit") == (0, 0)


def test_so_does_one_that_was_not_reading():
    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        transport, client = await one.create_connection(Collector, TWO, 443)
        await asyncio.sleep(0.1)
        servers[0].transport.pause_reading()
        transport.write(bytes(300_000))  # more than the window
        await asyncio.sleep(1)
        servers[0].transport.close()
        assert await client.lost is None
        assert not servers[0].data

    assert play(story) == (0, 0)


class StaysOpen(Collector):
    def eof_received(self) -> bool:
        super().eof_received()
        return True


def test_a_client_that_talks_on_is_cut_off_after_five_seconds():
    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        transport, client = await one.create_connection(StaysOpen, TWO, 443)
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        servers[0].transport.close()
        while not client.lost.done():
            transport.write(b"and another thing")
            await asyncio.sleep(0.1)
        assert isinstance(client.lost.result(), ConnectionResetError)
        assert asyncio.get_running_loop().time() - began == pytest.approx(5, abs=0.2)

    assert play(story) == (0, 1)


def test_a_client_that_is_silent_is_forgotten():
    """Its socket is gone after five seconds, and what the kernel kept of it after a minute more."""

    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        transport, client = await one.create_connection(StaysOpen, TWO, 443)
        await asyncio.sleep(0.1)
        servers[0].transport.close()
        await client.ended
        await asyncio.sleep(64)
        assert states(two) == [State.FIN_WAIT_2]
        await asyncio.sleep(2)
        assert states(two) == []
        transport.close()

    assert play(story) == (0, 1)


def test_the_wait_begins_when_the_answer_has_been_sent():
    """2.5 MB at 2 Mbit/s take ten seconds; a client that talks in the eleventh is still heard."""

    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        transport, client = await one.create_connection(StaysOpen, TWO, 443)
        await asyncio.sleep(0.1)
        servers[0].transport.write(bytes(2_500_000))
        servers[0].transport.close()
        await client.got(2_500_000)
        assert asyncio.get_running_loop().time() > 10
        transport.write(b"thank you")
        await asyncio.sleep(1)
        transport.close()
        assert await client.lost is None

    assert play(story, rate="2mbit") == (0, 0)


def test_a_server_that_has_ended_its_stream_before():
    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        transport, client = await one.create_connection(StaysOpen, TWO, 443)
        await asyncio.sleep(0.1)
        servers[0].transport.write_eof()
        await client.ended
        servers[0].transport.close()
        transport.write(b"late")
        await asyncio.sleep(1)
        transport.close()
        assert await client.lost is None
        await servers[0].lost

    assert play(story) == (0, 0)


# ---- in connection_made ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("tls", [False, True])
def test_who_hangs_up_at_once_was_connected(contexts: Contexts, how: str, tls: bool):
    """As with asyncio: create_connection returns, and connection_lost comes."""

    class HangsUp(Collector):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            getattr(transport, how)()

    async def story(one: Stack, two: Stack, servers: list[Collector]) -> None:
        options = {"ssl": contexts[0], "server_hostname": NAME} if tls else {}
        transport, client = await one.create_connection(HangsUp, TWO, 443, **options)
        assert transport.is_closing()
        assert await client.lost is None

    resets = play(story, contexts[1] if tls else None)
    assert how == "abort" or resets == (0, 0)
