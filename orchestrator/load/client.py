"""A client of a load, which may be killed on the way: another one goes on, and what both counted is added up."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from actors.element import CallFailed
from orchestrator.load.shapes import Change, Shape

Status = dict[str, Any]


class Elements(Protocol):
    """What a client needs of a `World`."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...

    def ps(self) -> dict[str, Any]: ...

    async def until_up(self, element: str) -> None: ...


class LoadClient:
    """One load of a given time, by a laptop and those that it is restarted as."""

    def __init__(self, world: Elements, laptop: str, url: str, shape: Shape) -> None:
        self.name = laptop
        self.shape = shape
        self.lost: list[Status] = []
        """What those had told that were killed."""
        self.latest: Status | None = None
        """What the present one has told; None: none was begun, as no time was left."""
        self._world, self._url = world, url
        self._began_s: float | None = None
        self._before_s = 0.0
        """How much of the load was over when the present client began."""
        self._restarts = 0

    @property
    def statuses(self) -> list[Status]:
        """What all of them have told."""
        return [*self.lost, self.latest] if self.latest else list(self.lost)

    @property
    def running(self) -> bool:
        return self.latest is not None and bool(self.latest["running"])

    @property
    def counted_s(self) -> float:
        """How long it has counted, the time without a client included."""
        if not self.lost:
            return float(self.latest["elapsed_s"]) if self.latest else 0.0
        return self._before_s + (self.latest["elapsed_s"] if self.latest else 0.0)

    async def start(self) -> None:
        """Begin, or go on for the rest of the time; with no time left, nothing runs any more. Raises `CallFailed`."""
        self.latest = None
        while self.latest is None:
            await self._world.until_up(self.name)
            self._restarts = self._restarts_now()
            begin = self.shape.begin(self.elapsed_s())
            if begin is None:
                break
            with self._unless_killed():
                self.latest = await self._call(begin.verb, url=self._url, **begin.arguments)
        self._before_s = self.elapsed_s()
        if self._began_s is None:
            self._began_s = asyncio.get_running_loop().time()

    async def look(self) -> None:
        """Have it tell what it has counted until now, in the words of `LoadRun.status`."""
        if self.latest is not None and not self.latest["running"]:
            return  # its time was over, and it has told all
        latest = None
        with self._unless_killed():
            latest = await self._call("load_status", percentiles=False)
        if latest is not None:
            self.latest = latest
        elif self.latest is not None:
            self.lost.append(self.latest)
            await self.start()

    async def change(self, change: Change) -> Status | None:
        """What the laptop answered; None if it was killed, and will begin with the change. Raises `CallFailed`."""
        changed = None
        with self._unless_killed():
            changed = await self._call("load_change", **change._asdict())
        self.shape = self.shape.changed(self.elapsed_s(), change)
        return changed

    async def stop(self) -> None:
        """Break it off. A client that is gone needs no stopping."""
        with contextlib.suppress(CallFailed):
            await self._call("load_stop")

    def elapsed_s(self) -> float:
        """Since it began."""
        return 0.0 if self._began_s is None else asyncio.get_running_loop().time() - self._began_s

    async def _call(self, verb: str, **arguments: Any) -> Status:
        status: Status = await self._world.call(self.name, verb, **arguments)
        return status

    @contextlib.contextmanager
    def _unless_killed(self) -> Iterator[None]:
        """Passes over a call's failure if the laptop's process has ended since it was started."""
        try:
            yield
        except CallFailed:
            if self._restarts_now() == self._restarts:
                raise

    def _restarts_now(self) -> int:
        elements = self._world.ps()["elements"]
        return next(int(element["restarts"]) for element in elements if element["name"] == self.name)
