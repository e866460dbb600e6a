"""The client of a load, which may be killed on the way: another one goes on, and what both counted is added up."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

from actors.element import CallFailed
from actors.parts.latencies import new_histogram, percentiles_ms
from orchestrator.load.shapes import Change, Shape

COUNTS = ("statuses", "errors", "per_pod", "connections")
HISTOGRAMS = ("hdr", "service_hdr")
OPEN_COUNTS = (*COUNTS, "dropped")
"""What an open model counts besides."""

Status = dict[str, Any]


class Elements(Protocol):
    """What a client needs of a `World`."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...

    def ps(self) -> dict[str, Any]: ...

    async def until_up(self, element: str) -> None: ...


class LoadClient:
    """One load of a given time, by a laptop and those that it is restarted as."""

    def __init__(self, world: Elements, laptop: str, url: str, shape: Shape) -> None:
        self._world, self._laptop = world, laptop
        self._url, self._shape = url, shape
        self._began_s: float | None = None
        self._before_s = 0.0
        """How much of the load was over when the present client began."""
        self._restarts = 0
        self._lost: list[Status] = []
        self._changes: list[dict[str, Any]] = []
        self._latest: Status | None = None

    async def start(self) -> None:
        """Begin, or go on for the rest of the time; with no time left, nothing runs any more. Raises `CallFailed`."""
        self._latest = None
        while self._latest is None:
            await self._world.until_up(self._laptop)
            self._restarts = self._restarts_now()
            begin = self._shape.begin(self._elapsed_s())
            if begin is None:
                break
            with self._unless_killed():
                self._latest = await self._call(begin.verb, url=self._url, **begin.arguments)
        self._before_s = self._elapsed_s()
        if self._began_s is None:
            self._began_s = asyncio.get_running_loop().time()

    async def look(self, *, histograms: bool = False) -> Status:
        """What has been counted until now, in the words of `LoadRun.status`, with `changes` and `lost_clients`.

        Latencies as histograms (`hdr`, `service_hdr`) are told at the end, and before that if `histograms` are wanted.
        """
        killed = True
        with self._unless_killed():
            self._latest = await self._call("load_status")
            killed = False
        if killed:
            assert self._latest is not None
            self._lost.append(self._latest)
            await self.start()
        return self._together(histograms)

    async def change(self, change: Change, *, note: bool = True) -> dict[str, Any]:
        """Pause, resume or stop it, or set its rate or its users: `what` was done, and its `status`; it stays so
        whatever is killed later. What is not noted is told by somebody else. Raises `CallFailed`."""
        changed: dict[str, Any] = await self._call("load_change", **change._asdict())
        elapsed_s = self._elapsed_s()
        self._shape = self._shape.changed(elapsed_s, change)
        if note:
            at_s = max(elapsed_s - self._shape.warm_up_s, 0.0)
            self._changes.append({"at_s": round(at_s, 3), "what": changed["what"]})
        return changed

    async def stop(self) -> None:
        """Break it off. A client that is gone needs no stopping."""
        with contextlib.suppress(CallFailed):
            await self._call("load_stop")

    async def _call(self, verb: str, **arguments: Any) -> Status:
        status: Status = await self._world.call(self._laptop, verb, **arguments)
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
        return next(int(element["restarts"]) for element in elements if element["name"] == self._laptop)

    def _elapsed_s(self) -> float:
        return 0.0 if self._began_s is None else asyncio.get_running_loop().time() - self._began_s

    def _together(self, histograms: bool) -> Status:
        statuses = [*self._lost, self._latest] if self._latest else self._lost
        whole = {**statuses[-1], "changes": list(self._changes), "lost_clients": len(self._lost)}
        if self._lost:
            whole |= add_up(statuses)
            whole["running"] = self._latest is not None and self._latest["running"]
            whole["duration_s"] = self._shape.duration_s
            whole["elapsed_s"] = self._before_s + (self._latest["elapsed_s"] if self._latest else 0.0)
            whole["requests_per_s"] = whole["requests"] / whole["elapsed_s"]
        if whole["running"] and not histograms:
            for name in HISTOGRAMS:
                whole.pop(name, None)
        return whole


def add_up(statuses: list[Status]) -> Status:
    """What several clients have counted together, latencies included."""
    histogram = _added(statuses, "hdr")
    names = OPEN_COUNTS if "offered" in statuses[-1] else COUNTS
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for status in statuses:
        for name in names:
            counts[name].update(status[name])
    offered: Status = {}
    if names is OPEN_COUNTS:
        service = _added(statuses, "service_hdr")
        offered = {
            "offered": sum(status["offered"] for status in statuses),
            "retries": sum(status["retries"] for status in statuses),
            "service_ms": percentiles_ms(service),
            "service_hdr": service.encode().decode(),
        }
    return {
        "requests": sum(status["requests"] for status in statuses),
        **offered,
        **{name: dict(sorted(count.items())) for name, count in counts.items()},
        "latency_ms": percentiles_ms(histogram),
        "hdr": histogram.encode().decode(),
    }


def _added(statuses: list[Status], name: str) -> Any:
    """Their histograms as one."""
    histogram = new_histogram()
    for status in statuses:
        if name in status:
            histogram.decode_and_add(status[name])
    return histogram
