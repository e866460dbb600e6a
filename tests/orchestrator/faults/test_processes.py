"""Faults of real processes: a crash is a `kill -9`, and a partition, a cut and a cable that is out really happen."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from actors.element import CallFailed
from orchestrator.config.loader import read_world
from orchestrator.control.service import Service
from orchestrator.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = """
version: 1
name: three-in-a-row
elements:
  left: {kind: isp_as, asn: 64500, interfaces: {east: 10.0.1.0/31}, routes: [{to: 10.0.2.0/31, via: 10.0.1.1}]}
  middle: {kind: isp_as, asn: 64501, interfaces: {west: 10.0.1.1/31, east: 10.0.2.0/31}}
  right: {kind: isp_as, asn: 64502, interfaces: {west: 10.0.2.1/31}, routes: [{to: 10.0.1.0/31, via: 10.0.2.0}]}
links:
  west: {between: [left.east, middle.west], delay: 1ms}
  east: {between: [middle.east, right.west], delay: 1ms}
"""
LEFT, MIDDLE, RIGHT = "10.0.1.0", "10.0.1.1", "10.0.2.1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World(read_world(FILE, Path("world.yaml"))) as world:
        yield world


@pytest.fixture
def service(world: World) -> Service:
    return Service(world)


async def reaches(world: World, element: str, host: str) -> bool:
    try:
        return "rtt_ms" in await world.call(element, "ping", host=host, timeout_s=0.3)
    except CallFailed:
        return False


async def until_reached(world: World, host: str) -> None:
    async with asyncio.timeout(20):
        while not await reaches(world, "left", host):
            await asyncio.sleep(0.05)


def pid_of(world: World, name: str) -> int:
    return next(int(each["pid"]) for each in world.ps()["elements"] if each["name"] == name)


async def events(world: World, *kinds: str) -> list[dict[str, Any]]:
    await world.settle()
    return [event for event in world.journal.events() if event["kind"] in kinds]


async def test_a_crash_is_the_end_of_a_process_and_it_stays_down_until_its_time_is_over(world, service):
    await until_reached(world, RIGHT)
    before = pid_of(world, "middle")
    made = await service.faults.add("middle", ["crash", "for=1m"], default="element")
    async with asyncio.timeout(10):
        while not await events(world, "element.exit"):
            await asyncio.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    [end] = await events(world, "element.exit")
    assert end["element"] == "middle" and "SIGKILL" in end["how"]
    assert not await reaches(world, "left", RIGHT) and made["down"] == ["middle"]
    await service.faults.change("fault-1", ["for=100ms"])
    await until_reached(world, RIGHT)
    assert pid_of(world, "middle") != before and await service.faults.settled() == []


async def test_a_partition_is_between_its_sides_alone_and_outlives_who_stands_between(world, service):
    await until_reached(world, RIGHT)
    await service.faults.partition("left", "right", [])
    assert not await reaches(world, "left", RIGHT) and not await reaches(world, "right", LEFT)
    assert await reaches(world, "left", MIDDLE)
    await service.faults.add("middle", ["crash"], default="element")
    await until_reached(world, MIDDLE)
    assert not await reaches(world, "left", RIGHT)
    await service.faults.clear()
    await until_reached(world, RIGHT)


async def test_a_cable_that_is_out_is_seen_at_both_ends_and_a_cut_at_none(world, service):
    await until_reached(world, RIGHT)
    before = len(await events(world, "link.down"))
    await service.faults.add("link:east", ["cut"])
    assert not await reaches(world, "left", RIGHT) and len(await events(world, "link.down")) == before
    await service.faults.clear("link/east")
    await service.faults.add("east", ["down"], default="link")
    lost = (await events(world, "link.down"))[before:]
    assert {each["element"] for each in lost} == {"middle", "right"}
    await service.faults.clear()
    await until_reached(world, RIGHT)
