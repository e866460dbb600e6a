"""The clients of one load: each a process that measures for itself; what they have counted is added up exactly."""

import asyncio
from collections.abc import Sequence
from typing import Any

from orchestrator.load.adding import HISTOGRAMS, Status, add_up
from orchestrator.load.client import Elements, LoadClient
from orchestrator.load.shapes import SET, Change, Shape
from orchestrator.load.split import change_shares, shares

LEVELS = ("inflight", "open_connections", "rate", "users", "concurrency")
"""What clients have now, and together."""
OWN = ("hdr", "service_hdr")
"""Histograms that are told of each client and of the whole: at the end, and before that to those who want them."""
OF_EACH = ("requests", "offered", "retries", "statuses", "errors", "dropped")


class LoadTeam:
    """One load by one laptop or several."""

    def __init__(self, world: Elements, laptops: Sequence[str], url: str, shape: Shape) -> None:
        self._shape = shape
        self.clients = [LoadClient(world, name, url, part) for name, part in shares(shape, laptops).items()]
        self._changes: list[dict[str, Any]] = []
        self.latest: Status | None = None
        """What was told last, for those who only look on."""

    @property
    def duration_s(self) -> float:
        """How long it is to last, without its warm-up."""
        return self._shape.duration_s - self._shape.warm_up_s

    async def start(self) -> None:
        """All begin at once. Raises `CallFailed`."""
        try:
            await _all(client.start() for client in self.clients)
        except BaseException:
            await self.stop()
            raise

    async def look(self, *, histograms: bool = False) -> Status:
        """What has been counted until now, in the words of `LoadRun.status`, with `changes`, `lost_clients`, and
        `clients`: each one's part by name.

        Latencies as histograms (`hdr`, `service_hdr`) are told at the end, and before that if `histograms` are wanted.
        """
        await _all(client.look() for client in self.clients)
        self.latest = self._together(histograms or not any(client.running for client in self.clients))
        return self.latest

    async def change(self, change: Change, *, note: bool = True) -> dict[str, Any]:
        """Pause, resume or stop it, or set its rate or its users: `what` was done, and its `status`; it stays so
        whatever is killed later. What is not noted is told by somebody else. Raises `CallFailed`."""
        parts = change_shares(change, len(self.clients))
        answers = await _all(client.change(part) for client, part in zip(self.clients, parts, strict=True))
        told = [answer for answer in answers if answer is not None]
        what = told[0]["what"] if told else "changed for those that begin again"
        if len(told) > 1 and change.do == SET:
            what = _in_words(change, told)
        self._shape = self._shape.changed(self.clients[0].elapsed_s(), change)
        if note:
            self.note(what)
        await _all(client.look() for client in self.clients)
        return {"what": what, "status": self._together(histograms=False)}

    def note(self, what: str) -> None:
        """Something happens now that whoever reads the figures should know of."""
        at_s = max(self.clients[0].elapsed_s() - self._shape.warm_up_s, 0.0)
        self._changes.append({"at_s": round(at_s, 3), "what": what})

    async def stop(self) -> None:
        """Break it off."""
        # who breaks off may itself be broken off meanwhile (a client hangs up, and its connection fails): all are told
        await asyncio.shield(_all(client.stop() for client in self.clients))

    def _together(self, histograms: bool) -> Status:
        parts = {client.name: add_up(client.statuses) for client in self.clients}
        statuses = [status for client in self.clients for status in client.statuses]
        latest = [client.latest for client in self.clients if client.latest is not None]
        elapsed_s = max(client.counted_s for client in self.clients)
        found = add_up(statuses) if len(parts) > 1 else parts[self.clients[0].name]
        whole = {**(latest or statuses)[0], **found}
        whole |= {name: sum(each.get(name, 0) for each in latest) for name in LEVELS if name in whole}
        if any(client.lost for client in self.clients):
            whole["duration_s"] = self.duration_s
        whole |= {
            "running": any(client.running for client in self.clients),
            "elapsed_s": elapsed_s,
            "requests_per_s": whole["requests"] / elapsed_s if elapsed_s else 0.0,
            "changes": list(self._changes),
            "lost_clients": sum(len(client.lost) for client in self.clients),
            "clients": {
                client.name: _alone(client, parts[client.name], histograms) for client in self.clients
            },
        }
        return _public(whole, histograms)


def _alone(client: LoadClient, found: Status, histograms: bool) -> Status:
    """A client's part, of what it has counted."""
    elapsed_s = client.counted_s
    percentiles = HISTOGRAMS.values() if histograms else ()
    kept = (*OF_EACH, *percentiles, *(OWN if histograms else ()))
    return {
        "requests_per_s": found["requests"] / elapsed_s if elapsed_s else 0.0,
        **{name: found[name] for name in kept if name in found},
        "lost_clients": len(client.lost),
    }


def _public(status: Status, histograms: bool) -> Status:
    left = {"lag_hdr", "per_pod_hdr", *(() if histograms else OWN)}
    return {name: value for name, value in status.items() if name not in left}


def _in_words(change: Change, told: Sequence[Status]) -> str:
    """A new level of the whole, as `LoadRun.change` tells one of a client."""
    before = sum(answer["before"] for answer in told)
    later = ", when it goes on" if told[0]["status"]["paused"] else ""
    if change.users is not None:
        return f"users {before:g} to {change.users}{later}"
    return f"rate {before:g}/s to {change.rate:g}/s{later}"


async def _all(coroutines: Any) -> list[Any]:
    """Of each what it returns; when one fails the others have ended, too."""
    results = await asyncio.gather(*coroutines, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
