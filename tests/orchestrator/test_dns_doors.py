"""The doors to DNS servers: real loopback sockets, and an element of a few lines behind them."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from actors.element import CallFailed
from orchestrator.config import default_world, load_world
from orchestrator.metrics.feed import PortTaken
from orchestrator.tools.doors import Doors, who_answers


class Element:
    """Says the query back, backwards; `away` it cannot be called, and junk it leaves unanswered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.away = False

    async def __call__(self, element: str, verb: str, /, query: bytes, tcp: bool) -> bytes | None:
        assert verb == "dns"
        self.asked.append((element, tcp))
        if self.away:
            raise CallFailed("it is away")
        return None if query == b"junk" else query[::-1]


def with_doors(story: Callable[[dict[str, int], Element], Any], *elements: str) -> Any:
    async def whole() -> Any:
        element = Element()
        doors = Doors(element)
        where = await doors.open(elements or ("resolver",), "127.0.0.1:0")
        try:
            async with asyncio.timeout(10):
                return await story({name: int(at.rpartition(":")[2]) for name, at in where.items()}, element)
        finally:
            await doors.close()

    return asyncio.run(whole())


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.put_nowait(data)


async def by_udp(port: int, *queries: bytes) -> bytes:
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, remote_addr=("127.0.0.1", port)
    )
    try:
        for query in queries:
            transport.sendto(query)
        return await client.heard.get()
    finally:
        transport.close()


async def by_tcp(port: int, *queries: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for query in queries:
            writer.write(len(query).to_bytes(2) + query)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def test_a_query_comes_to_its_element_and_the_answer_back():
    async def story(ports, element):
        assert await by_udp(ports["resolver"], b"abc") == b"cba"
        assert await by_tcp(ports["root"], b"abc", b"de") == b"\0\x03cba\0\x02ed"
        return element.asked

    assert with_doors(story, "resolver", "root") == [("resolver", False), ("root", True), ("root", True)]


def test_what_is_left_unanswered_harms_nobody():
    async def story(ports, element):
        assert await by_udp(ports["resolver"], b"junk", b"", b"abc") in (b"cba", b"")
        assert await by_tcp(ports["resolver"], b"junk") == b"", "the connection is closed"
        element.away = True
        assert await by_tcp(ports["resolver"], b"abc") == b""
        element.away = False
        return await by_udp(ports["resolver"], b"abc")

    assert with_doors(story) == b"cba"


def test_a_port_that_is_taken_is_told():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(PortTaken, match=rf"{address}: Address already in use; --dns HOST:PORT"):
            asyncio.run(Doors(Element()).open(["resolver"], address))


def test_an_address_that_is_not_ours_is_told():
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1:5300: Cannot assign"):
        asyncio.run(Doors(Element()).open(["resolver"], "192.0.2.1:5300"))


def test_in_the_default_world_the_resolver_comes_first():
    elements = load_world(default_world()).elements
    assert who_answers(elements) == ["resolver", "laptop", "home-router", "root", "tld", "route53"]
