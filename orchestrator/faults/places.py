"""Which links and elements a fault is of: a link, an element, a pod, or all that is in an availability zone."""

from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.config.errors import suggestion
from orchestrator.config.models import World
from orchestrator.faults.words import ELEMENT, LINK, POD, ZONE, Place
from orchestrator.settings import pods
from orchestrator.settings.words import refuse

ZONE_FIELD, AGENT_FIELD = "availability_zone", "cni"
INSIDE = "."
"""Links of the world's file have none in their names; those that a node makes to its pods do: `node-1.nginx-x2x7k`."""


class Afflicted(Protocol):
    """What faults need of a world."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...

    def kinds(self) -> dict[str, str]: ...

    def zones(self) -> Mapping[str, list[str]]:
        """The elements in each availability zone."""

    def link_ends(self) -> dict[str, list[str]]:
        """The elements at the ends of each link."""

    async def crash(self, element: str, *, hold: bool) -> None:
        """End it at once; with `hold` it stays down until `release`. Raises `CallFailed`."""

    async def release(self, element: str) -> None: ...

    def tell_event(self, event: str, target: str, active: bool | None) -> None:
        """Tell whoever watches the world's metrics what has begun or ended; None: both, for it takes no time."""

    def note_fault(self, element: str, link: str, fault: str, fields: dict[str, Any] | None) -> None:
        """Remember a link's fault for when the element begins anew."""


def zones_of(config: World) -> dict[str, list[str]]:
    """The elements of a world's config by their availability zones; a node takes its CNI agent along."""
    zones: dict[str, list[str]] = {}
    for name, element in config.elements.items():
        zone = getattr(element.config, ZONE_FIELD, None)
        if zone is None:
            continue
        agent = getattr(element.config, AGENT_FIELD, None)
        zones.setdefault(str(zone), []).extend([name] if agent is None else [name, str(agent)])
    return zones


async def elements_at(world: Afflicted, place: Place) -> list[str]:
    """The elements that a place stands for. Raises `RequestFailed`."""
    if place.kind == POD:
        return [await pods.element_of(world, place.name)]
    if place.kind == ZONE:
        return list(_one_of(place, world.zones()))
    kinds = world.kinds()
    if place.kind == ELEMENT and place.name not in kinds:
        _unknown(place, kinds)
    return [place.name]


async def links_at(world: Afflicted, place: Place) -> dict[str, list[str]]:
    """The links with their ends that a place stands for: an element's are all that it is joined by.

    Of a node's, those to its own pods are left out: they are inside it. Raises `RequestFailed`."""
    ends = world.link_ends()
    if place.kind == LINK:
        if place.name not in ends:
            _unknown(place, ends)
        return {place.name: ends[place.name]}
    elements = await elements_at(world, place)
    found = {
        link: both
        for link, both in ends.items()
        if any(name in both for name in elements) and (place.kind == POD or INSIDE not in link)
    }
    if not found:
        raise refuse(f"{place} has no link that could be worse")
    return found


def _one_of(place: Place, known: Mapping[str, list[str]]) -> list[str]:
    if place.name not in known:
        _unknown(place, known)
    return known[place.name]


def _unknown(place: Place, known: Any) -> None:
    hint = suggestion(place.name, known, otherwise=f"{place.kind}s are")
    raise refuse(f"there is no {place.kind} {place.name!r}{hint}")
