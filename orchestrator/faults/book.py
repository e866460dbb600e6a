"""The faults of one world: brought about, changed, remembered, and ended when their time is over or a user says so.

Each of these is an event of the journal: `fault.added`, `fault.changed`, `fault.ended`.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from actors.element import CallFailed
from actors.units import SECOND
from orchestrator.config.errors import suggestion
from orchestrator.control.api import ENVIRONMENT, RequestFailed
from orchestrator.faults.places import Afflicted, Part, check_reorder, elements_at, parts_of
from orchestrator.faults.words import FOR, BadFault, Fault, changed

FAULT = "fault"
"""What events of this kind are called."""
CLEARED, OVER = "cleared", "its time is over"


@dataclass
class Entry:
    """A fault that there is now."""

    identity: str
    fault: Fault
    name: str | None
    """What a scenario calls it by."""
    ends_s: float | None = None
    parts: list[Part] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Elements that are down because of it."""
    end: "asyncio.Task[None] | None" = None

    @property
    def target(self) -> str:
        return str(self.fault.place)

    def links(self) -> list[str]:
        return sorted({part.link for part in self.parts})

    def plain(self) -> dict[str, Any]:
        """As `journey fault list` shows it."""
        left_s = None if self.ends_s is None else round(max(self.ends_s - _now_s(), 0.0), 3)
        return {
            "id": self.identity,
            "target": self.target,
            "what": self.fault.told(),
            "links": self.links(),
            "down": list(self.held),
            "remaining_s": left_s,
        }


class FaultBook:
    """All faults of a world. Lives in its event loop, whichever clock that has."""

    def __init__(self, world: Afflicted) -> None:
        self._world = world
        self._entries: dict[str, Entry] = {}
        self._made = 0

    async def add(self, fault: Fault, name: str | None = None) -> dict[str, Any]:
        """Bring it about; what it is, with its id. Raises `RequestFailed`, and then nothing is left of it."""
        elements = await elements_at(self._world, fault.place) if fault.crash else []
        parts = [] if fault.crash else await parts_of(self._world, fault)
        self._made += 1
        entry = Entry(f"fault-{self._made}", fault, name, parts=parts)
        lasts = {"for_s": fault.for_ns / SECOND} if fault.for_ns else {}
        self._journalise("fault.added", entry, what=fault.told(), links=entry.links(), **lasts)
        if fault.crash:
            await self._crash(entry, elements)
            if fault.for_ns is None:  # whoever watches over it starts it again: nothing is left to be cleared
                self._world.tell_event(FAULT, entry.target, active=None)
                return entry.plain()
        self._entries[entry.identity] = entry
        await self._tell(entry, parts)
        self._world.tell_event(FAULT, entry.target, active=True)
        self._end_in_time(entry)
        return entry.plain()

    async def change(self, which: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change some fields of one, and leave the others as they are; what it is then. Raises `RequestFailed`."""
        entry = self._only(which)
        after = changed(entry.fault, fields)
        if after.weather != entry.fault.weather:
            self._check_there(entry)
            check_reorder(self._world, after, entry.links())
            entry.parts = [part._replace(fields=after.weather) for part in entry.parts]
        was, entry.fault = entry.fault.told(), after
        if FOR in fields:
            self._end_in_time(entry)
        said = {key: "off" if value is None else value for key, value in fields.items()}
        self._journalise("fault.changed", entry, changed=said, was=was, what=after.told())
        await self._tell(entry, entry.parts)
        return entry.plain()

    def plain(self) -> list[dict[str, Any]]:
        """Those that there are, in the order in which they came."""
        return [entry.plain() for entry in self._entries.values()]

    async def clear(self, which: str | None = None) -> list[dict[str, Any]]:
        """End one by its id, all of a target, or all; those that have ended. Raises `RequestFailed`."""
        chosen = list(self._entries.values()) if which is None else self._chosen(which)
        rows = [entry.plain() for entry in chosen]
        for entry in chosen:
            if entry.end is not None:
                entry.end.cancel()
            await self._end(entry, CLEARED)
        return rows

    def _chosen(self, which: str) -> list[Entry]:
        """By id, by the name that a scenario gave it, or by target."""
        as_target = which.replace(":", "/", 1)
        found = [
            entry
            for entry in self._entries.values()
            if which in (entry.identity, entry.name) or as_target == entry.target
        ]
        if found:
            return found
        names = [each.name for each in self._entries.values() if each.name]
        known = [*self._entries, *names, *dict.fromkeys(each.target for each in self._entries.values())]
        hint = suggestion(which, known, otherwise="there are") if known else ": there are no faults at all"
        raise BadFault(f"there is no fault {which!r}{hint}")

    def _only(self, which: str) -> Entry:
        found = self._chosen(which)
        if len(found) > 1:
            raise BadFault(f"{which} has {' and '.join(each.identity for each in found)}: say which")
        return found[0]

    def _check_there(self, entry: Entry) -> None:
        if self._world.link_ends().keys().isdisjoint(entry.links()):
            what = f"{entry.target} is gone, and its links with it: nothing of {entry.identity} is left to change"
            raise BadFault(f"{what}; `journey fault clear {entry.identity}` takes it off the list")

    # ---- bringing it about, and ending it ---------------------------------------------------------------------

    async def _crash(self, entry: Entry, elements: list[str]) -> None:
        hold = entry.fault.for_ns is not None
        try:
            for element in elements:
                await self._world.crash(element, hold=hold)
                if hold:
                    entry.held.append(element)
        except CallFailed as error:
            await self._release(entry)
            self._journalise("fault.ended", entry, what=entry.fault.told(), why=str(error))
            raise RequestFailed(str(error), ENVIRONMENT) from None

    async def _release(self, entry: Entry) -> None:
        for element in entry.held:
            if not any(element in other.held for other in self._entries.values()):
                with contextlib.suppress(CallFailed):
                    await self._world.release(element)

    async def _tell(self, entry: Entry, parts: list[Part], *, over: bool = False) -> None:
        """Each element its part, all at once; one that is away hears of it when it comes back."""
        await asyncio.gather(*(self._tell_one(entry, part, None if over else part.fields) for part in parts))

    async def _tell_one(self, entry: Entry, part: Part, fields: dict[str, Any] | None) -> None:
        self._world.note_fault(part.element, part.link, entry.identity, fields)
        with contextlib.suppress(CallFailed):
            await self._world.call(
                part.element, "link_fault", link=part.link, fault=entry.identity, fields=fields
            )

    def _end_in_time(self, entry: Entry) -> None:
        if entry.end is not None:
            entry.end.cancel()
        for_ns, entry.end, entry.ends_s = entry.fault.for_ns, None, None
        if for_ns is not None:
            entry.ends_s = _now_s() + for_ns / SECOND
            entry.end = asyncio.get_running_loop().create_task(self._end_later(entry, for_ns / SECOND))

    async def _end_later(self, entry: Entry, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._end(entry, OVER)

    async def _end(self, entry: Entry, why: str) -> None:
        if self._entries.pop(entry.identity, None) is None:
            return
        self._journalise("fault.ended", entry, what=entry.fault.told(), why=why)
        await self._release(entry)
        await self._tell(entry, entry.parts, over=True)
        if all(other.target != entry.target for other in self._entries.values()):
            self._world.tell_event(FAULT, entry.target, active=False)

    def _journalise(self, kind: str, entry: Entry, **fields: Any) -> None:
        named = {} if entry.name is None else {"name": entry.name}
        fault = {"fault": entry.identity, "target": entry.target, **named, **fields}
        self._world.journalise(kind, entry.fault.place.name, fault)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
