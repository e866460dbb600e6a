"""A scenario's world in this process, on the virtual clock."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from actors.element import CallFailed
from actors.runtime.virtual import VirtualNetwork
from actors.runtime.virtual_host import EPOCH_NS, VirtualHost
from actors.units import SECOND
from orchestrator.config.models import World
from orchestrator.faults.book import FaultBook
from orchestrator.faults.places import zones_of
from orchestrator.journal.store import JournalStore
from orchestrator.load.book import LoadBook
from orchestrator.scenarios.scene import Scene
from orchestrator.simulation import build, furnish, settled

DOWN_S = 0.3
"""How long a killed process is away before it is started again, as on a machine."""

Result = TypeVar("Result")


class VirtualScene:
    """Elements on a virtual clock."""

    clock = "virtual"

    def __init__(self, network: VirtualNetwork, config: World) -> None:
        self._network, self._config = network, config
        self._asks = network.hosts[next(iter(config.elements))]
        self._restarts: dict[str, int] = {}
        self._held: set[str] = set()
        self.directory = network.directory
        self.loads, self.faults = LoadBook(), FaultBook(self)

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        return await self._asks.call(element, verb, **arguments)

    def kinds(self) -> dict[str, str]:
        return {
            name: type(host.element).__module__.rpartition(".")[2]
            for name, host in self._network.hosts.items()
            if host.element is not None
        }

    def ps(self) -> dict[str, Any]:
        elements = [
            {"name": name, "kind": kind, "restarts": self._restarts.get(name, 0)}
            for name, kind in self.kinds().items()
        ]
        return {"elements": elements}

    async def until_up(self, element: str) -> None:
        while not self._network.host(element).ready:
            await asyncio.sleep(DOWN_S / 10)

    def zones(self) -> dict[str, list[str]]:
        return zones_of(self._config)

    def link_ends(self) -> dict[str, list[str]]:
        ends: dict[str, list[str]] = {}
        for name, host in self._network.hosts.items():
            for port in host.ports.values():
                ends.setdefault(port.link, []).append(name)
        return ends

    def link_delay_ns(self, link: str) -> int:
        ports = (port for host in self._network.hosts.values() for port in host.ports.values())
        return next((port.config.delay for port in ports if port.link == link), 0)

    def journalise(self, kind: str, element: str, fields: dict[str, Any]) -> None:
        record = {"t_ns": self.now_ns(), "element": element, "kind": kind, "journey": None, **fields}
        self._network.journal.append(record)

    def tell_event(self, event: str, target: str, active: bool | None) -> None:
        """Nobody scrapes a world in which a minute is over in a second."""

    def note_fault(self, element: str, link: str, fault: str, fields: dict[str, Any] | None) -> None:
        """For elements that others launch: all others keep their links, and how they are, while they are away."""
        noted = self._network.noted.setdefault(element, {}).setdefault(link, {})
        if fields is None:
            noted.pop(fault, None)
        else:
            noted[fault] = fields

    def host(self, element: str) -> VirtualHost:
        """An element's place in the network."""
        return self._network.host(element)

    async def settled(self) -> list[str]:
        return await settled(self._network, self._config)

    async def kill(self, element: str) -> None:
        await self.crash(element, hold=False)

    async def crash(self, element: str, *, hold: bool) -> None:
        host = self._network.hosts.get(element)
        if host is None:
            raise CallFailed(f"there is no element {element!r}")
        if host.parent is not None:
            if hold:
                raise CallFailed(f"{element} was launched by {host.parent.name}, which starts another one")
            await self._network.end(host)
            return
        if hold:
            self._held.add(element)
        if host.element is None:
            if hold:
                return
            raise CallFailed(f"{element} is down")
        await self._network.crash(element)
        self._restarts[element] = self._restarts.get(element, 0) + 1
        if not hold:
            await asyncio.sleep(DOWN_S)
            await self._revive(element)

    async def release(self, element: str) -> None:
        self._held.discard(element)
        await self._revive(element)

    async def _revive(self, element: str) -> None:
        if element not in self._held and self._network.hosts[element].element is None:
            await self._network.revive(element)

    def lags_ms(self) -> dict[str, float]:
        """Nobody is late on a clock that waits for all."""
        return {}

    def unix_s(self) -> float:
        return (EPOCH_NS + self._network.loop.now_ns) / SECOND

    def now_ns(self) -> int:
        return self._network.loop.now_ns

    async def journal(self) -> JournalStore:
        store = JournalStore(max_unfolded=sys.maxsize)  # it is read at once, and gone then
        store.extend({**record} for record in self._network.journal)
        return store


def play(config: World, seed: int, story: Callable[[Scene], Awaitable[Result]]) -> Result:
    """Bring the world up, run the story in it, take it down."""
    with tempfile.TemporaryDirectory(prefix="journey-") as name:
        directory = Path(name)
        furnish(config, directory)
        network = build(config, seed, directory)

        async def whole() -> Result:
            return await story(VirtualScene(network, config))

        return network.run(whole())
