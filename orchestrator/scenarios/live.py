"""A scenario's world as processes on this machine."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.config.models import World as WorldConfig
from orchestrator.control.service import Service
from orchestrator.faults.book import FaultBook
from orchestrator.faults.live import LiveFaults
from orchestrator.journal.store import JournalStore
from orchestrator.load.book import LoadBook
from orchestrator.load.lag import Lags, watched
from orchestrator.metrics.feed import OFF
from orchestrator.page.door import Door
from orchestrator.page.shell import Shell
from orchestrator.scenarios.scene import Scene
from orchestrator.settling import settle, who_settles
from orchestrator.world import World

Result = TypeVar("Result")


class LiveScene(LiveFaults):
    """A running world."""

    clock = "real"

    def __init__(self, world: World, lags: Lags) -> None:
        super().__init__(world)
        self._lags = lags
        self.ps = world.ps
        self.until_up = world.until_up
        self.directory = world.directory
        self.loads, self.faults = LoadBook(), FaultBook(self)

    async def settled(self) -> list[str]:
        async def ask(name: str) -> bool:
            return bool(await self._world.call(name, "settled"))

        kinds = {name: element.kind for name, element in self._world.config.elements.items()}
        return await settle(who_settles(kinds), ask, asyncio.sleep)

    async def kill(self, element: str) -> None:
        self._world.kill(element)

    def lags_ms(self) -> dict[str, float]:
        """By element, since this was asked last."""
        lags_ms = self._lags.by_element_ms()
        self._lags.clear()
        return lags_ms

    def unix_s(self) -> float:
        return time.time()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    async def journal(self) -> JournalStore:
        await self._world.settle()
        return self._world.journal


@dataclass
class Outlook:
    """Where a world may be watched: by Prometheus (`metrics`), and in a browser (`page`). `HOST:PORT`, "off", or None
    for the usual port or the next free."""

    metrics: str | None = None
    page: str | None = OFF
    tell: Callable[[str], None] | None = None
    """Is told where the page is, once: those of the worlds that follow are there, too."""

    def door(self, world: World, scene: LiveScene, plays: str) -> Door | None:
        """The page's, if there is to be one. Raises `PortTaken`."""
        if self.page == OFF:
            return None
        door = Door(world, Service(world, scene), self.page, shell=Shell(plays=plays))
        self.page = door.address
        if self.tell is not None:
            self.tell(door.url)
            self.tell = None
        return door


def play(
    config: WorldConfig,
    seed: int,
    story: Callable[[Scene], Awaitable[Result]],
    *,
    scenario: str,
    variant: str,
    outlook: Outlook,
) -> Result:
    """Bring the world up, run the story in it, take it down. Its metrics and its page say what runs."""

    async def whole() -> Result:
        world = World(config, seed=seed)
        world.numbers.scenario(scenario, seed, variant)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(world.stop)
            scene = LiveScene(world, stack.enter_context(watched(world.metrics)))
            if outlook.metrics != OFF:
                await world.export(outlook.metrics)  # first: a port that is taken is known at once
            door = outlook.door(world, scene, f"{scenario}, {variant}" if variant else scenario)
            await world.start()
            if door is not None:
                await stack.enter_async_context(door)
            scene.lags_ms()  # what was late while it came up does not count
            async with scene.loads.server(world.directory):
                return await story(scene)

    return asyncio.run(whole())
