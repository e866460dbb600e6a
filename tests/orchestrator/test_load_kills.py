"""A load in a real world goes on whatever is killed under it, its own client included."""

import asyncio
from typing import Any

from hdrh.histogram import HdrHistogram

from orchestrator import operations
from orchestrator.config import default_world, load_world
from orchestrator.world import World

PATIENCE_S = 60.0
"""Nothing here takes so long, however slow the machine: the load is stopped when all has been seen."""
ENOUGH = 50
"""So many answers more are none that were on their way already: there are fewer users."""
USERS = 8

CONFIG = load_world(default_world())
VICTIMS = list({element.kind: name for name, element in reversed(CONFIG.elements.items())}.values())
"""The first of each kind."""


def restarts(world: World) -> dict[str, int]:
    return {element["name"]: element["restarts"] for element in world.ps()["elements"]}


def is_back(world: World, victim: str) -> bool:
    element = next(element for element in world.ps()["elements"] if element["name"] == victim)
    return element["restarts"] == 1 and element["state"] == "up"


class Killer:
    """Kills one after the other, each when requests have flowed again after the one before."""

    def __init__(self, world: World, victims: list[str]) -> None:
        self.world = world
        self.left = list(victims)
        self.flowed_after: list[str] = []
        self._victim: str | None = None
        self._flows_above = ENOUGH

    def look(self, requests: int) -> None:
        if self._victim is not None and self._flows_above == 0:
            if is_back(self.world, self._victim):
                self._flows_above = requests + ENOUGH
        elif requests > self._flows_above:
            if self._victim is not None:
                self.flowed_after.append(self._victim)
            self._victim = self.left.pop(0) if self.left else None
            if self._victim is not None:
                self.world.kill(self._victim)
                self._flows_above = 0


async def test_requests_flow_again_after_every_kind_of_element_was_killed_during_one_load():
    assert {"laptop", "vpc", "alb-1a", "node-1", "kube-api", "cni-node-1", "resolver", "home-router"} <= set(
        VICTIMS
    )
    counts: list[int] = []
    status: dict[str, Any] = {}
    async with World(CONFIG) as world, asyncio.timeout(PATIENCE_S):
        killer = Killer(world, VICTIMS)
        async for status in operations.load(world, concurrency=USERS, duration_s=PATIENCE_S):
            counts.append(status["requests"])
            if killer.flowed_after == VICTIMS:
                await world.call("laptop", "load_stop")
            else:
                killer.look(status["requests"])
        died = {name: times for name, times in restarts(world).items() if times}
        states = {element["state"] for element in world.ps()["elements"]}
        lagging = {element["name"] for element in world.ps()["elements"]}
    assert died == dict.fromkeys(VICTIMS, 1), "each victim was restarted once, and nothing else died"
    assert states == {"up"}
    assert killer.flowed_after == VICTIMS
    assert counts == sorted(counts), "nothing that was counted is forgotten"
    assert (status["running"], status["lost_clients"]) == (False, 1)
    for counted in ("statuses", "per_pod"):
        assert sum(status[counted].values()) == status["requests"] > 0
    timed_out = status["errors"].get("timeout", 0)  # they count, at their time limit
    assert HdrHistogram.decode(status["hdr"]).get_total_count() == status["requests"] + timed_out
    assert status["lag_ms"]["max"] > 0
    assert status["lag_ms"]["element"] in lagging
