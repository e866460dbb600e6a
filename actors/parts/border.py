"""What every AS border router is told by its config: its number, its interfaces, and its static routes."""

from collections.abc import Iterable

from pydantic import Field, model_validator

from actors.element import Claim, ElementConfig
from actors.parts.config_fields import Address, AddressWithMask, Cidr, Part, fault
from actors.stack import Stack
from actors.units import Duration
from actors.wire.addresses import InterfaceAddress, ip_bytes

STATIC_DISTANCE = 1
"""The administrative distance of static routes, which is their metric; BGP's will be 20."""


class RouteConfig(Part):
    """A static route: packets to the prefix go to the neighbour."""

    to: Cidr = Field(description="destinations, such as 198.51.100.0/24")
    via: Address = Field(description="the neighbour to hand them to, in one of the router's own networks")


class BorderConfig(ElementConfig):
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
    def _check_next_hops(self) -> "BorderConfig":
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

    def bring_up(self, stack: Stack) -> None:
        """Give a router its interfaces and static routes."""
        for port, address in self.interfaces.items():
            stack.add_interface(port, address)
        for route in self.routes:
            towards = self.port_towards(route.via)
            assert towards is not None, "the config was checked"
            stack.add_route(route.to, towards, route.via, metric=STATIC_DISTANCE)
