"""What every AS border router is told by its config: its number, its interfaces, its static routes, and BGP."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from actors.element import CallFailed, Claim, Context, ElementConfig
from actors.parts.bgp_config import BgpConfig
from actors.parts.config_fields import Address, AddressWithMask, Cidr, Part, fault
from actors.stack import Stack
from actors.stack.forwarding import Forwarder
from actors.stack.sysctls import Sysctls
from actors.units import Duration
from actors.wire.addresses import InterfaceAddress, ip_bytes
from actors.wire.malformed import Malformed

if TYPE_CHECKING:
    from actors.parts.bgp import BgpRouter

STATIC_DISTANCE = 1
"""The administrative distance of static routes, which is their metric; BGP's is 20."""


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
    routes: tuple[RouteConfig, ...] = Field(default=(), description="static routes; they win over BGP's")
    bgp: BgpConfig | None = Field(default=None, description="without it the router speaks no BGP")
    forwarding_delay: Duration = Field(
        default=0, description="model time from a packet's arrival to its departure"
    )
    sysctls: Sysctls = Field(
        default=Sysctls(), description="the TCP of its BGP sessions, by the names of Linux's net.ipv4"
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

    @model_validator(mode="after")
    def _check_neighbours(self) -> "BorderConfig":
        known: dict[str, str] = {}
        for name, each in (self.bgp.neighbours if self.bgp else {}).items():
            where = ("bgp", "neighbours", name)
            if self.port_towards(each.address) is None:
                raise fault((*where, "address"), f"{each.address} is in none of its networks", each.address)
            if each.asn == self.asn:
                what = f"AS {each.asn} is its own; routers speak BGP between autonomous systems here"
                raise fault((*where, "asn"), what, each.asn)
            if each.address in known:
                what = f"{each.address} is {known[each.address]}'s already"
                raise fault((*where, "address"), what, each.address)
            known[each.address] = name
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

    def speaker(self, context: Context, stack: Stack, forwarder: Forwarder) -> "BgpRouter | None":
        """The router's BGP speaker, if it is to have one."""
        if self.bgp is None:
            return None
        from actors.parts.bgp import BgpRouter

        router = BgpRouter(self, context, stack)
        forwarder.explain = router.explain_lookup
        return router


def explain_route(stack: Stack, bgp: "BgpRouter | None", destination: str) -> dict[str, Any]:
    """The route that packets to an address take, the others that matched, and what BGP has decided about it.

    Raises CallFailed for what is no address."""
    try:
        address = ip_bytes(destination)
    except Malformed as error:
        raise CallFailed(str(error)) from None
    decision = stack.routes.explain(address)
    described = None
    if decision is not None:
        described = {**decision.described(), "origin": decision.route.origin}
    return {"destination": destination, "route": described, "bgp": bgp and bgp.explain(destination)}
