"""Elements that other elements start: a node its pods. Whoever launched one hears of its end, and takes it along."""

import asyncio
import os
import signal
from typing import Any

from pydantic import ValidationError

from actors.element import CallFailed
from actors.links.impairments import LinkConfig
from orchestrator.control.members import Member
from orchestrator.control.registry import Registry
from orchestrator.control.supervision import Supervisor

AT_ONCE = 4
"""Launches under way at once for each CPU. With hundreds that fight for it, what runs already would lag behind."""

PORT = "eth0"
"""The port of a launched element that its link is plugged into."""


class Launcher:
    """Carries out what elements ask of the orchestrator: `launch` and `signal`."""

    def __init__(self, registry: Registry, supervisor: Supervisor, common: dict[str, Any]) -> None:
        """`common` is what the welcome of every element of this world has: seed, directory, clock."""
        self._registry, self._supervisor, self._common = registry, supervisor, common
        self._links: dict[str, dict[str, Any]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE * (os.cpu_count() or 1))
        registry.calls.on_request = self.request
        supervisor.on_end = self._ended

    async def request(self, parent: Member, verb: str, arguments: dict[str, Any]) -> Any:
        """Answer an element. Raises `CallFailed`."""
        if verb == "launch":
            await self.launch(parent, **arguments)
        elif verb == "signal":
            self.signal(parent, **arguments)
        else:
            raise CallFailed(f"the orchestrator does not know {verb!r}; it knows launch, signal")

    async def launch(
        self, parent: Member, name: str, kind: str, config: dict[str, Any], port: str, link: dict[str, Any]
    ) -> None:
        """Start an element, joined to a new port of its parent. Returns when it is up; raises `CallFailed`."""
        life = parent.pid
        if (known := self._registry.members.get(name)) is not None:
            if not known.doomed:
                raise CallFailed(f"there is an element {name!r} already")
            await known.gone.wait()
        member = self._registry.members.expect(
            name, kind, self._welcome(parent, name, kind, config, port, link)
        )
        member.parent = parent.name
        member.plug = self._plug(name, port, member.welcome)
        async with self._turns:
            if member.doomed:  # whoever wanted it has not waited for its turn
                self._registry.members.forget(member)
                raise CallFailed(f"{name} was ended before it had begun")
            try:
                await self._supervisor.spawn(member)
            except CallFailed:  # there is no place for it
                self._registry.members.forget(member)
                raise
            if parent.pid != life:
                self._supervisor.doom(member)
            await self._until_up(member)

    def signal(self, parent: Member, name: str, number: int) -> None:
        """Send an element that was launched by this one a signal."""
        member = self._registry.members.get(name)
        if member is None or member.parent != parent.name:
            raise CallFailed(f"{parent.name} has launched no {name!r}")
        if number == signal.SIGKILL:
            self._supervisor.doom(member)
        else:
            self._supervisor.kill(name, number)

    async def _until_up(self, member: Member) -> None:
        while member.state not in ("up", "failed") and not member.gone.is_set():
            member.changed.clear()
            await member.changed.wait()
        if member.state != "up":
            self._supervisor.doom(member)
            raise CallFailed(f"{member.name} could not start: {member.why or 'its process has ended'}")

    def _ended(self, member: Member, status: int) -> None:
        """A process has ended: those that it launched end too, and whoever launched it is told."""
        for other in list(self._registry.members.values()):
            if other.parent == member.name:
                self._supervisor.doom(other)
        if member.parent is not None:
            self._registry.members.forget(member)
            if (parent := self._registry.members.get(member.parent)) is not None:
                self._registry.send(parent, t="exited", name=member.name, status=status)

    def _welcome(
        self, parent: Member, name: str, kind: str, config: dict[str, Any], port: str, link: dict[str, Any]
    ) -> dict[str, Any]:
        end = {
            "port": PORT,
            "link": f"{parent.name}.{name}",
            "config": self._link_config(parent, name, port, link),
            "peer": [parent.name, port],
            "endpoint": parent.endpoint,
        }
        bind = self._supervisor.host.inbox(name)
        return {**self._common, "name": name, "kind": kind, "config": config, "bind": bind, "links": [end]}

    def _link_config(self, parent: Member, name: str, port: str, link: dict[str, Any]) -> dict[str, Any]:
        between = (f"{parent.name}.{port}", f"{name}.{PORT}")
        key = repr(sorted(link.items()))
        if key not in self._links:
            try:
                self._links[key] = LinkConfig.model_validate({"between": between, **link}).model_dump()
            except ValidationError as error:
                raise CallFailed(f"{name} cannot be launched: {error}") from None
        return {**self._links[key], "between": between}

    @staticmethod
    def _plug(name: str, port: str, welcome: dict[str, Any]) -> dict[str, Any]:
        """What the parent is told when its new neighbour's inbox is open."""
        end = welcome["links"][0]
        return {"link": end["link"], "config": end["config"], "port": port, "peer": [name, PORT]}
