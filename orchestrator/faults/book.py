"""The faults of one world: brought about, remembered, and ended when their time is over or a user says so."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from actors.element import CallFailed
from actors.units import SECOND
from orchestrator.config.errors import suggestion
from orchestrator.control.api import ENVIRONMENT, RequestFailed
from orchestrator.faults.places import Afflicted, elements_at, links_at
from orchestrator.faults.words import Fault, Place, place_of
from orchestrator.settings.words import refuse

FAULT = "fault"
"""What events of this kind are called."""


@dataclass
class Entry:
    """A fault that there is now."""

    identity: str
    fault: Fault
    began_s: float
    links: dict[str, list[str]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    """Elements that are down because of it."""
    end: "asyncio.Task[None] | None" = None

    def plain(self, now_s: float) -> dict[str, Any]:
        """As `journey fault list` shows it."""
        left_s = None if self.fault.for_ns is None else self.began_s + self.fault.for_ns / SECOND - now_s
        return {
            "id": self.identity,
            "target": str(self.fault.place),
            "what": self.fault.told(),
            "links": sorted(self.links),
            "down": list(self.held),
            "remaining_s": None if left_s is None else round(max(left_s, 0.0), 3),
        }


class FaultBook:
    """All faults of a world. Lives in its event loop, whichever clock that has."""

    def __init__(self, world: Afflicted) -> None:
        self._world = world
        self._entries: dict[str, Entry] = {}
        self._made = 0

    async def add(self, fault: Fault) -> dict[str, Any]:
        """Bring it about; what it is, with its id. Raises `RequestFailed`."""
        self._made += 1
        entry = Entry(f"fault-{self._made}", fault, _now_s())
        if fault.crash:
            await self._crash(entry)
            if fault.for_ns is None:  # whoever watches over it starts it again: nothing is left to be cleared
                self._world.tell_event(FAULT, str(fault.place), active=None)
                return entry.plain(_now_s())
        else:
            entry.links = await links_at(self._world, fault.place)
            self._entries[entry.identity] = entry
            await self._tell(entry, fault.weather)
        self._entries[entry.identity] = entry
        self._world.tell_event(FAULT, str(fault.place), active=True)
        if fault.for_ns is not None:
            entry.end = asyncio.get_running_loop().create_task(self._end_later(entry, fault.for_ns / SECOND))
        return entry.plain(_now_s())

    def plain(self) -> list[dict[str, Any]]:
        """Those that there are, in the order in which they came."""
        return [entry.plain(_now_s()) for entry in self._entries.values()]

    async def clear(self, which: str | None = None) -> list[dict[str, Any]]:
        """End one by its id, all of a target, or all; those that have ended. Raises `RequestFailed`."""
        chosen = list(self._entries.values()) if which is None else self._chosen(which)
        for entry in chosen:
            if entry.end is not None:
                entry.end.cancel()
            await self._end(entry)
        return [entry.plain(_now_s()) for entry in chosen]

    def _chosen(self, which: str) -> list[Entry]:
        if which in self._entries:
            return [self._entries[which]]
        if "/" in which or ":" in which:
            place: Place = place_of(which)
            found = [entry for entry in self._entries.values() if entry.fault.place == place]
            if found:
                return found
        known = [*self._entries, *dict.fromkeys(str(entry.fault.place) for entry in self._entries.values())]
        hint = suggestion(which, known, otherwise="there are") if known else ": there are no faults at all"
        raise refuse(f"there is no fault {which!r}{hint}")

    # ---- bringing it about, and ending it ---------------------------------------------------------------------

    async def _crash(self, entry: Entry) -> None:
        hold = entry.fault.for_ns is not None
        for element in await elements_at(self._world, entry.fault.place):
            try:
                await self._world.crash(element, hold=hold)
            except CallFailed as error:
                raise RequestFailed(str(error), ENVIRONMENT) from None
            if hold:
                entry.held.append(element)

    async def _tell(self, entry: Entry, fields: dict[str, Any] | None) -> None:
        """Both ends of each link; one that is away hears of it when it comes back."""
        for link, ends in entry.links.items():
            for element in ends:
                with contextlib.suppress(CallFailed):
                    self._world.note_fault(element, link, entry.identity, fields)
                    await self._world.call(
                        element, "link_fault", link=link, fault=entry.identity, fields=fields
                    )

    async def _end_later(self, entry: Entry, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._end(entry)

    async def _end(self, entry: Entry) -> None:
        if self._entries.pop(entry.identity, None) is None:
            return
        for element in entry.held:
            if not any(element in other.held for other in self._entries.values()):
                await self._world.release(element)
        await self._tell(entry, None)
        if all(other.fault.place != entry.fault.place for other in self._entries.values()):
            self._world.tell_event(FAULT, str(entry.fault.place), active=False)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
