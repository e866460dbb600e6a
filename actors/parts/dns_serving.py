"""Answering DNS queries over a host's stack, by UDP and TCP.

How this works. `DnsService.take` is where every query comes in, whatever carried it; `UdpDoor` and `TcpDoor` only
bring it there and take the answer back. By UDP an answer has at most as many bytes as the client says (EDNS), else 512;
a longer one is sent without records and with TC. On a TCP connection queries may follow each other at once and are
answered as soon as each can be (RFC 7766 section 6.2.1.1); one on which nothing happens is closed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from actors.element import Context, TimerHandle
from actors.parts.dns_metrics import Answers
from actors.protocols.dns.framing import MessageReader, framed
from actors.protocols.dns.story import question
from actors.stack import Stack
from actors.units import SECOND
from actors.wire import dns
from actors.wire.addresses import ip_bytes
from actors.wire.malformed import Malformed

MAX_QUERIES_IN_HAND = 1000
"""Beyond these a server drops queries, as a kernel drops datagrams when a socket's buffer is full."""

MAX_CONNECTIONS = 150
"""BIND's `tcp-clients`; one more is closed at once."""

MAX_PIPELINED = 23
"""Queries of one connection that are in hand at a time, as BIND has it."""

IDLE_NS = 10 * SECOND
"""Silence that ends a connection: RFC 7766 section 6.2.3 asks for a few seconds; Unbound's `tcp-idle-timeout` is 30 s
and shrinks as connections run short."""

Respond = Callable[[dns.Message, bytes], Coroutine[Any, Any, dns.Message]]
"""`await respond(query, client)`: the response to a client's query."""

Send = Callable[[bytes], None]

LOOPBACK = ip_bytes("127.0.0.1")
"""The client that asks on the server's own host."""


class DnsService:
    """Answers queries; what is no query is counted and dropped."""

    def __init__(self, context: Context, role: str, respond: Respond) -> None:
        self.context = context
        self._respond = respond
        self._in_hand = 0
        self._junk = context.metrics.counter("journey_dns_malformed_messages_total", resolver=role)
        self._overflow = context.metrics.counter("journey_dns_dropped_queries_total", resolver=role)
        self._truncated = context.metrics.counter("journey_dns_truncated_responses_total", resolver=role)
        self._answers = Answers(context, role)
        self._transports = {
            transport: context.metrics.counter(
                "journey_dns_received_queries_total", resolver=role, transport=transport
            )
            for transport in ("udp", "tcp")
        }
        self.connections: set[TcpDoor] = set()

    async def open(self, stack: Stack, *, interface: str | None = None) -> None:
        """Listen at port 53; on one interface alone if that is given, at the address that it has."""
        await stack.create_datagram_endpoint(lambda: UdpDoor(self), local_port=dns.PORT, interface=interface)
        address = None if interface is None else stack.ip.interfaces[interface].address
        host = "0.0.0.0" if address is None else str(address).partition("/")[0]
        await stack.create_server(lambda: TcpDoor(self), dns.PORT, host=host)

    def take(self, data: bytes, client: bytes, send: Send, *, tcp: bool) -> bool:
        """See to it that a query is answered by `send`; whether it will be."""
        self._transports["tcp" if tcp else "udp"].value += 1
        try:
            query = dns.decode_query(data)
        except Malformed:
            self._junk.value += 1
            return False
        if self._in_hand >= MAX_QUERIES_IN_HAND:
            self._overflow.value += 1
            return False
        self._in_hand += 1
        self.context.spawn(self._answer(query, client, send, tcp), "dns query")
        return True

    async def answer(self, data: bytes, *, tcp: bool) -> bytes | None:
        """The answer to a query from this very host; None where there would be none."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def send(response: bytes) -> None:
            if not answer.done():
                answer.set_result(response)

        return await answer if self.take(data, LOOPBACK, send, tcp=tcp) else None

    async def _answer(self, query: dns.Message, client: bytes, send: Send, tcp: bool) -> None:
        began_ns = self.context.now_ns()
        try:
            response = await self._respond(query, client)
        finally:
            self._in_hand -= 1
        self._answers.count(response.rcode().name, began_ns)
        send(dns.encode(response) if tcp else self._datagram(query, response))

    def _datagram(self, query: dns.Message, response: dns.Message) -> bytes:
        limit = dns.udp_limit(query)
        data = dns.encode(response, limit)
        if data[2] & 2:  # TC
            self._truncated.value += 1
            asked = query.question[0]
            self.context.record("dns.too_long", **question(asked.name, asked.rdtype), limit=limit)
        return data


class UdpDoor(asyncio.DatagramProtocol):
    """Port 53 by UDP."""

    def __init__(self, service: DnsService) -> None:
        self._service = service
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        transport = self._transport
        assert transport is not None
        self._service.take(data, ip_bytes(addr[0]), lambda answer: transport.sendto(answer, addr), tcp=False)


class TcpDoor(asyncio.Protocol):
    """One connection to port 53."""

    def __init__(self, service: DnsService) -> None:
        self._service = service
        self._reader = MessageReader()
        self._asked: deque[bytes] = deque()
        self._waiting = 0
        self._ended = self._deaf = False
        self._timer: TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._client = ip_bytes(transport.get_extra_info("peername")[0])
        if len(self._service.connections) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._service.connections.add(self)
        self._rest()

    def data_received(self, data: bytes) -> None:
        self._asked.extend(self._reader.feed(data))
        self._take()
        self._rest()

    def _take(self) -> None:
        """As many queries in hand as a connection may have; whoever sends more, or takes no answers, has to wait."""
        while self._asked and self._waiting < MAX_PIPELINED and not self._deaf:
            self._waiting += 1
            if not self._service.take(self._asked.popleft(), self._client, self._send, tcp=True):
                self._asked.clear()
                self._transport.abort()  # who sends junk is not worth a connection
                return
        if self._asked:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._deaf = True

    def resume_writing(self) -> None:
        self._deaf = False
        self._take()

    def eof_received(self) -> bool:
        """The client has asked all that it wants: what it waits for still goes out."""
        self._ended = True
        return bool(self._waiting or self._asked)

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def _send(self, answer: bytes) -> None:
        self._waiting -= 1
        if self not in self._service.connections:
            return
        self._transport.write(framed(answer))
        self._take()
        if self._ended and not self._waiting and not self._asked:
            self._transport.close()
        else:
            self._rest()

    def _rest(self) -> None:
        """Something has happened: silence begins anew."""
        if self._timer is not None:
            self._timer.cancel()
        context = self._service.context
        self._timer = context.call_at(context.now_ns() + IDLE_NS, self._on_silence)

    def _on_silence(self) -> None:
        if self._deaf:
            self._transport.abort()  # it would never end: there is more to say than the client takes
        elif self._waiting:
            self._rest()
        else:
            self._transport.close()
