"""What a border router is told of BGP: what it originates, and its neighbours with the policy towards each."""

from pydantic import Field, field_validator

from actors.parts.config_fields import Address, Cidr, Part
from actors.protocols.bgp import Policy, Relationship
from actors.units import SECOND, Duration
from actors.wire.addresses import Prefix


class NeighbourConfig(Part):
    """A BGP neighbour in another autonomous system."""

    address: Address = Field(description="its address, in one of the router's own networks")
    asn: int = Field(ge=1, le=4_294_967_295, description="the number of its autonomous system")
    relationship: Relationship = Field(
        description="what it is to us: a customer hears of all routes and is preferred most (local preference 200), a "
        "peer (150) and a provider (100) hear of our own routes and our customers' only"
    )
    local_preference: int | None = Field(
        default=None,
        ge=0,
        le=4_294_967_295,
        description="preference of what it tells, in place of the relationship's; the highest wins",
    )
    prepend: int = Field(
        default=0, ge=0, le=20, description="how often our AS number is repeated in paths that it is told"
    )
    med: int | None = Field(
        default=None, ge=0, le=4_294_967_295, description="MULTI_EXIT_DISC that it is told; the lowest wins"
    )
    accept: tuple[Cidr, ...] = Field(
        default=(), description="take routes inside these prefixes only; without any, all up to /24"
    )
    announce: tuple[Cidr, ...] = Field(
        default=(),
        description="tell routes inside these prefixes only; without any, all that may be told",
    )
    max_prefixes: int = Field(
        default=10_000, gt=0, description="more than these end the session (Cease) for a minute"
    )

    def policy(self) -> Policy:
        return Policy(
            self.relationship,
            self.local_preference,
            tuple(map(Prefix.parse, self.accept)),
            tuple(map(Prefix.parse, self.announce)),
            self.prepend,
            self.med,
            self.max_prefixes,
        )


class BgpConfig(Part):
    """A BGP speaker (RFC 4271)."""

    networks: tuple[Cidr, ...] = Field(default=(), description="prefixes that this AS originates")
    router_id: Address | None = Field(
        default=None, description="its BGP identifier; without one, the lowest of its addresses"
    )
    neighbours: dict[str, NeighbourConfig] = Field(
        description="the routers of other autonomous systems, by any name"
    )
    hold_time: Duration = Field(
        default=90 * SECOND,
        description="a neighbour that was silent for so long is gone; the lower of both sides' counts, keepalives go "
        "three times as often; 0: never",
    )
    connect_retry_time: Duration = Field(
        default=5 * SECOND,
        gt=0,
        description="the longest wait between attempts to connect; the first is 50 ms",
    )
    min_route_advertisement_interval: Duration = Field(
        default=0, description="between two announcements to one neighbour (MRAI); withdrawals do not wait"
    )

    @field_validator("hold_time")
    @classmethod
    def _whole_seconds(cls, value: int) -> int:
        if value % SECOND or value in (SECOND, 2 * SECOND) or value > 65_535 * SECOND:
            raise ValueError("a hold time is whole seconds: 0, or 3 to 65535 (RFC 4271 section 4.2)")
        return value
