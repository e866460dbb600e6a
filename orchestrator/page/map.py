"""Who is in the world and what joins them: what the page draws the map from."""

from typing import Any

from orchestrator.metrics.tiers import tier_of_kind, tiers
from orchestrator.world import World

Plain = dict[str, Any]

PARENTS = ("eks_node",)
"""Kinds that launch what is drawn inside of them."""


class WorldMap:
    """The elements and links of one world; pods come and go."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tiers = tiers(world.config)
        self._known: dict[str, tuple[str, int]] | None = None
        self._plain: Plain = {"elements": [], "links": []}
        self.version = 0

    def look(self) -> bool:
        """Look who is there; whether that has changed."""
        known = {each["name"]: (each["state"], each["restarts"]) for each in self._world.ps()["elements"]}
        if known == self._known:
            return False
        self._known = known
        self.version += 1
        self._plain = self._drawn()
        return True

    def plain(self) -> Plain:
        """`elements` (name, kind, tier, zone, asn, state, restarts, node: of a pod) and `links` (name, ends, delay)."""
        return self._plain

    @property
    def kinds(self) -> dict[str, str]:
        return {each["name"]: each["kind"] for each in self._plain["elements"]}

    def _drawn(self) -> Plain:
        ends = self._world.members.link_ends()
        elements = self._world.ps()["elements"]
        kinds = {each["name"]: each["kind"] for each in elements}
        nodes: dict[str, str] = {}
        for both in ends.values():
            for one, other in (both, both[::-1]) if len(both) == 2 else ():
                if kinds.get(one) in PARENTS and one in self._tiers and other not in self._tiers:
                    nodes[other] = one
        return {
            "elements": [self._element(each, nodes.get(each["name"])) for each in elements],
            "links": [self._link(name, both) for name, both in ends.items() if len(both) == 2],
        }

    def _element(self, listed: Plain, node: str | None) -> Plain:
        name, kind = listed["name"], listed["kind"]
        spec = self._world.config.elements.get(name)
        config = getattr(spec, "config", None)
        return {
            "name": name,
            "kind": kind,
            "tier": self._tiers.get(name) or tier_of_kind(kind),
            "zone": str(getattr(config, "availability_zone", "") or ""),
            "asn": getattr(config, "asn", None),
            "state": listed["state"],
            "restarts": listed["restarts"],
            "node": node,
        }

    def _link(self, name: str, ends: list[str]) -> Plain:
        spec = self._world.config.links.get(name)
        delay_us = getattr(spec, "delay", 0) / 1000 if spec is not None else None
        return {"name": name, "ends": ends, "delay_us": delay_us}
