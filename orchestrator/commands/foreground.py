"""A world in the foreground: what `journey up` does between its start and its end."""

import asyncio
import json
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from orchestrator import operations
from orchestrator.commands.failure import ENVIRONMENT, INTERRUPTED, THRESHOLD, Failure
from orchestrator.commands.listing import show_elements
from orchestrator.commands.load_display import load_display, show_result, told
from orchestrator.commands.terminal import out, say, tell_what_to_try
from orchestrator.config import World as WorldConfig
from orchestrator.control.service import Service
from orchestrator.hosts.local import LocalHost
from orchestrator.journal.story import tell_story
from orchestrator.metrics.feed import OFF
from orchestrator.page.door import Door
from orchestrator.tools.laptop_doors import INGRESS, PROXY, wanted
from orchestrator.world import World

TOUR_S = 10.0
TOUR_CONCURRENCY = 16


class Foreground:
    """Runs a world in this process until it is told to stop."""

    def __init__(
        self,
        config: WorldConfig,
        host: LocalHost,
        *,
        tour: bool,
        ready_fd: int | None,
        places: dict[str, str | None],
    ) -> None:
        """`places` says where Prometheus may come (`metrics`), dig (`dns`), curl (`http`), who wants a `proxy`, and
        browsers (`page`): `HOST:PORT`, "off", or None for the usual port or the next free."""
        self._config, self._host = config, host
        self._places = places
        self._tour = tour
        self._ready_fd = ready_fd
        self._stays = not tour or sys.stdout.isatty()
        self._waiting = False
        self._code = 0

    def run(self) -> int:
        """The exit code. Raises `WorldFailed` when the world does not start."""
        try:
            return asyncio.run(self._run())
        except (KeyboardInterrupt, asyncio.CancelledError):
            if self._waiting:
                say("the world is down")
                return self._code
            say("interrupted")
            return INTERRUPTED
        finally:
            self._host.abandon()  # an interrupt may come before the world has begun; else nothing is left to do

    async def _run(self) -> int:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        for door, place in ((INGRESS, self._places["http"]), (PROXY, self._places["proxy"])):
            wanted(door, place)  # what cannot be is said before anything starts
        if self._ready_fd is None:
            say(f"starting {self._config.name}: {len(self._config.elements)} elements")
        async with World(self._config, self._host) as world:
            service = Service(world)
            server = service.server()
            await server.start()
            try:
                async with self._door(world, service):
                    await self._export(world)
                    await self._live(world, service)
            finally:
                await server.close()
        return self._code

    async def _live(self, world: World, service: Service) -> None:
        if self._ready_fd is None:
            await self._show(world)
        else:
            self._tell_ready(world)
        if self._stays:
            await self._wait(world, service)

    def _door(self, world: World, service: Service) -> AbstractAsyncContextManager[Any]:
        page = self._places["page"]
        return nullcontext() if page == OFF else Door(world, service, page)

    async def _export(self, world: World) -> None:
        places = self._places
        if places["metrics"] != OFF:
            await world.export(places["metrics"])
        if places["dns"] != OFF:
            await world.doors.serve_dns(places["dns"])
        await world.doors.serve_clients(places["http"], places["proxy"], page=_followed(world))

    def _tell_ready(self, world: World) -> None:
        assert self._ready_fd is not None
        with os.fdopen(self._ready_fd, "w") as ready:
            ready.write(json.dumps({"directory": str(world.directory)}))

    async def _show(self, world: World) -> None:
        for name in world.unsettled:
            say(f"{name} has not reached all that it wants yet; `journey inspect {name}` shows it")
        if not operations.has_laptop(world):
            show_elements(out(), world.ps())
            return
        journey = await operations.trace(world)
        tell_story(out(), journey)
        if not journey.succeeded:
            self._code = THRESHOLD
        if self._tour:
            await self._load(world)
        if self._stays:
            tell_what_to_try(world.ps())
        else:
            say("the tour is over and the world ends; `journey up` keeps it, to try things on")

    async def _load(self, world: World) -> None:
        out().print(f"\n[bold]{TOUR_S:g} seconds of load[/], {TOUR_CONCURRENCY} requests at once")
        with load_display(TOUR_S) as display:
            async for status in operations.load(world, concurrency=TOUR_CONCURRENCY, duration_s=TOUR_S):
                display.update(status)
        show_result(out(), told(status), status)
        if not status["requests"]:
            self._code = THRESHOLD

    async def _wait(self, world: World, service: Service) -> None:
        """Until somebody wants the world to end, or it has."""
        self._waiting = True
        self._code = 0
        if self._ready_fd is None:
            say("the world is up; Ctrl-C or `journey down` stops it")
        ends = {asyncio.ensure_future(world.wait()), asyncio.ensure_future(service.down.wait())}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if world.ended.is_set():
            raise Failure(world.why or "the world has ended", ENVIRONMENT)


def _followed(world: World) -> str | None:
    """Where a journey's id is looked at: the live page, if this world has one."""
    page = world.addresses.get("page")
    return None if page is None else f"{page}#journey="
