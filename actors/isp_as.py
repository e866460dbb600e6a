"""An autonomous system's border router: an ISP, or a transit between others.

Its routes are connected networks and, for now, static ones. The stack's route table is its forwarding table: whoever
finds routes adds them with its administrative distance as their metric, so the table itself says which source won a
prefix, and which routes lost. A BGP speaker will add its best paths there with a distance of 20.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, model_validator

from actors.config_fields import Address, AddressWithMask, Cidr, Part, fault
from actors.element import Claim, Context, Element, ElementConfig
from actors.forwarding import Forwarder
from actors.stack import Stack
from actors.units import Duration
from actors.wire.addresses import InterfaceAddress, ip_bytes

STATIC_DISTANCE = 1


class RouteConfig(Part):
    """A static route: packets to the prefix go to the neighbour."""

    to: Cidr = Field(description="destinations, such as 198.51.100.0/24")
    via: Address = Field(description="the neighbour to hand them to, in one of the router's own networks")


class Config(ElementConfig):
    """An AS border router."""

    asn: int = Field(ge=1, le=4_294_967_295, description="its autonomous system's number")
    interfaces: dict[str, AddressWithMask] = Field(
        description="each port with its address, such as 100.64.1.0/31"
    )
    routes: tuple[RouteConfig, ...] = Field(default=(), description="static routes, until BGP finds its own")
    forwarding_delay: Duration = Field(
        default=0, description="model time from a packet's arrival to its departure"
    )

    @model_validator(mode="after")
    def _check_next_hops(self) -> "Config":
        for index, route in enumerate(self.routes):
            if self.port_towards(route.via) is None:
                networks = ", ".join(
                    str(InterfaceAddress.parse(text).prefix) for text in self.interfaces.values()
                )
                raise fault(
                    ("routes", index, "via"), f"{route.via} is in none of its networks: {networks}", route.via
                )
        return self

    def port_towards(self, neighbour: str) -> str | None:
        """The port in whose network this address lies, if any: a next hop must be a neighbour."""
        address = ip_bytes(neighbour)
        for port, text in self.interfaces.items():
            own = InterfaceAddress.parse(text)
            if address in own.prefix and address != own.address:
                return port
        return None

    def port_names(self) -> Iterable[str]:
        return self.interfaces

    def claims(self) -> Iterable[Claim]:
        for port, text in self.interfaces.items():
            yield Claim("address", text, ("interfaces", port))
            yield Claim("subnet", text, ("interfaces", port))


class BorderRouter(Element):
    """Forwards by longest prefix, answers pings, and shows up in traceroutes."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context)
        self.forwarder = Forwarder(context, self.stack, config.forwarding_delay)
        # Every packet comes by here, so the runtime gets the forwarder's own method, not one that calls it.
        self.on_frame = self.forwarder.on_frame  # type: ignore[method-assign]

    def on_frame(self, port: str, frame: bytes) -> None:
        self.forwarder.on_frame(port, frame)

    async def start(self) -> None:
        for port, address in self.config.interfaces.items():
            self.stack.add_interface(port, address)
        for route in self.config.routes:
            port = self.config.port_towards(route.via)
            self.stack.add_route(route.to, port, route.via, metric=STATIC_DISTANCE)

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)

    async def call_ping(self, host: str, timeout_s: float = 1.0) -> dict[str, Any]:
        """Ping from here: `rtt_ms`, or `error`."""
        try:
            return {"rtt_ms": await self.stack.ping(host, timeout_s) * 1000}
        except OSError as error:
            return {"error": str(error) or "no answer"}

    def inspect(self) -> dict[str, Any]:
        return {"asn": self.config.asn, **self.stack.inspect()}
