"""One element in a process of its own, in real time.

How this works. The model's time is the machine's monotonic clock, which all processes share. A frame says when it is
due; one that comes too early waits in a heap until then. One that comes late, because the emulator was slow, is
handled *as of* the moment it was due: `now_ns()` says so while it is handled, and what is sent on leaves at that time.
Lag therefore does not add up along a path and does not enter the model's figures; it is measured beside them. Timers
are treated alike, for asyncio's are a millisecond coarse.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import zmq

from actors.bounds import QUEUEING_S
from actors.element import JOURNEY, TimerHandle
from actors.links.curve import Keys, keys_for
from actors.links.port import LinkPort
from actors.links.zeromq import ZeroMQCarrier
from actors.runtime.costs import Costs
from actors.runtime.host import Host
from actors.runtime.inbox import SLACK_NS, Inbox
from actors.runtime.management import LOOPBACK, ManagementListeners, reset
from actors.wire.baggage import journey_of

if TYPE_CHECKING:
    from aiohttp.web import Application

log = logging.getLogger("actors")


@dataclass(frozen=True)
class Doors:
    """What this process opens beside its inbox, and with which keys."""

    keys: Keys | None = None
    """For links over tcp."""
    address: str = LOOPBACK
    """Where real programs are served; in a container, whose network is its own, on every address."""
    ports: dict[str, int] = field(default_factory=dict)
    """Ports for what is served under a name, unless the element's config says one."""


class Management(Protocol):
    """The element's side of the management network: calls to others, and the journal's post."""

    async def call(self, element: str, verb: str, arguments: dict[str, Any]) -> Any: ...

    async def launch(
        self, name: str, kind: str, config: dict[str, Any], port: str, link: dict[str, Any]
    ) -> None: ...

    async def signal(self, name: str, number: int) -> None: ...

    def write(self, record: dict[str, Any]) -> None: ...

    def publish(self, name: str, url: str) -> None: ...


