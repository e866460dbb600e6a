"""Asking DNS servers over a host's stack: by UDP, and by TCP what is too long for that.

An answer with TC set is not looked at: the same question goes out again over TCP (RFC 7766 section 5). A server that
turns a query down for its EDNS is asked once more without (RFC 6891 section 6.2.2).
"""

import asyncio
import errno
from random import Random
from typing import Any

from actors.element import Context
from actors.protocols.dns.framing import MessageReader, framed
from actors.protocols.dns.story import question
from actors.stack import Stack
from actors.wire import dns
from actors.wire.addresses import ip_text
from actors.wire.malformed import Malformed

_FIRST_PORT, _LAST_PORT = 1024, 65_535


async def ask(
    context: Context, stack: Stack, timeout_s: float, server: bytes, message: dns.Message
) -> dns.Message:
    """Send a query to port 53 and await its whole answer, for so long at each attempt.

    Raises `TimeoutError` or another `OSError`."""
    response = await over_udp(context.random, stack, timeout_s, server, message)
    if dns.knows_no_edns(message, response):
        message = dns.without_edns(message)
        response = await over_udp(context.random, stack, timeout_s, server, message)
    if not dns.is_truncated(response):
        return response
    asked = message.question[0]
    context.record("dns.truncated", server=ip_text(server), **question(asked.name, asked.rdtype))
    return await over_tcp(stack, timeout_s, server, message)


class _Answer:
    """Waits for the one response that matches its query; anything else that arrives is not for us (RFC 5452)."""

    def __init__(self, query: dns.Message) -> None:
        self._query = query
        self.response: asyncio.Future[dns.Message] = asyncio.get_running_loop().create_future()
        # One whose time is over is nobody's any more.
        self.response.add_done_callback(lambda response: response.cancelled() or response.exception())

    def take(self, data: bytes) -> None:
        try:
            message = dns.decode(data)
        except Malformed:
            return
        if not self.response.done() and dns.answers(self._query, message):
            self.response.set_result(message)

    def fail(self, error: Exception) -> None:
        if not self.response.done():
            self.response.set_exception(error)


class _Datagrams(asyncio.DatagramProtocol):
    """The socket of one query by UDP."""

    def __init__(self, query: dns.Message) -> None:
        self.answer = _Answer(query)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.answer.take(data)

    def error_received(self, exc: Exception) -> None:
        self.answer.fail(exc)


async def over_udp(
    random: Random, stack: Stack, timeout_s: float, server: bytes, message: dns.Message
) -> dns.Message:
    """Send a query from a random port to port 53 and await what is answered; raises `OSError`."""
    async with asyncio.timeout(timeout_s):
        transport, socket = await _open(stack, random, server, message)
        try:
            transport.sendto(dns.encode(message))
            return await socket.answer.response
        finally:
            transport.close()


async def _open(
    stack: Stack, random: Random, server: bytes, message: dns.Message
) -> tuple[asyncio.DatagramTransport, _Datagrams]:
    remote = (ip_text(server), dns.PORT)
    while True:
        port = random.randint(_FIRST_PORT, _LAST_PORT)
        try:
            return await stack.create_datagram_endpoint(
                lambda: _Datagrams(message), local_port=port, remote=remote
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


class _Stream(asyncio.Protocol):
    """The connection of one query by TCP."""

    def __init__(self, query: dns.Message) -> None:
        self.answer = _Answer(query)
        self._reader = MessageReader()

    def data_received(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            self.answer.take(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.answer.fail(exc or ConnectionResetError(errno.ECONNRESET, "closed before it answered"))


async def over_tcp(stack: Stack, timeout_s: float, server: bytes, message: dns.Message) -> dns.Message:
    """Send a query on a connection of its own to port 53 and await what is answered; raises `OSError`."""
    async with asyncio.timeout(timeout_s):
        transport, stream = await stack.create_connection(
            lambda: _Stream(message), ip_text(server), dns.PORT, timeout_s=timeout_s
        )
        try:
            transport.write(framed(dns.encode(message)))
            return await stream.answer.response
        finally:
            transport.close()
