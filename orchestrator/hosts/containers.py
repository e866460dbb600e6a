"""Containers as a host for elements: outposts (`actors/runtime/outpost.py`) offer themselves, and fork what is wanted.

A container is lost when its connection is: then all that ran in it has been killed. An element of the world file waits
for a container that is there for it alone. What elements launch goes to the container of its kind that runs the
least: one each in quiet times, two while a rollout has more pods than there are containers.
"""

import asyncio
import contextlib
import itertools
import logging
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.element import CallFailed
from actors.links.curve import Keys
from orchestrator.control.registry import Registry

log = logging.getLogger("orchestrator")

PLACE_S = 10.0
"""How long a launch waits for a container; the kubelet tries again later."""
CLOSE_S = 10.0
SETTLE_S = 0.01
"""An end that is reported at once with the start waits for the start to be taken note of."""


class Gone(RuntimeError):
    """The container has ended before it could fork the element."""


@dataclass(eq=False)
class Outpost:
    """One container that has offered itself."""

    identity: bytes
    element: str | None
    kind: str | None
    host: str
    running: dict[int, int] = field(default_factory=dict)
    """Our number of each process by its own."""
    forking: dict[str, "asyncio.Future[int]"] = field(default_factory=dict)
    leaving: bool = False

    @property
    def load(self) -> int:
        return len(self.running) + len(self.forking)


