"""The DHCP client of one interface: the engine with its socket and timer, at work on a host's stack."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.element import Context
from actors.protocols.dhcp import Note, Send
from actors.protocols.dhcp.client import Bound, DhcpClient, Lease, Lost, Output, Probe
from actors.stack import Stack
from actors.stack.alarm import Alarm
from actors.wire import dhcp
from actors.wire.addresses import ip_text
from actors.wire.malformed import Malformed


class DhcpInterface(asyncio.DatagramProtocol):
    """Keeps the address of an interface, and the default route, as the lease has them.

    `changed(lease)` is called with each new or renewed lease, and with None when it is lost. `probe_ns` is how long at
    most the link is asked whether somebody else has the address.
    """

    def __init__(
        self,
        context: Context,
        stack: Stack,
        interface: str,
        host_name: str,
        changed: Callable[[Lease | None], None],
        probe_ns: int = 0,
    ) -> None:
        self._card = stack.ip.interfaces[interface]
        self._card.on_conflict = self._on_conflict
        self.engine = DhcpClient(self._card.mac, host_name, context.random, probe_ns)
        self._context = context
        self._stack = stack
        self._interface = interface
        self._changed = changed
        self._alarm = Alarm(context, self.engine.deadline_ns, self._on_deadline)
        self._junk = context.metrics.counter("journey_dhcp_malformed_messages_total")
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to look for a lease."""
        await self._stack.create_datagram_endpoint(
            lambda: self, local_port=dhcp.CLIENT_PORT, interface=self._interface
        )
        self.look()

    def look(self) -> None:
        """Look for a lease now, or ask whether the one that there is still holds: as when the link comes up."""
        if self._transport is not None:
            self._carry_out(self.engine.reconnect(self._context.now_ns()))

    def release(self) -> None:
        """Give the address back, and look for none until `look`."""
        if self._transport is not None:
            self._carry_out(self.engine.release(self._context.now_ns()))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            message = dhcp.decode(data)
        except Malformed:
            self._junk.value += 1
            return
        self._carry_out(self.engine.handle(message, self._context.now_ns()))

    def _on_conflict(self, address: bytes, mac: bytes) -> None:
        self._carry_out(self.engine.conflict(address, mac, self._context.now_ns()))

    def _on_deadline(self, now_ns: int) -> None:
        self._carry_out(self.engine.on_deadline(now_ns))

    def _carry_out(self, outputs: list[Output]) -> None:
        assert self._transport is not None
        for output in outputs:
            match output:
                case Note(kind, fields):
                    self._context.event(kind, **fields)
                case Send(message, destination):
                    self._transport.sendto(dhcp.encode(message), (ip_text(destination), dhcp.SERVER_PORT))
                case Probe(address):
                    self._card.probe(address)
                case Bound(lease):
                    self._configure(lease)
                case Lost(address, why):
                    self._context.event("dhcp.lost", address=ip_text(address), why=why)
                    self._stack.routes.remove_where(port=self._interface, origin="dhcp")
                    self._stack.set_address(self._interface, None)
                    self._changed(None)
        if not self.engine.probing:
            self._card.neighbours.probed = None
        self._alarm.arm()

    def _configure(self, lease: Lease) -> None:
        address = f"{ip_text(lease.address)}/{lease.prefix_length}"
        if self._card.mtu_limit != lease.mtu:
            self._stack.limit_mtu(self._interface, lease.mtu)
        current = self._card.address
        if current is None or str(current) != address:
            self._stack.set_address(self._interface, address)
        self._stack.routes.remove_where(port=self._interface, origin="dhcp")
        if lease.router is not None:
            self._stack.add_route("default", self._interface, ip_text(lease.router), origin="dhcp")
        self._changed(lease)
