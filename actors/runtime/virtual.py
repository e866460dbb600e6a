"""A world in one process on a virtual clock: the clock is `virtual_loop.py`, an element's place `virtual_host.py`."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from actors.element import CallFailed, Element, ElementConfig, load_kind
from actors.links.impairments import LinkConfig
from actors.runtime.host import Host
from actors.runtime.virtual_host import VirtualHost
from actors.runtime.virtual_loop import VirtualLoop

Result = TypeVar("Result")

NO_DIRECTORY = Path("/dev/null/journey")
"""The run directory of worlds that have none: not there, and not to be made either."""


class VirtualNetwork:
    """Elements and the links between them, in this process, on a virtual clock.

    An element that raises where it must not ends the run: its error is raised by `run`.
    """

    def __init__(self, seed: int = 0, directory: Path | None = None) -> None:
        self.seed = seed
        self.directory = directory or NO_DIRECTORY
        self.loop = VirtualLoop()
        self.hosts: dict[str, VirtualHost] = {}
        self.journal: list[dict[str, Any]] = []
        self.troubles: list[BaseException] = []
        self.noted: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        """Faults that elements begin with: by element, link and id."""
        self._makers: dict[str, Callable[[Host], Element]] = {}

    def add(self, name: str, kind: str, config: ElementConfig | dict[str, Any] | None = None) -> VirtualHost:
        """Add an element of a kind (`isp_as`), with its config as the world's YAML would say it."""
        config_class, element_class = load_kind(kind)
        checked = config if isinstance(config, ElementConfig) else config_class.model_validate(config or {})
        return self.add_element(name, lambda context: element_class(checked, context))

    def add_element(self, name: str, make: Callable[[Host], Element]) -> VirtualHost:
        """Add an element that `make(context)` makes when the network starts."""
        if name in self.hosts:
            raise CallFailed(f"there is an element {name!r} already")
        self.hosts[name] = VirtualHost(name, self)
        self._makers[name] = make
        return self.hosts[name]

    def link(self, name: str, one: tuple[str, str], other: tuple[str, str], **config: Any) -> None:
        """Join two ports; further arguments as in the config: `delay="1ms", loss="1%", rate="10mbit", mtu=9001`."""
        between = (".".join(one), ".".join(other))
        self.join(name, one, other, LinkConfig.model_validate({"between": between, **config}))

    def join(self, name: str, one: tuple[str, str], other: tuple[str, str], config: LinkConfig) -> None:
        """Join two ports by a link with a checked config."""
        self.hosts[one[0]].plug(one[1], name, config, other)
        self.hosts[other[0]].plug(other[1], name, config, one)

    def host(self, name: str) -> VirtualHost:
        return self.hosts[name]

    def element(self, name: str) -> Any:
        return self.hosts[name].element

    def run(self, story: Coroutine[Any, Any, Result], *, limit_s: float = 86_400) -> Result:
        """Bring all elements up, run the story to its end, bring them down; raises what went wrong in any of them."""
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(self._run(story, limit_s))
        finally:
            self._finish()

    def _finish(self) -> None:
        leftover = asyncio.all_tasks(self.loop)
        for task in leftover:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*leftover, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        self.loop.close()

    async def _run(self, story: Coroutine[Any, Any, Result], limit_s: float) -> Result:
        try:
            await self.start()
            async with asyncio.timeout(limit_s):
                result = await story
        finally:
            story.close()
            await self.stop()
            if self.troubles:
                raise self.troubles[0]
        return result

    async def start(self) -> None:
        """Bring up all elements side by side."""
        hosts = list(self.hosts.values())
        for host in hosts:
            host.make(self._makers[host.name])
        await asyncio.gather(*(host.start() for host in hosts))

    async def stop(self) -> None:
        for host in list(self.hosts.values()):
            await host.stop()

    async def bring_up(self, host: VirtualHost) -> None:
        """Make and start an element while the others run."""
        host.make(self._makers[host.name])
        await host.start()

    def forget(self, name: str) -> None:
        """The element is no longer there, nor are the links to it."""
        host = self.hosts.pop(name, None)
        self._makers.pop(name, None)
        for port in host.ports.values() if host else ():
            if (peer := self.hosts.get(port.peer)) is not None:
                peer.ports.pop(port.peer_port, None)

    async def end(self, host: VirtualHost, number: int = signal.SIGKILL) -> None:
        """End a launched element: at once by SIGKILL, in order by any other signal; its parent is told."""
        if self.hosts.get(host.name) is not host:
            return
        if number != signal.SIGKILL:
            await host.stop()
        await host.die()
        parent = host.parent
        if parent is not None and parent.children.pop(host.name, None) is not None:
            for port in list(host.ports.values()):
                if port.peer == parent.name and port.peer_port in parent.ports:
                    parent.set_carrier(port.peer_port, False)
            self.forget(host.name)
            parent._port_metrics.forget_container(host.name)
            if parent.element is not None:
                parent.element.on_exit(host.name, 0 if number != signal.SIGKILL else -number)
        else:
            self.forget(host.name)

    async def crash(self, name: str) -> None:
        """As `kill -9` of an element's process: whoever it was linked to sees its carrier go."""
        await self.hosts[name].die()
        self._tell_peers(name, False)

    async def revive(self, name: str) -> None:
        """Bring up an element that has crashed; it has lost all that it knew."""
        host = self.hosts[name]
        for port in host.ports.values():
            port.inhabited = self.hosts[port.peer].element is not None
            port.up = port.inhabited and not port.impairments.down
        host.make(self._makers[name])
        self._tell_peers(name, True)
        await host.start()

    def _tell_peers(self, name: str, up: bool) -> None:
        for port in list(self.hosts[name].ports.values()):
            peer = self.hosts.get(port.peer)
            if peer is not None and port.peer_port in peer.ports:
                peer.set_carrier(port.peer_port, up)

    def restart(self, name: str) -> Coroutine[Any, Any, None]:
        """As after `kill -9`: the element loses all it knew and comes up again."""
        return self._restart(self.hosts[name])

    async def _restart(self, host: VirtualHost) -> None:
        await host.die()
        await self.bring_up(host)
