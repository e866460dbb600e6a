"""An autonomous system's border router: an ISP, or a transit between others.

Its routes are connected networks, static ones, and those that its neighbours tell by BGP. The stack's route table is
its forwarding table: whoever finds routes adds them with its administrative distance as their metric, so the table
itself says which source won a prefix, and which routes lost. BGP's best paths stand there with a distance of 20.
"""

from collections.abc import Callable
from typing import Any

from actors.element import Context, Element
from actors.parts.border import BorderConfig, explain_route
from actors.parts.tools import Tools
from actors.stack import Stack
from actors.stack.forwarding import Forwarder


class Config(BorderConfig):
    """An AS border router."""


class BorderRouter(Tools, Element):
    """Forwards by longest prefix, answers pings, and shows up in traceroutes."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.forwarder = Forwarder(context, self.stack, config.forwarding_delay)
        self.bgp = config.speaker(context, self.stack, self.forwarder)
        self._no_route = context.metrics.counter("journey_router_no_route_packets_total", asn=str(config.asn))
        context.metrics.on_collect(self._count_unroutable)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.forwarder.on_frame(port, frame)

    def receiver(self) -> Callable[[str, bytes], None]:
        return self.forwarder.on_frame

    def _count_unroutable(self) -> None:
        counter = self.context.metrics.counter
        self._no_route.value = counter("journey_ip_dropped_packets_total", reason="no_route").value

    async def start(self) -> None:
        self.config.bring_up(self.stack)
        if self.bgp is not None:
            await self.bgp.start()

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)
        if self.bgp is not None:
            self.bgp.on_link(port, up)

    async def stop(self) -> None:
        if self.bgp is not None:
            await self.bgp.stop()

    async def call_explain_route(self, destination: str) -> dict[str, Any]:
        """Why packets to this address go where they go: the forwarding table's answer, and BGP's ladder behind it."""
        return explain_route(self.stack, self.bgp, destination)

    def inspect(self) -> dict[str, Any]:
        bgp = {} if self.bgp is None else {"bgp": self.bgp.inspect()}
        return {"asn": self.config.asn, **self.stack.inspect(), **bgp}
