"""Import and export policy towards one neighbour: who pays whom decides what is told to whom (Gao and Rexford, 2001).

A route of a customer earns money, one of a peer costs none, one of a provider costs some: so that is the order of local
preference, and only customers hear of all routes; peers and providers hear of our own and our customers' alone. Nobody
is then the transit of two who do not pay for it (RFC 7454 section 6 and RFC 8212 say the same in rules).
"""

from enum import StrEnum
from typing import NamedTuple

from actors.protocols.bgp.attributes import (
    NO_ADVERTISE,
    NO_EXPORT,
    Attributes,
    first_asn,
    path_asns,
    prepended,
)
from actors.protocols.bgp.decision import Path
from actors.wire.addresses import Prefix


class Relationship(StrEnum):
    """What the neighbour is to us."""

    CUSTOMER = "customer"
    PEER = "peer"
    PROVIDER = "provider"


PREFERENCE = {Relationship.CUSTOMER: 200, Relationship.PEER: 150, Relationship.PROVIDER: 100}
LONGEST_PREFIX = 24
"""More specific routes are filtered nearly everywhere (RFC 7454 section 6.1.3)."""


class Policy(NamedTuple):
    """Import and export rules for one neighbour. Filters name prefixes; what lies inside one matches it."""

    relationship: Relationship
    local_preference: int | None = None
    accept: tuple[Prefix, ...] = ()
    announce: tuple[Prefix, ...] = ()
    prepend: int = 0
    med: int | None = None
    max_prefixes: int = 10_000


def covers(outer: Prefix, inner: Prefix) -> bool:
    return inner.length >= outer.length and inner.network & outer.mask == outer.network


def refusal(policy: Policy, asn: int, peer_asn: int, prefix: Prefix, attributes: Attributes) -> str | None:
    """Why the route is not let in; None when it is."""
    if asn in path_asns(attributes.as_path):
        return f"loop: AS {asn} is in its path"
    if first_asn(attributes.as_path) != peer_asn:
        return f"its path does not begin with AS {peer_asn}"
    if prefix.length > LONGEST_PREFIX:
        return f"longer than /{LONGEST_PREFIX}"
    if policy.accept and not any(covers(each, prefix) for each in policy.accept):
        return "import filter"
    return None


def imported(policy: Policy, attributes: Attributes) -> Attributes:
    """The attributes of a route that was let in."""
    preference = policy.local_preference
    return attributes._replace(
        local_pref=PREFERENCE[policy.relationship] if preference is None else preference
    )


def withheld(policy: Policy, path: Path, learned_from: Relationship | None) -> str | None:
    """Why the neighbour is not told of this path; None when it is. `learned_from` is None for our own."""
    communities = path.attributes.communities
    if NO_EXPORT in communities or NO_ADVERTISE in communities:
        return "community"
    if learned_from not in (None, Relationship.CUSTOMER) and policy.relationship is not Relationship.CUSTOMER:
        return f"told by a {learned_from}, and the neighbour is a {policy.relationship}"
    if policy.announce and not any(covers(each, path.prefix) for each in policy.announce):
        return "export filter"
    return None


def exported(policy: Policy, asn: int, next_hop: bytes, attributes: Attributes) -> Attributes:
    """What the neighbour is told: ourselves in front and as next hop, our MED; LOCAL_PREF stays inside (5.1.5)."""
    return attributes._replace(
        as_path=prepended(attributes.as_path, asn, 1 + policy.prepend),
        next_hop=next_hop,
        med=policy.med,
        local_pref=None,
    )
