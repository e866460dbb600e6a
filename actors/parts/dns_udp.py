"""DNS over UDP on a host's stack: asking servers, answering clients, and sharing errands among equal questions.

Only UDP, and answers of any size: truncation, TCP and EDNS belong here when they come.
"""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from actors.element import Context
from actors.parts.dns_metrics import Answers
from actors.protocols.dns.answer import Answer, Resolve
from actors.protocols.dns.cache import rotated
from actors.protocols.dns.story import question
from actors.stack import Stack
from actors.wire import dns
from actors.wire.addresses import ip_bytes, ip_text
from actors.wire.malformed import Malformed

MAX_QUERIES_IN_HAND = 1000
"""Beyond these a server drops queries, as a kernel drops datagrams when a socket's buffer is full."""

_FIRST_PORT, _LAST_PORT = 1024, 65_535

Respond = Callable[[dns.Message, bytes], Coroutine[Any, Any, dns.Message]]
"""`await respond(query, client)`: the response to a client's query."""


class _Asker(asyncio.DatagramProtocol):
    """Waits for the one response that matches its query; anything else that arrives is not for us (RFC 5452)."""

    def __init__(self, query: dns.Message) -> None:
        self._query = query
        self.response: asyncio.Future[dns.Message] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            message = dns.decode(data)
        except Malformed:
            return
        if not self.response.done() and dns.answers(self._query, message):
            self.response.set_result(message)

    def error_received(self, exc: Exception) -> None:
        if not self.response.done():
            self.response.set_exception(exc)


async def ask(
    stack: Stack, random: Random, timeout_s: float, server: bytes, message: dns.Message
) -> dns.Message:
    """Send a query from a random port to port 53 and await its answer; raises `TimeoutError` or another `OSError`."""
    async with asyncio.timeout(timeout_s):
        transport, asker = await _open(stack, random, server, message)
        try:
            transport.sendto(dns.encode(message))
            return await asker.response
        finally:
            transport.close()


async def _open(
    stack: Stack, random: Random, server: bytes, message: dns.Message
) -> tuple[asyncio.DatagramTransport, _Asker]:
    remote = (ip_text(server), dns.PORT)
    while True:
        port = random.randint(_FIRST_PORT, _LAST_PORT)
        try:
            return await stack.create_datagram_endpoint(
                lambda: _Asker(message), local_port=port, remote=remote
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


class DnsService(asyncio.DatagramProtocol):
    """Answers the queries that arrive at port 53; what is no query is counted and dropped."""

    def __init__(self, context: Context, role: str, respond: Respond) -> None:
        self._context = context
        self._respond = respond
        self._in_hand = 0
        self._junk = context.metrics.counter("journey_dns_malformed_messages_total", resolver=role)
        self._overflow = context.metrics.counter("journey_dns_dropped_queries_total", resolver=role)
        self._answers = Answers(context, role)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            query = dns.decode_query(data)
        except Malformed:
            self._junk.value += 1
            return
        if self._in_hand >= MAX_QUERIES_IN_HAND:
            self._overflow.value += 1
            return
        self._in_hand += 1
        self._context.spawn(self._answer(query, addr), "dns query")

    async def _answer(self, query: dns.Message, addr: tuple[str, int]) -> None:
        began_ns = self._context.now_ns()
        try:
            response = await self._respond(query, ip_bytes(addr[0]))
        finally:
            self._in_hand -= 1
        self._answers.count(response.rcode().name, began_ns)
        assert self._transport is not None
        self._transport.sendto(dns.encode(response), addr)


class SharedResolve:
    """Lets equal questions that are asked at the same time share one errand: call it like the `resolve` it wraps.

    Those who join get the addresses rotated, as they would have out of the cache a moment later.
    """

    def __init__(self, context: Context, resolve: Resolve) -> None:
        self._context = context
        self._resolve = resolve
        self._running: dict[tuple[dns.Name, dns.Type], _Errand] = {}

    async def __call__(self, name: dns.Name, rdtype: dns.Type) -> Answer:
        key = (name, rdtype)
        errand = self._running.get(key)
        if errand is None:
            task = self._context.spawn(self._resolve(name, rdtype), f"resolve {dns.text(name)}")
            errand = self._running[key] = _Errand(task)
            task.add_done_callback(lambda _: self._running.pop(key))
        else:
            errand.joined += 1
            self._context.record("dns.wait", **question(name, rdtype), why="it is being asked already")
        place = errand.joined
        answer = await asyncio.shield(errand.task)
        if not answer.found or not place:
            return answer
        return answer._replace(records=(*answer.records[:-1], rotated(answer.records[-1], place)))


class _Errand:
    """A question that is being asked, and how many joined in asking it."""

    def __init__(self, task: asyncio.Task[Answer]) -> None:
        self.task = task
        self.joined = 0
