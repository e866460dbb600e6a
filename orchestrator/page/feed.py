"""Tells browsers what is new, five times a second while there are any; while there are none, nothing is looked at.

How this works. `Feed` keeps a mailbox for each browser. With the first one it begins to watch the journal and has the
laptops record some requests of whatever load runs; with the last one it stops all that. A frame holds the requests and
events that are new; once a second also the state: rates, queues, targets, faults.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from actors.element import CallFailed
from orchestrator.control.service import Service
from orchestrator.operations import Asked, kinds_of
from orchestrator.page.happenings import Happenings
from orchestrator.page.latencies import Latencies
from orchestrator.page.mailbox import Frame, Mailbox
from orchestrator.page.map import WorldMap
from orchestrator.page.numbers import WINDOW_S, Numbers
from orchestrator.page.samples import Samples
from orchestrator.scenarios.sampling import Outstanding
from orchestrator.world import World

log = logging.getLogger("orchestrator")

LOOK_S = 0.2
STATE_EVERY = 5
RECORDED_PER_S = 8.0
"""Requests of a load that are recorded while somebody looks on, at most: each costs every element that it passes."""
MOST_BROWSERS = 16
MOST_WATCHED = 8
"""Laptops that are asked to record: of two hundred these are enough."""


class TooMany(Exception):
    """So many browsers look on already."""


class Feed:
    """What the browsers of one world are told."""

    def __init__(self, world: World, service: Service, *, token: str, plays: str = "") -> None:
        """`token` is what the page's commands are to carry; `plays` the scenario that decides what happens, if any."""
        self._world, self._service = world, service
        self._token, self._plays = token, plays
        self._boxes: list[Mailbox] = []
        self._task: asyncio.Task[None] | None = None
        self.map = WorldMap(world)
        self.samples = Samples(world.journal)
        self.happenings = Happenings(world.journal)
        self._numbers = Numbers(world.metrics)
        self._latencies = Latencies(world, WINDOW_S)
        self._targets = Outstanding(Asked(world))
        self._dropped = world.numbers.frames_dropped
        self._looks = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[Mailbox]:
        """While this lasts the mailbox gets what is new, all of the state first. Raises `TooMany`."""
        if len(self._boxes) >= MOST_BROWSERS:
            raise TooMany(f"{MOST_BROWSERS} browsers look on already; close one of them")
        box = Mailbox(self._drop)
        self._boxes.append(box)
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name="page feed")
            self.map.look()
            known = {"map": self.map.plain(), "events": self.happenings.recent()}
            first = {"first": True, "token": self._token, "plays": self._plays}
            box.put(Frame({**first, **known, **self._now()}))
            yield box
        finally:
            self._boxes.remove(box)
            if not self._boxes and self._task is not None:
                self._task.cancel()
                self._task = None

    def _drop(self) -> None:
        self._dropped.value += 1

    def _now(self) -> dict[str, float]:
        return {"now": time.monotonic_ns() / 1e6}

    async def _run(self) -> None:
        self._numbers.forget()
        self._looks = 0
        self.samples.start()
        self.happenings.start()
        try:
            while True:
                try:
                    await self._look()
                except Exception:
                    log.exception("the live page's feed has stumbled")
                await asyncio.sleep(LOOK_S)
        finally:
            self.samples.stop()
            self.happenings.stop()
            if not self._boxes:  # somebody may have come again meanwhile
                await self._have_recorded(0)
                await self._latencies.stop(self._laptops())

    async def _look(self) -> None:
        values: dict[str, Any] = {}
        if requests := self.samples.take(self.map.kinds):
            values["requests"] = requests
        if events := self.happenings.take():
            values["events"] = events
        if self._looks % STATE_EVERY == 0:
            values["state"] = await self._state()
            if self.map.look():
                values["map"] = self.map.plain()
        self._looks += 1
        if values:
            frame = Frame({**values, **self._now()})
            for box in self._boxes:
                box.put(frame)

    # ---- the state ----------------------------------------------------------------------------------------------

    async def _state(self) -> dict[str, Any]:
        numbers = self._numbers.look(time.monotonic())
        await self._have_recorded(RECORDED_PER_S)
        await self._latencies.look(self._laptops(), time.monotonic())
        if self._latencies.exact:
            numbers["load"] |= self._latencies.percentiles_ms()
        numbers["load"]["exact"] = self._latencies.exact
        with contextlib.suppress(CallFailed):
            await asyncio.wait_for(self._targets.look(), 1.0)
        return {
            **numbers,
            "targets": self._told_targets(numbers["targets"]),
            "faults": await self._service.faults.settled(),
            "loads": await self._service.loads.running(),
            "skipped": self.samples.skipped,
        }

    def _told_targets(self, rates: dict[str, float]) -> list[dict[str, Any]]:
        """Each target with its state, its requests under way at each node of the load balancer, and its rate."""
        outstanding = self._targets.second()
        states = self._targets.target_states()
        by_pod = {self._targets.pod_of(target): rate for target, rate in rates.items()}
        return [
            {
                "name": name,
                "state": state,
                "rate": by_pod.get(name, 0.0),
                "outstanding": {
                    node: round(each[name], 2) for node, each in outstanding.items() if name in each
                },
            }
            for name, state in states.items()
        ]

    def _laptops(self) -> list[str]:
        return [name for name, kind in kinds_of(self._world).items() if kind == "laptop"]

    async def _have_recorded(self, per_s: float) -> None:
        """Have so many requests a second of whatever load runs recorded, at most."""
        laptops = self._laptops()[:MOST_WATCHED]
        for name in laptops:
            with contextlib.suppress(CallFailed):
                await self._world.call(name, "load_watch", per_s=per_s / len(laptops))
