"""Browsers are told what is new while they look on; when nobody does, nothing is watched and nothing is recorded."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.journal.store import JournalStore
from orchestrator.metrics.ledger import Ledger
from orchestrator.page.feed import MOST_BROWSERS, RECORDED_PER_S, Feed, TooMany


class World:
    """A laptop and its router."""

    def __init__(self) -> None:
        self.journal, self.metrics = JournalStore(), Ledger()
        self.members = SimpleNamespace(link_ends=lambda: {"wifi": ["laptop", "home-router"]})
        self.numbers = SimpleNamespace(frames_dropped=SimpleNamespace(value=0))
        self.config = SimpleNamespace(elements={}, links={})
        self.watched: list[float] = []
        self.state = "up"
        self.counting = False

    def ps(self) -> dict[str, Any]:
        listed = {"laptop": "laptop", "home-router": "home_router"}
        elements = [
            {"name": name, "kind": kind, "state": self.state, "restarts": 0} for name, kind in listed.items()
        ]
        return {"elements": elements}

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        assert element == "laptop"
        if verb == "load_watch":
            self.watched.append(arguments["per_s"])
            return None
        assert verb == "latencies"
        self.counting = arguments["more"]
        return [(2_000_000, 98), (5_000_000, 2)]


class Service:
    """No faults, no loads."""

    loads = SimpleNamespace()
    faults = SimpleNamespace()


async def running() -> int:
    return 0


async def none() -> list[Any]:
    return []


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def feed(world: Any) -> Feed:
    service: Any = Service()
    service.loads.running = running
    service.faults.settled = none
    return Feed(world, service, token="t")


async def test_the_first_frame_has_who_is_there_and_the_next_how_they_are(world: World, feed: Feed):
    with feed.watched() as box:
        first = (await box.take()).values
        assert first["first"] and [each["name"] for each in first["map"]["elements"]] == [
            "laptop",
            "home-router",
        ]
        assert first["map"]["links"] == [
            {"name": "wifi", "ends": ["laptop", "home-router"], "delay_us": None}
        ]
        second = (await box.take()).values
        assert second["state"]["targets"] == [] and second["state"]["load"]["offered"] == 0
        assert "map" not in second, "it is told again when it has changed"
        assert world.watched == [RECORDED_PER_S] and world.counting
        load = second["state"]["load"]
        assert load["exact"] and (load["p50_ms"], load["p99_ms"]) == (2.0, 5.0)


async def test_nothing_is_watched_while_nobody_looks(world: World, feed: Feed):
    assert world.journal.watchers == []
    with feed.watched() as box:
        await box.take()
        await box.take()
        assert len(world.journal.watchers) == 2
        task = feed._task
        assert task is not None
    await asyncio.wait({task})
    assert world.journal.watchers == [] and world.watched[-1] == 0
    assert not world.counting


async def test_only_so_many_browsers_look_on(feed: Feed):
    opened = [feed.watched() for _ in range(MOST_BROWSERS)]
    for each in opened:
        each.__enter__()
    with pytest.raises(TooMany, match="close one"), feed.watched():
        pass
    for each in opened:
        each.__exit__(None, None, None)
