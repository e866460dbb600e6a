"""A DHCP server at work on a router's stack: the engine with its socket."""

import asyncio
from typing import Any

from actors.element import Context
from actors.protocols.dhcp import Note, Send
from actors.protocols.dhcp.server import DhcpServer, Output, Settings
from actors.stack import Stack
from actors.stack.alarm import Alarm
from actors.wire import dhcp
from actors.wire.addresses import ip_text
from actors.wire.malformed import Malformed


class DhcpService(asyncio.DatagramProtocol):
    """Leases addresses on one interface; what is no DHCP message is counted and dropped."""

    def __init__(self, context: Context, stack: Stack, interface: str, settings: Settings) -> None:
        self.engine = DhcpServer(settings)
        self._context = context
        self._stack = stack
        self._interface = interface
        self._junk = context.metrics.counter("journey_dhcp_malformed_messages_total")
        self._transport: asyncio.DatagramTransport | None = None
        self._alarm = Alarm(context, self.engine.deadline_ns, self._on_deadline)
        self._refused = {
            kind: context.metrics.counter("journey_dhcp_refusals_total", router=context.name, reason=reason)
            for kind, reason in (
                ("dhcp.exhausted", "exhausted"),
                ("dhcp.nak", "nak"),
                ("dhcp.decline", "declined"),
            )
        }
        self._leases = context.metrics.gauge("journey_dhcp_leases", router=context.name)
        context.metrics.gauge("journey_dhcp_pool_addresses", router=context.name).value = self.engine.size
        context.metrics.on_collect(self._count)

    async def start(self) -> None:
        """Begin to listen at port 67."""
        await self._stack.create_datagram_endpoint(
            lambda: self, local_port=dhcp.SERVER_PORT, interface=self._interface
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        assert self._transport is not None
        try:
            message = dhcp.decode(data)
        except Malformed:
            self._junk.value += 1
            return
        self._carry_out(self.engine.handle(message, self._context.now_ns()))
        self._alarm.arm()

    def _on_deadline(self, now_ns: int) -> None:
        self._carry_out(self.engine.on_deadline(now_ns))

    def _count(self) -> None:
        self._leases.value = len(self.engine.leases(self._context.now_ns()))

    def _carry_out(self, outputs: list[Output]) -> None:
        assert self._transport is not None
        for output in outputs:
            match output:
                case Note(kind, fields):
                    if kind in self._refused:
                        self._refused[kind].value += 1
                    self._context.event(kind, **fields)
                case Send(reply, destination):
                    self._transport.sendto(dhcp.encode(reply), (ip_text(destination), dhcp.CLIENT_PORT))