class ProcessHost(Host):
    """The host of the one element in this process."""

    def __init__(
        self,
        name: str,
        seed: int,
        directory: Path,
        unix_offset_ns: int,
        zmq_context: "zmq.Context[zmq.Socket[bytes]]",
        management: Management,
        doors: Doors = Doors(),
    ) -> None:
        super().__init__(name, seed, directory)
        self._loop = asyncio.get_running_loop()
        self._doors = doors
        self._carrier = ZeroMQCarrier(zmq_context, self._loop, self._secure)
        self._management = management
        self._listeners: ManagementListeners | None = None
        self._unix_offset_ns = unix_offset_ns
        self.frame_ns = 0
        self._floor_ns = 0
        self._loop_lag = self.metrics.histogram("journey_runtime_loop_lag_seconds", buckets=QUEUEING_S)
        self.inbox = Inbox(zmq_context, self, self._carrier, self.metrics)
        self.metrics.on_collect(self._collect)
        Costs(self.metrics)

    @property
    def carrier(self) -> ZeroMQCarrier:
        return self._carrier

    # ---- time -----------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        if self.frame_ns:
            return self.frame_ns
        now_ns = time.monotonic_ns()
        return now_ns if now_ns > self._floor_ns else self._floor_ns

    def lag_ns(self) -> int:
        return max(time.monotonic_ns() - self.frame_ns, 0) if self.frame_ns else 0

    def call_at(self, when_ns: int, callback: Callable[..., None], *args: Any) -> TimerHandle:
        """As for frames: the callback runs a little early or late, and as of the moment that it was set for."""
        return self._loop.call_at((when_ns - SLACK_NS // 2) / 1e9, self._ring, when_ns, callback, args)

    def _ring(self, when_ns: int, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        lag_ns = time.monotonic_ns() - when_ns
        self._loop_lag.observe(lag_ns / 1e9 if lag_ns > 0 else 0.0)
        self.frame_ns = when_ns
        try:
            callback(*args)
        finally:
            self.handled(when_ns)

    def note_loop_lag(self, lag_s: float) -> None:
        """Something that was set for a moment ran so much later."""
        self._loop_lag.observe(max(lag_s, 0.0))

    def unix_ns(self, now_ns: int | None = None) -> int:
        return self._unix_offset_ns + (self.now_ns() if now_ns is None else now_ns)

    # ---- frames ---------------------------------------------------------------------------------------------

    def bind(self, endpoint: str) -> str:
        """Open the socket that neighbours send to; where it is in the end. Nothing is handled before `listen`."""
        return self.inbox.bind(endpoint, self._doors.keys)

    def _secure(self, socket: "zmq.Socket[bytes]", endpoint: str) -> None:
        if (keys := keys_for(endpoint, self._doors.keys)) is not None:
            keys.call(socket, keys.elements)

    def connect(self, neighbour: str, endpoint: str) -> None:
        """A neighbour's inbox is there now."""
        self._carrier.connect(neighbour, endpoint)

    async def meet(self, timeout_s: float) -> None:
        """Wait until the ways to and from all neighbours are open, but not for long: some may be away."""
        neighbours = {port.peer for port in self.ports.values()}
        until_s = self._loop.time() + timeout_s
        here = 0
        while self._loop.time() < until_s:
            here += self.inbox.arrivals()
            if here >= len(neighbours) and not self._carrier.away():
                break
            await asyncio.sleep(0.002)
        self.inbox.forget_arrivals()

    def listen(self) -> None:
        """Begin to handle what neighbours send."""
        self.inbox.listen()

    def receiver(self) -> Callable[[str, bytes], None]:
        assert self.element is not None
        return self.deliver if self._parted else self.element.receiver()

    def deliver_marked(self, port: str, journey: str, frame: bytes) -> None:
        JOURNEY.set(journey_of(journey))
        try:
            self.record(
                "link.receive", link=self.ports[port].link, bytes=len(frame), lag_us=self.lag_ns() / 1000
            )
            self.deliver(port, frame)
        finally:
            JOURNEY.set(None)

    def failed(self, port: str, frame: bytes, error: Exception) -> None:
        self._errors.value += 1
        self.trouble(f"on_frame({port!r}, {len(frame)} bytes)", error)

    def handled(self, latest_ns: int) -> None:
        self.frame_ns = 0
        self._floor_ns = max(self._floor_ns, latest_ns)

    # ---- the rest of the context ----------------------------------------------------------------------------

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        return await self._management.call(element, verb, arguments)

    async def launch(
        self, name: str, kind: str, config: dict[str, Any], *, port: str, link: dict[str, Any]
    ) -> None:
        await self._management.launch(name, kind, config, port, link)

    async def signal(self, name: str, number: int) -> None:
        await self._management.signal(name, number)

    async def serve(
        self, name: str, app: "Application", *, certificate: str | None = None, port: int = 0
    ) -> str | None:
        address = await self._management_listeners().listen(
            app, certificate, port or self._doors.ports.get(name, 0)
        )
        self._management.publish(name, f"http{'' if certificate is None else 's'}://{address}")
        return address

    async def serve_tcp(
        self, name: str, make_protocol: Callable[[], asyncio.Protocol], *, port: int = 0, tries: int = 1
    ) -> str | None:
        port = port or self._doors.ports.get(name, 0)
        address = await self._management_listeners().listen_raw(make_protocol, port, tries)
        self._management.publish(name, address)
        return address

    def reset(self, transport: asyncio.Transport) -> None:
        reset(transport)

    async def serve_unix(self, name: str, make_protocol: Callable[[], asyncio.Protocol]) -> Path | None:
        path = self.directory / f"{name}.sock"
        await self._management_listeners().listen_unix(path, make_protocol)
        return path

    def _management_listeners(self) -> ManagementListeners:
        if self._listeners is None:
            self._listeners = ManagementListeners(self.directory, self._doors.address)
        return self._listeners

    def write(self, record: dict[str, Any]) -> None:
        self._management.write(record)

    def trouble(self, what: str, error: BaseException) -> None:
        log.error("%s: %s", self.name, what, exc_info=error)

    def attach(self, port: str, link: str, config: Any, peer: tuple[str, str], endpoint: str) -> LinkPort:
        """Plug in a link and open the way to the element at its other end."""
        self._carrier.connect(peer[0], endpoint)
        self.inbox.plug(link, port)
        return self.plug(port, link, config, peer)

    def child_ended(self, name: str, status: int) -> None:
        """An element that was launched from here has ended; its cable goes with it."""
        for port in [port for port in self.ports.values() if port.peer == name]:
            if port.up:
                self.set_carrier(port.name, False)
            del self.ports[port.name]
            self.inbox.unplug(port.link)
        self._carrier.disconnect(name)
        self._port_metrics.forget_container(name)
        if self.element is not None:
            self.element.on_exit(name, status)

    async def close(self) -> None:
        """Stop the element in order and let go of its sockets."""
        if self._listeners is not None:
            await self._listeners.close()
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(1):
                await self.stop()
        self.inbox.close()
        self._carrier.close()

    def _collect(self) -> None:
        self.metrics.counter("journey_runtime_undelivered_frames_total").value = self._carrier.lost()
