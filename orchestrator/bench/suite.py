"""All figures, one after another, in one run."""

import asyncio
from collections.abc import Iterator
from typing import Any

from orchestrator.bench import (
    choice,
    clock,
    hops,
    https,
    many_targets,
    memory,
    recovery,
    rules,
    scale,
    scrape,
    startup,
)
from orchestrator.bench.figures import Figure
from orchestrator.config.models import World as WorldConfig
from orchestrator.world import World

ROUTER, BEHIND_IT = "transit-2", "192.0.2.2"
IDLE_S = 2.0
PODS = 200


def run(config: WorldConfig, domain: str, *, rounds: int = 3, seconds: float = 4.0) -> Iterator[Figure]:
    """Measure everything; each figure as it comes."""
    yield startup.measure(rounds)
    yield clock.measure(packets=20_000, rounds=rounds)
    yield choice.measure(requests=50_000, rounds=rounds)
    yield rules.measure(requests=20_000, rounds=rounds)
    yield hops.measure(seconds / 2, rounds)
    yield scrape.measure(rounds)
    yield from asyncio.run(_in_a_world(config, domain, rounds, seconds))
    yield asyncio.run(_with_many_targets(config, domain, rounds, seconds))


async def _in_a_world(config: WorldConfig, domain: str, rounds: int, seconds: float) -> list[Figure]:
    async with World(config) as world:
        await asyncio.sleep(IDLE_S)
        return [
            await asyncio.to_thread(memory.measure, world),
            await https.measure(world, domain, seconds, rounds),
            await recovery.measure(world, ROUTER, BEHIND_IT),
            await scale.measure(world, PODS),
            await many_targets.measure_pods(world, domain, seconds, rounds),
        ]


async def _with_many_targets(config: WorldConfig, domain: str, rounds: int, seconds: float) -> Figure:
    async with World(many_targets.listening(config)) as world:
        await asyncio.sleep(IDLE_S)
        return await many_targets.measure_targets(world, domain, seconds, rounds)


def as_json(figures: list[Figure]) -> dict[str, Any]:
    """One object: each figure under its key, with its reference, ratio and bar beside it."""
    told: dict[str, Any] = {}
    for figure in figures:
        told[figure.key] = figure.value
        if figure.reference is not None:
            told[f"{figure.key}_reference"] = figure.reference
            told[f"{figure.key}_ratio"] = figure.ratio
        if figure.bar is not None:
            told[f"{figure.key}_bar"] = figure.bar
            told[f"{figure.key}_reached"] = figure.reached
    return told