class ContainerHost:
    """Runs elements in containers that somebody else starts."""

    def __init__(
        self, directory: Path, control: str, keys: Keys, *, start_s: float, doors: dict[str, Any]
    ) -> None:
        self.directory, self.control = directory, control
        self.keys: Keys | None = keys
        self.start_s, self.doors = start_s, doors
        self.pid: int | None = None
        self.on_exit: Callable[[int, int], None] = lambda pid, status: None
        self.on_loss: Callable[[], None] = lambda: None
        self.on_places: Callable[[], None] = lambda: None
        """Called when there are more or fewer containers that pods can run in, or one is about to leave."""
        self._registry: Registry
        self._outposts: dict[bytes, Outpost] = {}
        self._numbers = itertools.count(1)
        self._processes: dict[int, tuple[Outpost, int, str]] = {}
        self._news = asyncio.Event()
        self._closing = False

    # ---- what the orchestrator wants -------------------------------------------------------------------------

    def attach(self, registry: Registry) -> None:
        self._registry = registry
        registry.on_outpost, registry.line.on_lost = self._heard, self._lost

    def inbox(self, element: str) -> str:
        return "tcp://0.0.0.0:*"

    def told(self, pid: int) -> dict[str, Any]:
        outpost, remote, _ = self._processes.get(pid, (None, 0, ""))
        return {"pid": remote, "host": outpost.host if outpost else ""}

    def launch(self) -> None:
        """Containers are launched by the engine."""

    async def warm_up(self, kinds: Iterable[str]) -> None:
        """A container loads the code when its offer is accepted."""

    async def ready(self) -> None:
        """Containers come one by one; `spawn` waits for them."""

    async def spawn(self, name: str, control: str, launched_kind: str | None = None) -> int:
        if launched_kind is None:
            while True:
                with contextlib.suppress(Gone):
                    return await self._fork(await self._place_of(name), name)
        try:
            async with asyncio.timeout(PLACE_S):
                outpost = await self._place_for(launched_kind)
            return await self._fork(outpost, name)
        except (TimeoutError, Gone):
            what = f"no container offers to run it: start more of kind {launched_kind} (--scale)"
            raise CallFailed(f"{name}: {what}") from None

    async def _fork(self, outpost: Outpost, name: str) -> int:
        future = outpost.forking[name] = asyncio.get_running_loop().create_future()
        self._registry.line.say(outpost.identity, {"t": "fork", "name": name})
        try:
            return await future
        finally:
            outpost.forking.pop(name, None)

    async def _place_of(self, element: str) -> Outpost:
        while True:
            for outpost in self._outposts.values():
                if outpost.element == element and not outpost.load and not outpost.leaving:
                    return outpost
            await self._next_news()

    async def _place_for(self, kind: str) -> Outpost:
        while True:
            if places := list(self.places(kind)):
                return min(places, key=lambda outpost: outpost.load)
            await self._next_news()

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    def kill(self, pid: int, number: int) -> None:
        if pid not in self._processes:
            raise ProcessLookupError(pid)
        outpost, remote, _ = self._processes[pid]
        self._registry.line.say(outpost.identity, {"t": "signal", "pid": remote, "number": number})

    def abandon(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    async def close(self) -> None:
        """Have every container end what it runs, and wait until all have, but not for long."""
        self._closing = True
        for identity in self._outposts:
            self._registry.line.say(identity, {"t": "stop"})
        until = time.monotonic() + CLOSE_S
        while any(outpost.running for outpost in self._outposts.values()) and time.monotonic() < until:
            await asyncio.sleep(0.02)

    # ---- who is there ----------------------------------------------------------------------------------------

    def places(self, kind: str) -> Iterator[Outpost]:
        """The containers that may run what is launched of this kind."""
        for outpost in self._outposts.values():
            if outpost.kind == kind and not outpost.leaving:
                yield outpost

    def leaving(self, kind: str) -> list[str]:
        """The elements in containers of this kind that are about to end."""
        leaving = {id(outpost) for outpost in self._outposts.values() if outpost.leaving}
        return [name for outpost, _, name in self._processes.values() if id(outpost) in leaving]

    def dismiss(self) -> None:
        """Let containers that are about to leave do so, with whatever runs there."""
        for identity, outpost in self._outposts.items():
            if outpost.leaving:
                self._registry.line.say(identity, {"t": "stop"})

    # ---- what containers say -----------------------------------------------------------------------------------

    def _heard(self, identity: bytes, message: dict[str, Any]) -> None:
        what = message["t"].removeprefix("outpost.")
        if what == "offer":
            self._offered(identity, message)
        elif identity not in self._outposts:
            self._registry.line.say(
                identity, {"t": "stop"}
            )  # of a world that this orchestrator does not know
        else:
            getattr(self, f"_heard_{what}")(self._outposts[identity], message)

    def _offered(self, identity: bytes, message: dict[str, Any]) -> None:
        element, kind = message.get("element"), message.get("kind")
        if self._closing or (element is not None and element not in self._registry.members):
            return
        if identity not in self._outposts:
            self._outposts[identity] = Outpost(identity, element, kind, str(message["host"]))
        kind = kind or self._registry.members[str(element)].kind
        self._registry.line.say(identity, {"t": "accepted", "kind": kind})
        self._changed()

    def _heard_beat(self, outpost: Outpost, message: dict[str, Any]) -> None:
        """It is there."""

    def _heard_forked(self, outpost: Outpost, message: dict[str, Any]) -> None:
        name, remote = str(message["name"]), int(message["pid"])
        number = next(self._numbers)
        outpost.running[remote] = number
        self._processes[number] = (outpost, remote, name)
        if (future := outpost.forking.get(name)) is not None and not future.done():
            future.set_result(number)

    def _heard_exited(self, outpost: Outpost, message: dict[str, Any]) -> None:
        number = outpost.running.pop(int(message["pid"]), None)
        if number is not None:
            self._ended(number, int(message["status"]))

    def _heard_leaving(self, outpost: Outpost, message: dict[str, Any]) -> None:
        outpost.leaving = True
        self._changed()

    def _lost(self, identity: bytes) -> None:
        outpost = self._outposts.pop(identity, None)
        if outpost is None:
            return
        for future in outpost.forking.values():
            if not future.done():
                future.set_exception(Gone())
        for number in outpost.running.values():
            self._ended(number, -signal.SIGKILL)
        self._changed()

    def _ended(self, number: int, status: int) -> None:
        def tell() -> None:
            self._processes.pop(number, None)
            self._news.set()
            self.on_exit(number, status)

        asyncio.get_running_loop().call_later(SETTLE_S, tell)

    def _changed(self) -> None:
        self._news.set()
        self.on_places()
