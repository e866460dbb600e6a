"""asyncio's own libraries run on the emulated TCP unchanged: `loop.start_tls`, aiohttp's client, aiohttp's server."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from orchestrator.pki import make_authority
from tests.stack.hosts import pair, stack
from tests.stack.streams import Collector, Echo

TWO, NAME = "10.0.0.2", "packet-journey.com"


class StackConnector(aiohttp.BaseConnector):
    """aiohttp's pool over a stack's sockets; every name leads to TWO."""

    def __init__(self, stack: Stack, context: ssl.SSLContext | None, **options: Any) -> None:
        super().__init__(**options)
        self._stack, self._context = stack, context

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        transport, protocol = await self._stack.create_connection(self._factory, TWO, req.url.port)
        if req.is_ssl():
            secure = await self._loop.start_tls(
                transport, protocol, self._context, server_hostname=req.url.host
            )
            protocol.connection_made(secure)
        return protocol


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For the client and for the server."""
    directory: Path = tmp_path_factory.mktemp("pki")
    make_authority(directory, [NAME])
    client = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(directory / "certs" / f"{NAME}.pem")
    return client, server


def play(net: VirtualNetwork, story: Callable[[Stack, Stack], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await story(stack(net, "one"), stack(net, "two"))

    return net.run(run())


def application() -> web.Server:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/echo":
            return web.Response(body=await request.read())
        if request.path == "/slow":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(200):
                await response.write(bytes(10_000))
            return response
        return web.Response(text=f"hello {request.query_string}", headers={"X-From": request.remote or "?"})

    return web.Server(answer)


def test_start_tls_on_both_sides(contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    client_context, server_context = contexts

    class Secured(Echo):
        """Asks for TLS by itself, as SMTP or PostgreSQL do."""

        def data_received(self, data: bytes) -> None:
            if data == b"STARTTLS":
                self.transport.write(b"READY")
                self.task = asyncio.ensure_future(self.secure())
            else:
                super().data_received(data)

        async def secure(self) -> None:
            loop = asyncio.get_running_loop()
            self.transport = await loop.start_tls(self.transport, self, server_context, server_side=True)

    async def story(one: Stack, two: Stack) -> None:
        loop = asyncio.get_running_loop()
        await two.create_server(Secured, 25)
        transport, client = await one.create_connection(Collector, TWO, 25)
        transport.write(b"STARTTLS")
        await client.got(5)
        secure = await loop.start_tls(transport, client, client_context, server_hostname=NAME)
        await asyncio.sleep(0.1)
        secure.write(b"in secret")
        assert await client.got(14) == b"READYin secret"
        assert secure.get_extra_info("cipher")[1] == "TLSv1.3"
        assert secure.get_extra_info("peername") == (TWO, 25)
        secure.close()
        await client.lost

    play(pair(), story)


def test_a_tls_server_and_a_tls_client(contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    async def story(one: Stack, two: Stack) -> None:
        await two.create_server(Echo, 443, ssl=contexts[1])
        secure, client = await one.create_connection(
            Collector, TWO, 443, ssl=contexts[0], server_hostname=NAME
        )
        secure.write(bytes(300_000))
        await client.got(300_000)
        secure.close()
        assert await client.lost is None

    play(pair(), story)


def test_a_certificate_of_somebody_else_is_refused(contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    async def story(one: Stack, two: Stack) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await two.create_server(Echo, 443, ssl=contexts[1])
        with pytest.raises(ssl.SSLCertVerificationError):
            await one.create_connection(Collector, TWO, 443, ssl=contexts[0], server_hostname="example.org")
        await asyncio.sleep(1)
        assert not one.tcp.transports
        assert not two.tcp.transports

    play(pair(), story)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_aiohttp_fetches_from_aiohttp(scheme: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    async def story(one: Stack, two: Stack) -> None:
        server = application()
        await two.create_server(server, 8443, ssl=contexts[1] if scheme == "https" else None)
        async with aiohttp.ClientSession(connector=StackConnector(one, contexts[0])) as session:
            url = f"{scheme}://{NAME}:8443"
            async with session.get(f"{url}/?you") as response:
                assert (response.status, await response.text()) == (200, "hello you")
                assert response.headers["X-From"] == "10.0.0.1"
            async with session.post(f"{url}/echo", data=bytes(900_000)) as response:
                assert len(await response.read()) == 900_000
            async with session.get(f"{url}/slow") as response:
                size = 0
                async for chunk in response.content.iter_chunked(5_000):
                    size += len(chunk)
                    await asyncio.sleep(0.001)
                assert size == 2_000_000
        assert len(one.tcp.transports) <= 1  # one connection did all that
        await server.shutdown()
        await asyncio.sleep(1)

    play(pair(rate="100mbit"), story)


def test_thousands_of_requests_on_many_connections(contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    async def story(one: Stack, two: Stack) -> None:
        server = application()
        await two.create_server(server, 443, ssl=contexts[1])

        async def worker(number: int) -> None:
            for index in range(100):
                async with session.get(f"https://{NAME}/?{number}.{index}") as response:
                    assert await response.text() == f"hello {number}.{index}"

        await one.ping(TWO, 1)  # a neighbour that is still being asked for keeps few packets waiting
        async with aiohttp.ClientSession(connector=StackConnector(one, contexts[0], limit=20)) as session:
            await asyncio.gather(*map(worker, range(30)))
        await server.shutdown()
        await asyncio.sleep(1)

    net = pair()
    play(net, story)
    assert net.host("one").metrics.counter("journey_tcp_opens_total", role="client").value == 20
    assert net.host("one").metrics.counter("journey_tcp_segments_retransmitted_total").value == 0


@pytest.mark.parametrize("loss", ["1%", "5%"])
def test_requests_arrive_over_a_bad_line(loss: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    async def story(one: Stack, two: Stack) -> None:
        server = application()
        await two.create_server(server, 443, ssl=contexts[1])
        async with aiohttp.ClientSession(connector=StackConnector(one, contexts[0])) as session:
            for index in range(200):
                async with session.get(f"https://{NAME}/?{index}") as response:
                    assert await response.text() == f"hello {index}"
        await server.shutdown()
        await asyncio.sleep(1)

    play(pair(loss=loss), story)


def test_equal_seeds_give_equal_runs(contexts: tuple[ssl.SSLContext, ssl.SSLContext]):
    def run() -> tuple[list[int], float]:
        async def story(one: Stack, two: Stack) -> float:
            server = application()
            await two.create_server(server, 443, ssl=contexts[1])
            async with aiohttp.ClientSession(connector=StackConnector(one, contexts[0])) as session:
                for index in range(20):
                    async with session.get(f"https://{NAME}/?{index}") as response:
                        await response.read()
            await server.shutdown()
            await asyncio.sleep(1)
            return asyncio.get_running_loop().time()

        net = pair(loss="3%", jitter="200us")
        end_s = play(net, story)
        return [len(frame) for frame in net.element("two").heard], end_s

    assert run() == run()
