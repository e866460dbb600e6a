"""A running world: its processes, its journal, and what can be asked of it."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import zmq

from actors.element import CallFailed
from orchestrator import pki
from orchestrator.config import World as WorldConfig
from orchestrator.control.launching import Launcher
from orchestrator.control.registry import Registry
from orchestrator.control.supervision import Supervisor
from orchestrator.control.taps import Frame, Taps
from orchestrator.control.welcoming import common_welcome, kinds_within, welcome
from orchestrator.directory import WorldFailed, last_words, new_directory
from orchestrator.hosts.host import ElementHost
from orchestrator.hosts.local import HostFailed, LocalHost, allow_many_files
from orchestrator.journal.store import JournalStore
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.world_metrics import ORCHESTRATOR, WorldMetrics
from orchestrator.settling import settle, who_settles
from orchestrator.tools.world_doors import WorldDoors

log = logging.getLogger("orchestrator")

OPERATED = frozenset(
    {
        "operator.scale",
        "operator.rollout",
        "operator.cordon",
        "operator.uncordon",
        "operator.drain",
        "operator.set",
    }
    | {"fault.added", "fault.changed", "fault.ended"}
)
"""Kinds of events that tell what people do to a world: those of the API server, and the orchestrator's own."""


class World:
    """Brings a world up, watches over it and takes it down. Lives in the running event loop."""

    def __init__(
        self, config: WorldConfig, host: ElementHost | None = None, *, seed: int | None = None
    ) -> None:
        """`host` may have been launched already; its directory becomes the world's."""
        self._host: ElementHost = host or LocalHost(new_directory())
        self.config = config
        self.seed = config.seed if seed is None else seed
        self.directory = self._host.directory
        self.journal = JournalStore(self.directory)
        self.metrics = Ledger()
        self.addresses: dict[str, str] = {}
        self.ended = asyncio.Event()
        self.why = ""
        self.unsettled: list[str] = []
        """Elements that had not reached what they want when patience was at its end."""
        self.on_operator: Callable[[dict[str, Any]], None] = lambda record: None
        """Is told what people do to the world, `OPERATED` of the journal, when it is done."""
        self._stopping = False
        self._zmq: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        allow_many_files()
        self._host.on_loss = self._lost_host
        self._registry = Registry(self._zmq, self._host.control, self._host.keys)
        self.members = self._registry.members
        self._registry.on_records = self._take_records
        self._registry.on_address = self.addresses.__setitem__
        self.numbers = WorldMetrics(config, self._registry, self.metrics, self.directory)
        self.supervisor = Supervisor(self._host, self._registry, self.journal.extend)
        self._host.attach(self._registry)
        self.doors = WorldDoors(config, self.call, self.until_up, self.addresses)
        self._taps = Taps(self._registry)
        self._end: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "World":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    # ---- what people do ---------------------------------------------------------------------------------------

    def operated(self, kind: str, element: str = ORCHESTRATOR, **fields: Any) -> None:
        """Somebody has done something to the world that no element could tell of: an event of the journal."""
        record = {"t_ns": time.monotonic_ns(), "element": element, "kind": kind, "journey": None}
        self._take_records([{**record, **fields}])

    def _take_records(self, records: list[dict[str, Any]]) -> None:
        self.journal.extend(records)
        for record in records:
            if record["kind"] in OPERATED:
                self.on_operator(record)

    # ---- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start every element and wait until all are up. Raises `WorldFailed`, and leaves nothing behind then."""
        try:
            async with asyncio.timeout(self._host.start_s):
                await self._start()
        except (CallFailed, HostFailed, OSError, zmq.ZMQError, TimeoutError) as error:
            late = [member for member in self.members.values() if member.state != "up"]
            waiting = ", ".join(f"{member.name} is {member.state}" for member in late)
            logs = last_words(self.directory)
            await self.stop()
            what = str(error) or f"not up within {self._host.start_s:g} s: {waiting}"
            raise WorldFailed(f"the world did not start: {what}{logs}") from error
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self._host.launch()
        await self._host.warm_up(kinds_within(self.config))
        await asyncio.to_thread(pki.make_authority, self.directory, self.config.certificate_names())
        common = common_welcome(self.seed, self._host)
        Launcher(self._registry, self.supervisor, common)
        for name, element in self.config.elements.items():
            self.members.expect(name, element.kind, welcome(name, self.config, self._host, common))
        await self._host.ready()
        await self.supervisor.spawn_all()
        await self.members.until("bound", "up")
        self._registry.go()
        await self.members.until("up")
        kinds = {name: element.kind for name, element in self.config.elements.items()}
        self.unsettled = await settle(
            who_settles(kinds), lambda name: self.call(name, "settled"), asyncio.sleep
        )

    async def stop(self) -> None:
        """Take everything down and leave nothing behind. Does nothing the second time."""
        if self._stopping:
            return
        self._stopping = True
        self.supervisor.stop()
        await self.doors.close()
        await self.numbers.stop()
        await self._host.close()
        self._registry.close()
        self._zmq.term()
        self.journal.close()
        self._host.abandon()
        self.ended.set()

    async def export(self, address: str | None = None) -> None:
        """Serve metrics to Prometheus at `HOST:PORT`; None is 127.0.0.1:9464, or the next free port with a warning.

        The address is published as `metrics`. Raises `PortTaken`."""
        self.addresses["metrics"] = await self.numbers.export(address)

    async def wait(self) -> None:
        """Until the world has ended."""
        await self.ended.wait()

    def _lost_host(self) -> None:
        if not self._stopping:
            self.why = "the fork server has died, and all elements with it"
            log.error("%s", self.why)
            self._end = asyncio.get_running_loop().create_task(self.stop())

    # ---- what can be asked of it -----------------------------------------------------------------------------------

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        """Ask an element. Raises `CallFailed`."""
        return await self._registry.calls.call(element, verb, arguments)

    async def until_up(self, element: str, up: bool = True) -> None:
        """Wait until this element is up, again if need be, or is not. Raises `CallFailed` for an unknown one."""
        await self.members.find(element).until_up(up)

    def kill(self, element: str, number: int = signal.SIGKILL) -> int:
        """Send an element's process a signal; returns its process id. Raises `CallFailed` if there is none."""
        return self.supervisor.kill(element, number)

    def ps(self) -> dict[str, Any]:
        """Every element with its process and state, the world's addresses, its run directory, and where its CA lies."""
        return {
            "world": self.config.name,
            "elements": [
                {
                    "name": member.name,
                    "kind": member.kind,
                    **self._host.told(member.pid),
                    "state": member.shown_state,
                    "restarts": member.restarts,
                }
                for member in self.members.values()
            ],
            "addresses": self.addresses,
            "url": self.config.url,
            "directory": str(self.directory),
            "ca": str(self.directory / "ca.pem"),
        }

    def links(self) -> list[str]:
        """Every link: those of the world's file, and those to elements that others have launched."""
        return self.members.links()

    def malformed_control(self) -> int:
        """Messages on the control socket that were junk."""
        return self._registry.malformed

    async def settle(self, journey: str | None = None) -> None:
        """Wait until everything that has been recorded so far is in the journal."""
        await self._registry.flush()

    def capture(
        self, links: list[str] | None, write: Callable[[Frame], None]
    ) -> AbstractAsyncContextManager[None]:
        """While this lasts, `write` sees every frame that is sent on these links (None: on all)."""
        return self._taps.capture(links, write)
