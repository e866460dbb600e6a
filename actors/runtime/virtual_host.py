"""An element's place in a virtual world: frames, timers, calls and processes, all within one loop."""

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgpack
from pydantic import ValidationError

from actors.element import CallFailed, TimerHandle, UnknownKind
from actors.links.impairments import Lost
from actors.links.port import LinkPort, Way
from actors.runtime.host import Host
from actors.units import SECOND

if TYPE_CHECKING:
    from aiohttp.web import Application

    from actors.runtime.virtual import VirtualNetwork

EPOCH_NS = 1_767_225_600 * SECOND
"""When virtual worlds begin: 2026-01-01T00:00:00Z."""

CALL_LATENCY_S = 200e-6
"""Model time that a management call takes, there and back."""

LAUNCH_S = 5e-3
"""Model time from asking for a process to its being up."""


class VirtualHost(Host):
    """An element on the virtual clock; it is its own carrier, into the loop's heap."""

    def __init__(self, name: str, network: "VirtualNetwork") -> None:
        super().__init__(name, network.seed, network.directory)
        self.parent: VirtualHost | None = None
        self.children: dict[str, VirtualHost] = {}
        self._network = network
        self._loop = network.loop
        self._hosts = network.hosts
        self._life = 0
        self._stalled_until_ns = 0
        self.take = self.deliver
        """What frames that arrive are given to; late ones first wait until the element has time again."""

    @property
    def carrier(self) -> "VirtualHost":
        return self

    def way(self, port: LinkPort) -> Way:
        """The way from a port into the heap of what will arrive."""
        peer, peer_port, arrive_at = self._hosts[port.peer], port.peer_port, self._loop.arrive_at

        def carry(arrive_ns: int, journey: str | None, frame: bytes) -> None:
            if peer.element is None:
                raise Lost("no_carrier")
            arrive_at(arrive_ns, peer.take, peer_port, frame, journey)

        return carry

    def now_ns(self) -> int:
        return self._loop.now_ns

    def unix_ns(self, now_ns: int | None = None) -> int:
        return EPOCH_NS + (self._loop.now_ns if now_ns is None else now_ns)

    def call_at(self, when_ns: int, callback: Callable[..., None], *args: Any) -> TimerHandle:
        return self._loop.call_at(when_ns / 1e9, self._ring, self._life, callback, args)

    def _ring(self, life: int, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        if life != self._life:
            return  # the timers of a killed element do not ring
        if self._loop.now_ns < self._stalled_until_ns:
            self._loop.call_at(self._stalled_until_ns / 1e9, self._ring, life, callback, args)
            return
        callback(*args)

    def stall(self, seconds: float) -> None:
        """As if its process got no time for so long: its timers and frames wait until then, and are late."""
        self._stalled_until_ns = until_ns = self._loop.now_ns + round(seconds * SECOND)

        def late(port: str, frame: bytes) -> None:
            if self._loop.now_ns < until_ns:
                self._loop.call_at(until_ns / 1e9, self.deliver, port, frame)
            else:
                self.deliver(port, frame)

        self.take = late

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        host = self._hosts.get(element)
        if host is None:
            raise CallFailed(f"there is no element {element!r}")
        sent = msgpack.packb(arguments)
        await asyncio.sleep(CALL_LATENCY_S)
        answer = host.spawn_answer(verb, msgpack.unpackb(sent))
        try:
            return msgpack.unpackb(msgpack.packb(await asyncio.shield(answer)))
        except asyncio.CancelledError:
            if answer.cancelled():
                raise CallFailed(f"{element} was killed") from None
            raise

    def spawn_answer(self, verb: str, arguments: dict[str, Any]) -> "asyncio.Task[Any]":
        """Answer a call in a task of this element's own: it dies with the element, not with who asked."""
        task = self._loop.create_task(self.answer(verb, arguments), name=f"{self.name}: {verb}")
        self._tasks.add(task)
        task.add_done_callback(self._answered)
        return task

    def _answered(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # is the caller's, who may be gone

    async def launch(
        self, name: str, kind: str, config: dict[str, Any], *, port: str, link: dict[str, Any]
    ) -> None:
        await asyncio.sleep(LAUNCH_S)
        try:
            child = self._network.add(name, kind, msgpack.unpackb(msgpack.packb(config)))
            self._network.link(f"{self.name}.{name}", (self.name, port), (name, "eth0"), **link)
        except (UnknownKind, ValidationError) as error:
            self._network.forget(name)
            raise CallFailed(f"{name} cannot be launched: {error}") from None
        child.parent, self.children[name] = self, child
        for link_name, faults in self._network.noted.get(name, {}).items():
            for fault, fields in faults.items():
                child.suffer(link_name, fault, fields)
        await self._network.bring_up(child)
        for one in (self, child):
            for mine in one.ports.values():
                if {one.name, mine.peer} == {self.name, name}:
                    one.set_carrier(mine.name, True)

    async def signal(self, name: str, number: int) -> None:
        if name not in self.children:
            raise CallFailed(f"{self.name} has launched no {name!r}")
        await asyncio.sleep(CALL_LATENCY_S)
        if name in self.children:
            await self._network.end(self.children[name], number)

    async def serve(
        self, name: str, app: "Application", *, certificate: str | None = None, port: int = 0
    ) -> str | None:
        return None

    async def die(self) -> None:
        """As by `kill -9`: all that the element was doing ends here, and so do those that it has launched."""
        self._life += 1
        self.element, self.ready = None, False
        for child in list(self.children.values()):
            await self._network.end(child, signal.SIGKILL)
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def write(self, record: dict[str, Any]) -> None:
        self._network.journal.append(record)

    def trouble(self, what: str, error: BaseException) -> None:
        error.add_note(f"in {self.name}: {what}, at {self._loop.time():.9f} s")
        self._network.troubles.append(error)
