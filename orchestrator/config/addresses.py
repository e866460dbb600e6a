"""Whose is which address: no address twice, and no two subnets over each other unless they are one network.

Two claims to the same subnet are one network when the elements that claim it hang together: by a link, or through
others that claim it too (a switch, a VPC). A subnet may lie inside a larger one when that is an aggregate which its
owner itself divides: a VPC's CIDR holds the VPC's subnets, and what an instance claims must be one of those.
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
        self._unknown = draft.declared - draft.elements.keys()
        self._claims: dict[str, set[Prefix]] = defaultdict(set)
        for claim in claims:
            self._claims[claim.element].add(claim.subnet)

    def joined(self, subnet: Prefix, one: str, other: str) -> bool:
        """Whether a chain of links leads from one to the other through elements that all claim this subnet.

        An element that is wrong in itself counts as one of them: what it claims is not known.
        """
        reached, frontier = {one}, [one]
        while frontier:
            for near in self._linked[frontier.pop()] - reached:
                if near in self._unknown or subnet in self._claims[near]:
                    reached.add(near)
                    frontier.append(near)
        return other in reached

    def parts(self, owner: str, aggregate: Prefix) -> set[Prefix]:
        """The subnets into which an element itself divides its network."""
        return {
            subnet for subnet in self._claims[owner] if subnet != aggregate and _inside(subnet, aggregate)
        }


def _inside(smaller: Prefix, larger: Prefix) -> bool:
    return smaller.length >= larger.length and smaller.network & larger.mask == larger.network


def _check_subnets(claims: list[Owned], networks: _Networks) -> Iterator[Fault]:
    for index, claim in enumerate(claims):
        clashes = [earlier for earlier in claims[:index] if _clash(claim, earlier, networks)]
        if clashes:
            closest = max(clashes, key=lambda clash: clash.subnet.length)
            whose = "" if closest.element == claim.element else f" of {closest.element}"
            what = f"the subnet {claim.subnet} overlaps {closest.subnet}{whose}"
            if (
                whose
                and _inside(claim.subnet, closest.subnet)
                and networks.parts(closest.element, closest.subnet)
            ):
                what += ", which has no such subnet"
            yield Fault(claim.path, what, other=closest.path)


def _clash(one: Owned, other: Owned, networks: _Networks) -> bool:
    larger, smaller = sorted((one, other), key=lambda claim: claim.subnet.length)
    if not _inside(smaller.subnet, larger.subnet):
        return False
    if one.element == other.element:
        return one.subnet == other.subnet or _peers(one.path, other.path)
    if one.subnet == other.subnet:
        return not networks.joined(one.subnet, one.element, other.element)
    return smaller.subnet not in networks.parts(larger.element, larger.subnet)


def _peers(one: Path, other: Path) -> bool:
    """Whether two paths name the same thing of two peers, as two interfaces; a VPC's CIDR and its subnet do not."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1
