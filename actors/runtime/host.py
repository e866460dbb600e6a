"""One element, wherever it runs: its ports, its journal, its numbers; real and virtual hosts add clock and carrier."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from actors.element import JOURNEY, CallFailed, Context, Element, TimerHandle
from actors.links.impairments import Impairments, LinkConfig, LinkFault
from actors.links.port import Carrier, LinkPort
from actors.runtime.metrics import MetricStore
from actors.runtime.port_metrics import PortMetrics
from actors.wire.summary import summary

log = logging.getLogger("actors")


def dice_for(seed: int, *names: str) -> Random:
    """The dice of one user of chance: equal seeds and names give equal throws, whatever others do."""
    return Random("\0".join((str(seed), *names)))


class Host(Context):
    """The `Context` of one element, and the runtime's handle on it."""

    ports: dict[str, LinkPort]
    metrics: MetricStore
    frame_ns = 0
    came_by = ""

    def __init__(self, name: str, seed: int, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.random = dice_for(seed, name)
        self.metrics = MetricStore()
        self.ports = {}
        self.element: Element | None = None
        self.ready = False
        self._seed = seed
        self._faults: dict[str, dict[str, LinkFault]] = {}
        self._parted = False
        """Whether a partition runs through this element: then every frame's way is watched."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errors = self.metrics.counter("journey_runtime_element_errors_total")
        self._port_metrics = PortMetrics(self.metrics)
        self.metrics.on_collect(self._collect_ports)

    # ---- what the two kinds of host do differently --------------------------------------------------------

    @property
    @abstractmethod
    def carrier(self) -> Carrier:
        """What moves the frames of this host's ports."""

    @abstractmethod
    def write(self, record: dict[str, Any]) -> None:
        """Add a record to the world's journal."""

    @abstractmethod
    def trouble(self, what: str, error: BaseException) -> None:
        """The element raised where it must not."""

    # ---- life ----------------------------------------------------------------------------------------------

    def plug(self, port: str, link: str, config: LinkConfig, peer: tuple[str, str]) -> LinkPort:
        """Plug a link into a port."""
        impairments = Impairments(config, dice_for(self._seed, "link", link, self.name))
        self.ports[port] = LinkPort(
            self.name, port, link, peer, config.mtu, impairments, self.carrier, self
        )  # fmt: skip
        if self._faults.get(link):  # the cable to an element that was launched anew, say
            self._let_suffer(link)
        return self.ports[port]

    def suffer(self, link: str, fault: str, fields: dict[str, Any] | None) -> None:
        """Make a link worse (`fields` as `LinkFault` has them), or end that fault (None). Raises `CallFailed`.

        What is sent from here is affected; the element at the other end is told the same."""
        if all(port.link != link for port in self.ports.values()):
            raise CallFailed(f"{self.name} has no link {link!r}")
        faults = self._faults.setdefault(link, {})
        if fields is None:
            faults.pop(fault, None)
        else:
            try:
                faults[fault] = LinkFault.model_validate(fields)
            except ValidationError as error:
                raise CallFailed(
                    f"{self.name}: {link}: {error.errors(include_url=False)[0]['msg']}"
                ) from None
        self._let_suffer(link)

    def _let_suffer(self, link: str) -> None:
        for port in [port for port in self.ports.values() if port.link == link]:
            port.impairments.suffer(self._faults[link].values())
            port.look()
            if port.up != self._has_carrier(port):
                self._tell_carrier(port)
        self._parted = any(port.impairments.parts_from for port in self.ports.values())

    def make(self, make: Callable[["Host"], Element]) -> None:
        """Make the element. From now on it takes frames."""
        self.element = make(self)
        for port in self.ports.values():
            if not port.up:
                self.element.on_link(port.name, False)

    async def start(self) -> None:
        """Bring the element up."""
        assert self.element is not None
        await self.element.start()
        self.ready = True

    async def stop(self) -> None:
        self.ready = False
        if self.element is not None:
            await self.element.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def set_carrier(self, port: str, up: bool) -> None:
        """The element at the other end of the link has gone or come back."""
        self.ports[port].inhabited = up
        self._tell_carrier(self.ports[port])

    def _has_carrier(self, port: LinkPort) -> bool:
        return port.inhabited and not port.impairments.down

    def _tell_carrier(self, port: LinkPort) -> None:
        was_up, port.up = port.up, self._has_carrier(port)
        if port.up != was_up:
            self.event("link.up" if port.up else "link.down", link=port.link, port=port.name)
        if self.element is not None:
            self.element.on_link(port.name, port.up)

    def deliver(self, port: str, frame: bytes) -> None:
        """Give the element a frame; an element that fails on it drops it, loudly.

        One that was killed while the frame was on its way gets nothing."""
        if self.element is None:
            return
        if self._parted:
            self.came_by = self.ports[port].link
        try:
            self.element.on_frame(port, frame)
        except Exception as error:
            self._errors.value += 1
            self.trouble(f"on_frame({port!r}, {len(frame)} bytes)", error)
        self.came_by = ""

    async def answer(self, verb: str, arguments: dict[str, Any]) -> Any:
        """Carry out a management call; `inspect`, `metrics`, `link_fault` are every element's. Raises `CallFailed`."""
        if verb == "link_fault":
            return self.suffer(**arguments)
        if not self.ready or self.element is None:
            raise CallFailed(f"{self.name} is not up yet")
        if verb == "inspect":
            return self.element.inspect()
        if verb == "metrics":
            return self.metrics.values()
        try:
            return await self.element.on_call(verb, arguments)
        except CallFailed:
            raise
        except Exception as error:
            self._errors.value += 1
            self.trouble(f"on_call({verb!r})", error)
            raise CallFailed(f"{self.name}: {verb}: {type(error).__name__}: {error}") from error

    # ---- what the element may ask for ----------------------------------------------------------------------

    def call_at(self, when_ns: int, callback: Callable[..., None], *args: Any) -> TimerHandle:
        return asyncio.get_running_loop().call_at(when_ns / 1e9, callback, *args)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.value += 1
            self.trouble(f"task {task.get_name()!r}", error)

    def record(self, kind: str, /, *, journey: str | None = None, **fields: Any) -> None:
        journey = journey or JOURNEY.get()
        if journey is not None:
            told = {"t_ns": self.now_ns(), "element": self.name, "kind": kind, "journey": str(journey)}
            self.write({**told, **fields})

    def event(self, kind: str, /, **fields: Any) -> None:
        current = JOURNEY.get()
        journey = None if current is None else str(current)  # the id, without what its mark carries
        self.write({"t_ns": self.now_ns(), "element": self.name, "kind": kind, "journey": journey, **fields})

    # ---- what the ports ask for ----------------------------------------------------------------------------

    def saw_frame(self, port: LinkPort, depart_ns: int, arrive_ns: int, queued_ns: int, frame: bytes) -> None:
        self.record(
            "link.transmit",
            link=port.link,
            to=port.peer,
            bytes=len(frame),
            depart_ns=depart_ns,
            arrive_ns=arrive_ns,
            queued_us=queued_ns / 1000,
            packet=summary(frame),
        )

    def saw_drop(self, port: LinkPort, depart_ns: int, reason: str, frame: bytes) -> None:
        self.record("link.drop", link=port.link, reason=reason, packet=summary(frame))

    def _collect_ports(self) -> None:
        self._port_metrics.collect(self.ports.values(), self.now_ns())
