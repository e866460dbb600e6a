"""Whose is which address: no address twice, and no two subnets over each other unless they are one network.

Two claims to the same subnet are one network when the elements that claim it hang together: by a link, through others
that claim it too (a VPC), or through some that claim none (a switch, a firewall in the wire). A subnet may lie inside
a larger one when that is an aggregate which its owner itself divides: a VPC's CIDR holds the VPC's subnets, and what an
instance claims must be one of those.

What lies behind a NAT is a realm of its own (RFC 2663): the network of one home may have the addresses of another's,
but none of those that are outside.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from actors.element import Claim
from actors.wire.addresses import InterfaceAddress, Prefix, ip_text
from actors.wire.malformed import Malformed
from orchestrator.config.checks import Draft, Fault
from orchestrator.config.errors import Path


class Owned(NamedTuple):
    """An element's claim, and where it stands in the file."""

    claim: Claim
    address: InterfaceAddress
    element: str
    path: Path

    @property
    def subnet(self) -> Prefix:
        return self.address.prefix


def check_addresses(draft: Draft) -> Iterator[Fault]:
    """Addresses claimed twice, and subnets that overlap."""
    owned: list[Owned] = []
    for name, spec in draft.elements.items():
        path: Path = ("elements", name)
        try:
            for claim in spec.config.claims():
                path = ("elements", name, *claim.where)
                owned.append(Owned(claim, InterfaceAddress.parse(claim.value), name, path))
        except Malformed as error:
            yield Fault(path, str(error))
    told: dict[Path, Fault] = {}
    for realm in _realms(owned, _Networks(draft, owned)):
        for fault in _check_realm(draft, realm):
            told.setdefault(fault.path, fault)
    yield from told.values()


def _realms(owned: list[Owned], networks: "_Networks") -> Iterator[list[Owned]]:
    """What may not clash: all that is outside, together with what lies behind one NAT, for each of them."""
    inside: dict[int, int] = {}  # of claims by their place: the realm
    realms = 0
    for place, one in enumerate(owned):
        if not one.claim.private or place in inside:
            continue
        realms += 1
        joined = networks.reached(one.subnet, one.element)
        for other, each in enumerate(owned):
            if each.subnet == one.subnet and each.element in joined:
                inside.setdefault(other, realms)
    for realm in range(1, realms + 1) if realms else (0,):
        yield [one for place, one in enumerate(owned) if inside.get(place, realm) == realm]


def _check_realm(draft: Draft, owned: list[Owned]) -> Iterator[Fault]:
    twice = {
        fault.path: fault for fault in _check_addresses(one for one in owned if one.claim.what == "address")
    }
    yield from twice.values()
    subnets = [one for one in owned if one.claim.what == "subnet" and one.path not in twice]
    yield from _check_subnets(subnets, _Networks(draft, subnets))


def _check_addresses(claims: Iterable[Owned]) -> Iterator[Fault]:
    first: dict[bytes, Owned] = {}
    for claim in claims:
        holder = first.setdefault(claim.address.address, claim)
        if holder is not claim:
            whose = (
                "stands here twice"
                if holder.element == claim.element
                else f"belongs to {holder.element} already"
            )
            yield Fault(
                claim.path, f"the address {ip_text(claim.address.address)} {whose}", other=holder.path
            )


class _Networks:
    """Which elements are neighbours, and which claim a given subnet."""

    def __init__(self, draft: Draft, claims: Iterable[Owned]) -> None:
        self._linked: dict[str, set[str]] = defaultdict(set)
        for ends in draft.cables():
            for one, other in itertools.permutations(ends, 2):
                self._linked[one.element].add(other.element)
        self._claims: dict[str, set[Prefix]] = defaultdict(set)
        for claim in claims:
            self._claims[claim.element].add(claim.subnet)

    def reached(self, subnet: Prefix, element: str) -> set[str]:
        """The elements to which a chain of links leads through elements that claim this subnet, or none.

        An element that is wrong in itself is among these: what it claims is not known.
        """
        reached, frontier = {element}, [element]
        while frontier:
            for near in self._linked[frontier.pop()] - reached:
                if near not in self._claims or self.has(near, subnet):
                    reached.add(near)
                    frontier.append(near)
        return reached

    def has(self, element: str, subnet: Prefix) -> bool:
        return subnet in self._claims[element]

    def divides(self, element: str, network: Prefix) -> bool:
        """Whether an element has subnets of its own inside this network."""
        return any(subnet != network and _inside(subnet, network) for subnet in self._claims[element])


def _check_subnets(claims: list[Owned], networks: _Networks) -> Iterator[Fault]:
    closest: dict[Path, tuple[Owned, Owned]] = {}
    for one, other in _clashes(claims, networks):
        earlier, later = sorted((one, other), key=claims.index)
        best = closest.get(later.path)
        if best is None or earlier.subnet.length > best[1].subnet.length:
            closest[later.path] = later, earlier
    for claim, other in closest.values():
        whose = "" if other.element == claim.element else f" of {other.element}"
        what = f"the subnet {claim.subnet} overlaps {other.subnet}{whose}"
        if whose and _inside(claim.subnet, other.subnet) and networks.divides(other.element, other.subnet):
            what += ", which has no such subnet"
        yield Fault(claim.path, what, other=other.path)


def _clashes(claims: list[Owned], networks: _Networks) -> Iterator[tuple[Owned, Owned]]:
    """Prefixes lie inside each other or apart, so in their order those that hold the next one are a stack."""
    by_subnet: dict[Prefix, list[Owned]] = defaultdict(list)
    for claim in claims:
        by_subnet[claim.subnet].append(claim)
    holders: list[Prefix] = []
    for subnet in sorted(by_subnet):
        yield from _clashes_of_equals(by_subnet[subnet], networks)
        while holders and not _inside(subnet, holders[-1]):
            holders.pop()
        for larger, smaller in itertools.product(holders, by_subnet[subnet]):
            yield from ((smaller, owner) for owner in by_subnet[larger] if _clash(owner, smaller, networks))
        holders.append(subnet)


def _clashes_of_equals(claims: list[Owned], networks: _Networks) -> Iterator[tuple[Owned, Owned]]:
    first: dict[str, Owned] = {}
    joined = networks.reached(claims[0].subnet, claims[0].element)
    for claim in claims:
        if claim.element in first:
            yield claim, first[claim.element]
        elif claim.element not in joined:
            yield claim, claims[0]
        first.setdefault(claim.element, claim)


def _clash(larger: Owned, smaller: Owned, networks: _Networks) -> bool:
    if larger.element == smaller.element:
        return _peers(larger.path, smaller.path)
    return not networks.has(larger.element, smaller.subnet)


def _inside(smaller: Prefix, larger: Prefix) -> bool:
    return smaller.length >= larger.length and smaller.network & larger.mask == larger.network


def _peers(one: Path, other: Path) -> bool:
    """Whether two paths name the same thing of two peers, as two interfaces; a VPC's CIDR and its subnet do not."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1
