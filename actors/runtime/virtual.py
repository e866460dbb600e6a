"""A world in one process on a clock that never waits: it jumps to the next thing that is due.

How this works. asyncio asks its selector to sleep until the next timer; ours does not sleep. Instead it delivers, in
order of their due times, the frames that arrive before that timer, sets the clock to each, and returns as soon as one
of them has made something runnable; else it sets the clock to the timer. Frames wait in a heap of tuples, not in
asyncio timers, because a hop is the thing that happens most. Ties are broken by the order of sending, and nothing
real (socket, thread, wall clock) can wake the loop: equal seeds give equal runs.
"""

import asyncio
import heapq
import selectors
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgpack
from pydantic import ValidationError

from actors.element import JOURNEY, CallFailed, Element, ElementConfig, TimerHandle, UnknownKind, load_kind
from actors.links.impairments import LinkConfig, Lost
from actors.links.port import LinkPort, Way
from actors.runtime.host import Host
from actors.units import SECOND
from actors.wire.baggage import journey_of

if TYPE_CHECKING:
    from aiohttp.web import Application

Result = TypeVar("Result")

EPOCH_NS = 1_767_225_600 * SECOND
"""When virtual worlds begin: 2026-01-01T00:00:00Z."""

CALL_LATENCY_S = 200e-6
"""Model time that a management call takes, there and back."""

LAUNCH_S = 5e-3
"""Model time from asking for a process to its being up."""


NO_DIRECTORY = Path("/dev/null/journey")
"""The run directory of worlds that have none: not there, and not to be made either."""

_FOREVER_NS = 1 << 62


class Deadlock(RuntimeError):
    """Nothing is left to happen, yet somebody waits."""


class _TimelessSelector(selectors.SelectSelector):
    """Instead of sleeping for a timeout it lets the loop's virtual time pass."""

    advance: Callable[[float | None], None]

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout > 0:
            self.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the model's; see the head of this file."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    """Both asyncio's own."""

    def __init__(self) -> None:
        selector = _TimelessSelector()
        selector.advance = self._advance
        super().__init__(selector)
        self.now_ns = 0
        self.frames = 0
        self._sent = 0
        self._arrivals: list[tuple[int, int, Callable[[str, bytes], None], str, bytes, str | None]] = []

    def time(self) -> float:
        return self.now_ns / 1e9

    def arrive_at(
        self,
        when_ns: int,
        deliver: Callable[[str, bytes], None],
        port: str,
        frame: bytes,
        journey: str | None,
    ) -> None:
        """Call `deliver(port, frame)` at that model time, as part of the journey."""
        self._sent += 1
        heapq.heappush(self._arrivals, (when_ns, self._sent, deliver, port, frame, journey))

    def _advance(self, timeout: float | None) -> None:
        arrivals, ready, scheduled = self._arrivals, self._ready, self._scheduled
        if timeout is None and not arrivals:
            raise Deadlock("nothing is left to happen, yet somebody waits")
        first, horizon_ns = None, _FOREVER_NS
        while not ready:
            if scheduled and scheduled[0] is not first:
                first = scheduled[0]
                horizon_ns = max(round(first.when() * 1e9), self.now_ns)
            if not arrivals or arrivals[0][0] > horizon_ns:
                # one more nanosecond, lest rounding leave the timer a hair in the future for ever
                self.now_ns = horizon_ns if horizon_ns > self.now_ns else horizon_ns + 1
                return
            when_ns, _, deliver, port, frame, journey = heapq.heappop(arrivals)
            if when_ns > self.now_ns:
                self.now_ns = when_ns
            self.frames += 1
            if journey is None:
                deliver(port, frame)
            else:
                token = JOURNEY.set(journey_of(journey))
                deliver(port, frame)
                JOURNEY.reset(token)
            if not arrivals and not scheduled:
                return


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

    @property
    def carrier(self) -> "VirtualHost":
        return self

    def way(self, port: LinkPort) -> Way:
        """The way from a port into the heap of what will arrive."""
        peer, peer_port, arrive_at = self._hosts[port.peer], port.peer_port, self._loop.arrive_at

        def carry(arrive_ns: int, journey: str | None, frame: bytes) -> None:
            if peer.element is None:
                raise Lost("no_carrier")
            arrive_at(arrive_ns, peer.deliver, peer_port, frame, journey)

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
        deliver = super().deliver

        def late(port: str, frame: bytes) -> None:
            if self._loop.now_ns < until_ns:
                self._loop.call_at(until_ns / 1e9, deliver, port, frame)
            else:
                deliver(port, frame)

        self.deliver = late  # type: ignore[method-assign]

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

    context = host

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
