"""Faults of a world that runs as processes on this machine."""

from typing import Any

from orchestrator.faults.places import zones_of
from orchestrator.operations import kinds_of
from orchestrator.world import World


class LiveFaults:
    """A running world, as a `FaultBook` needs it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.call = world.call
        self.link_ends = world.members.link_ends
        self.link_delay_ns = world.members.link_delay_ns
        self.note_fault = world.members.note_fault

    def kinds(self) -> dict[str, str]:
        return kinds_of(self._world)

    def zones(self) -> dict[str, list[str]]:
        return zones_of(self._world.config)

    async def crash(self, element: str, *, hold: bool) -> None:
        if hold:
            self._world.supervisor.hold(element)
        else:
            self._world.kill(element)

    async def release(self, element: str) -> None:
        self._world.supervisor.release(element)

    def tell_event(self, event: str, target: str, active: bool | None) -> None:
        if active is None:
            self._world.numbers.happened(event, target)
        else:
            self._world.numbers.event(event, target, active)

    def journalise(self, kind: str, element: str, fields: dict[str, Any]) -> None:
        self._world.operated(kind, element, **fields)
