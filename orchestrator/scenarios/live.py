"""A scenario's world as processes on this machine."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from orchestrator.config.models import World as WorldConfig
from orchestrator.faults.live import LiveFaults
from orchestrator.journal.store import JournalStore
from orchestrator.load.book import LoadBook
from orchestrator.load.lag import Lags, watched
from orchestrator.metrics.feed import OFF
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
        self.loads = LoadBook()

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


def play(
    config: WorldConfig,
    seed: int,
    story: Callable[[Scene], Awaitable[Result]],
    *,
    scenario: str,
    variant: str,
    metrics: str | None,
) -> Result:
    """Bring the world up, run the story in it, take it down. Its metrics are served at `metrics`, and say what runs."""

    async def whole() -> Result:
        world = World(config, seed=seed)
        world.numbers.scenario(scenario, seed, variant)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(world.stop)
            if metrics != OFF:
                await world.export(metrics)  # first: a port that is taken is known at once
            await world.start()
            with watched(world.metrics) as lags:
                scene = LiveScene(world, lags)
                async with scene.loads.server(world.directory):
                    return await story(scene)

    return asyncio.run(whole())
