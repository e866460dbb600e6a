"""Who has which address in a running world, and which autonomous system it lies in: what traceroute's lookups tell."""

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Any

from actors.element import CallFailed, load_kind
from orchestrator.operations import WorldLike, kinds_of

Network = ipaddress.IPv4Network


def has_tools(kind: str) -> bool:
    """Whether elements of this kind have an IP stack with a shell."""
    return hasattr(load_kind(kind)[1], "call_probe")


class Whereabouts:
    """The addresses of a world, as its elements had them when they were asked."""

    def __init__(
        self, addresses: dict[str, list[str]], elastic_ips: dict[str, str], origins: Iterable[tuple[str, int]]
    ) -> None:
        """`addresses` are by element, `elastic_ips` are private ones by public one, `origins` are networks and the
        numbers of those whose they are."""
        self._owners = {each: element for element, own in addresses.items() for each in own}
        self._addresses = addresses
        self._public = {private: public for public, private in elastic_ips.items()}
        for public, private in elastic_ips.items():
            if private in self._owners:
                self._owners.setdefault(public, self._owners[private])
        networks = [(ipaddress.IPv4Network(text, strict=False), asn) for text, asn in origins]
        self._origins = sorted(networks, key=lambda each: each[0].prefixlen, reverse=True)

    def element_at(self, address: str) -> str | None:
        """The element that has this address."""
        return self._owners.get(address)

    def asn_of(self, address: str) -> int | None:
        """The autonomous system that the address lies in: by the longest of the networks that hold it."""
        number = ipaddress.IPv4Address(address)
        return next((asn for network, asn in self._origins if number in network), None)

    def address_of(self, element: str, asker: str) -> str | None:
        """Where to reach an element: at its public address, unless the asker is in the same private network."""
        own = self._addresses.get(element, [])
        if not own:
            return None
        asking = self._addresses.get(asker, [])
        near = [each for each in own if any(_are_neighbours(each, other) for other in asking)]
        public = [self._public[each] for each in own if each in self._public]
        return (near or public or own)[0]


def _are_neighbours(one: str, other: str) -> bool:
    """In one private network, a home's or a VPC's: of the same 2^16 addresses."""
    first, second = ipaddress.IPv4Address(one), ipaddress.IPv4Address(other)
    return first.is_private and second.is_private and int(first) >> 16 == int(second) >> 16


async def look_around(world: WorldLike) -> Whereabouts:
    """Ask every element for its addresses; those that are away have none."""
    names = [name for name, kind in kinds_of(world).items() if has_tools(kind)]
    found = await asyncio.gather(*(_addresses(world, name) for name in names))
    configs = {name: spec.raw for name, spec in world.config.elements.items()}
    elastic_ips: dict[str, str] = {}
    for name, config in configs.items():
        if "announces" in config:
            elastic_ips.update(await _elastic_ips(world, name))
    return Whereabouts(dict(zip(names, found, strict=True)), elastic_ips, _origins(configs))


async def _addresses(world: WorldLike, element: str) -> list[str]:
    try:
        addresses: list[str] = await world.call(element, "addresses")
    except CallFailed:
        return []
    return addresses


async def _elastic_ips(world: WorldLike, element: str) -> dict[str, str]:
    try:
        found: dict[str, str] = (await world.call(element, "inspect")).get("elastic_ips", {})
    except CallFailed:
        return {}
    return found


def _origins(configs: dict[str, dict[str, Any]]) -> Iterable[tuple[str, int]]:
    """What border routers have: their own addresses, the networks at their ports, and what they announce."""
    for config in configs.values():
        if not isinstance(asn := config.get("asn"), int):
            continue
        for address in config.get("interfaces", {}).values():
            yield address.partition("/")[0], asn
            yield address, asn
        for network in config.get("announces", ()):
            yield network, asn
