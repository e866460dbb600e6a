"""Which links and elements a fault is of: a link, an element, a pod, a zone, or what lies between two sides."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from orchestrator.config.errors import suggestion
from orchestrator.config.models import World
from orchestrator.faults.words import ELEMENT, LINK, POD, ZONE, BadFault, Fault, Place, Side
from orchestrator.settings import pods

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

    def link_delay_ns(self, link: str) -> int:
        """The delay that a link has of its own."""

    async def crash(self, element: str, *, hold: bool) -> None:
        """End it at once; with `hold` it stays down until `release`. Raises `CallFailed`."""

    async def release(self, element: str) -> None: ...

    def tell_event(self, event: str, target: str, active: bool | None) -> None:
        """Tell whoever watches the world's metrics what has begun or ended; None: both, for it takes no time."""

    def journalise(self, kind: str, element: str, fields: dict[str, Any]) -> None:
        """Put an event into the world's journal."""

    def note_fault(self, element: str, link: str, fault: str, fields: dict[str, Any] | None) -> None:
        """Remember a link's fault for when the element begins anew; None: no longer."""


class Part(NamedTuple):
    """What one element is to do to what it sends by one of its links; `fields` as `LinkFault` has them."""

    element: str
    link: str
    fields: dict[str, Any]


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
    if place.kind == ELEMENT:
        known = {*world.kinds(), *(end for both in world.link_ends().values() for end in both)}
        if place.name not in known:
            _unknown(place, known)
    return [place.name]


async def parts_of(world: Afflicted, fault: Fault) -> list[Part]:
    """What each element has to do for a fault of links to be. Raises `RequestFailed`."""
    if fault.sides is not None:
        return await _parts_between(world, *fault.sides)
    links = await _links_at(world, fault.place)
    check_reorder(world, fault, links)
    return [Part(element, link, fault.weather) for link, ends in links.items() for element in ends]


def check_reorder(world: Afflicted, fault: Fault, links: Iterable[str]) -> None:
    """Frames overtake others by having no delay: there must be one. Raises `BadFault`."""
    if (
        "reorder" in fault.weather
        and "delay" not in fault.weather
        and not any(map(world.link_delay_ns, links))
    ):
        raise BadFault(
            f"{fault.place} has no delay that frames could arrive without: say delay, too", "reorder"
        )


async def _links_at(world: Afflicted, place: Place) -> dict[str, list[str]]:
    """The links with their ends that a place stands for: an element's are all that it is joined by.

    Of a node's, those to its own pods are left out: they are inside it."""
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
        raise BadFault(f"{place} has no link that could be worse")
    return found


async def _parts_between(world: Afflicted, one: Side, other: Side) -> list[Part]:
    """Links from one side to the other carry nothing; and a neighbour of both passes nothing on between them."""
    sides = [[name for place in side for name in await elements_at(world, place)] for side in (one, other)]
    if both := [name for name in sides[0] if name in sides[1]]:
        raise BadFault(f"{', '.join(both)} is on both sides: nobody is kept from himself", "between")
    parts: list[Part] = []
    towards: list[dict[str, list[str]]] = [{}, {}]
    """By side: the links to it, of each element that is on neither."""
    for link, ends in world.link_ends().items():
        if any(end in sides[0] for end in ends) and any(end in sides[1] for end in ends):
            parts += [Part(element, link, {"cut": True}) for element in ends]
            continue
        for side, links in zip(sides, towards, strict=True):
            for outside in [end for end in ends if end not in sides[0] and end not in sides[1]]:
                if any(end in side for end in ends):
                    links.setdefault(outside, []).append(link)
    for middle in [name for name in towards[0] if name in towards[1]]:
        for to, came in ((0, 1), (1, 0)):
            fields = {"parts_from": sorted(towards[came][middle])}
            parts += [Part(middle, link, fields) for link in towards[to][middle]]
    if not parts:
        names = [", ".join(map(str, side)) for side in (one, other)]
        what = f"{names[0]} and {names[1]} have neither a link nor a neighbour in common"
        raise BadFault(f"{what}: cut a link on the way between them", "between")
    return parts


def _one_of(place: Place, known: Mapping[str, list[str]]) -> list[str]:
    if place.name not in known:
        _unknown(place, known)
    return known[place.name]


def _unknown(place: Place, known: Any) -> None:
    hint = suggestion(place.name, known, otherwise=f"{place.kind}s are")
    raise BadFault(f"there is no {place.kind} {place.name!r}{hint}")
