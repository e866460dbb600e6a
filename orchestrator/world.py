"""A running world: its processes, its journal, and what can be asked of it."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import zmq

from actors.element import CallFailed, load_kind
from orchestrator import pki
from orchestrator.config import World as WorldConfig
from orchestrator.control.launching import Launcher
from orchestrator.control.registry import Registry
from orchestrator.control.supervision import Supervisor
from orchestrator.control.taps import Frame, Taps
from orchestrator.directory import WorldFailed, new_directory
from orchestrator.hosts.host import ElementHost
from orchestrator.hosts.local import HostFailed, LocalHost, allow_many_files
from orchestrator.journal.store import JournalStore
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.world_metrics import ORCHESTRATOR, WorldMetrics
from orchestrator.settling import settle, who_settles

if TYPE_CHECKING:
    from orchestrator.tools.doors import Doors
    from orchestrator.tools.laptop_doors import LaptopDoors

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
        self._registry.on_records = self._take_records
        self._registry.on_address = self.addresses.__setitem__
        self.numbers = WorldMetrics(config, self._registry, self.metrics, self.directory)
        self._supervisor = Supervisor(self._host, self._registry, self.journal.extend)
        self._host.attach(self._registry)
        self._taps = Taps(self._registry)
        self._end: asyncio.Task[None] | None = None
        self._doors: Doors | None = None
        self._laptop_doors: list[LaptopDoors] = []

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
            members = self._registry.members.values()
            waiting = ", ".join(
                f"{member.name} is {member.state}" for member in members if member.state != "up"
            )
            logs = self._last_words()
            await self.stop()
            what = str(error) or f"not up within {self._host.start_s:g} s: {waiting}"
            raise WorldFailed(f"the world did not start: {what}{logs}") from error
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self._host.launch()
        await self._host.warm_up(self._kinds())
        await asyncio.to_thread(pki.make_authority, self.directory, self.config.certificate_names())
        common = {
            "seed": self.seed,
            "directory": str(self.directory),
            "unix_offset_ns": time.time_ns() - time.monotonic_ns(),
        }
        if self._host.doors:
            common["doors"] = self._host.doors
        Launcher(self._registry, self._supervisor, common)
        for name, element in self.config.elements.items():
            welcome = {
                **common,
                "name": name,
                "kind": element.kind,
                "config": element.raw,
                "bind": self._host.inbox(name),
                "links": self._links_of(name),
            }
            self._registry.members.expect(name, element.kind, welcome)
        await self._host.ready()
        await self._supervisor.spawn_all()
        await self._registry.members.until("bound", "up")
        self._registry.go()
        await self._registry.members.until("up")
        kinds = {name: element.kind for name, element in self.config.elements.items()}
        self.unsettled = await settle(
            who_settles(kinds), lambda name: self.call(name, "settled"), asyncio.sleep
        )

    def _kinds(self) -> list[str]:
        """All kinds of elements that this world may have."""
        kinds = {element.kind for element in self.config.elements.values()}
        return sorted(kinds.union(*(load_kind(kind)[1].launches for kind in kinds)))

    def _links_of(self, element: str) -> list[dict[str, Any]]:
        links = []
        for name, link in self.config.links.items():
            ends = [tuple(end.split(".", 1)) for end in link.between]
            for (own, port), peer in zip(ends, reversed(ends), strict=True):
                if own == element:
                    links.append(
                        {
                            "port": port,
                            "link": name,
                            "config": link.model_dump(),
                            "peer": list(peer),
                            "endpoint": "" if self._host.keys else self._host.inbox(peer[0]),
                        }
                    )
        return links

    async def stop(self) -> None:
        """Take everything down and leave nothing behind. Does nothing the second time."""
        if self._stopping:
            return
        self._stopping = True
        self._supervisor.stop()
        if self._doors is not None:
            await self._doors.close()
        for doors in self._laptop_doors:
            await doors.close()
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

    async def serve_dns(self, address: str | None = None) -> None:
        """Let real programs ask the DNS servers of this world, the resolver at `HOST:PORT`; see `tools.doors`.

        The addresses are published as `dns` and `dns.<element>`. Raises `PortTaken`."""
        from orchestrator.tools.doors import Doors, who_answers

        self._doors = Doors(self.call)
        where = await self._doors.open(who_answers(self.config.elements), address)
        for element, place in where.items():
            self.addresses.setdefault("dns", place)
            self.addresses[f"dns.{element}"] = place

    async def serve_clients(
        self,
        ingress: str | None = None,
        proxy: str | None = None,
        *,
        page: str | None = None,
        others: bool = True,
    ) -> None:
        """Let real programs walk in as the first laptop, at `HOST:PORT`, and as those that have `doors` in the world
        file, unless `others` are not wanted; None is the usual port or the next free one.

        `page` is where a journey's id is looked at, if that is not the usual place: a URL that the id is put behind.
        The addresses are published as `ingress` and `proxy`, and `ingress.<laptop>` of others; see
        `tools.laptop_doors`. Raises `PortTaken`."""
        from orchestrator.tools.laptop_doors import INGRESS, PAGE, PROXY, LaptopDoors, of_laptop

        laptops = {name: spec.config for name, spec in self.config.elements.items() if spec.kind == "laptop"}
        for number, (laptop, config) in enumerate(list(laptops.items())[: None if others else 1]):
            told: Any = getattr(config, "doors", None)
            places = (
                of_laptop(INGRESS, told and told.http, ingress, number == 0),
                of_laptop(PROXY, told and told.proxy, proxy, number == 0),
            )
            if places == (None, None):
                continue
            whose = f".{laptop}" if number else ""
            doors = LaptopDoors(self.call, self.until_up, laptop, self.config.url, page or PAGE, whose)
            self._laptop_doors.append(doors)
            for name, place in (await doors.open(*places)).items():
                self.addresses[f"{name}{whose}"] = place

    async def wait(self) -> None:
        """Until the world has ended."""
        await self.ended.wait()

    def _lost_host(self) -> None:
        if not self._stopping:
            self.why = "the fork server has died, and all elements with it"
            log.error("%s", self.why)
            self._end = asyncio.get_running_loop().create_task(self.stop())

    def _last_words(self) -> str:
        words = []
        for path in sorted((self.directory / "logs").glob("*.log")):
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").strip().splitlines()
                if lines and not path.name.endswith(".access.log"):
                    words.append(f"\n  {path.name}: {lines[-1]}")
        return "".join(words)

    # ---- what can be asked of it -----------------------------------------------------------------------------------

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        """Ask an element. Raises `CallFailed`."""
        return await self._registry.calls.call(element, verb, arguments)

    def pod_of(self, element: str) -> str:
        """The `namespace/name` of the pod that an element is. Raises `CallFailed` or KeyError if it is none."""
        return str(self._registry.members.find(element).welcome["config"]["pod"])

    async def until_up(self, element: str, up: bool = True) -> None:
        """Wait until this element is up, again if need be, or is not. Raises `CallFailed` for an unknown one."""
        member = self._registry.members.find(element)
        while (member.state == "up") != up:
            member.changed.clear()
            await member.changed.wait()

    def kill(self, element: str, number: int = signal.SIGKILL) -> int:
        """Send an element's process a signal; returns its process id. Raises `CallFailed` if there is none."""
        return self._supervisor.kill(element, number)

    def hold(self, element: str) -> None:
        """End an element's process with SIGKILL, and start it again only when it is released. Raises `CallFailed`."""
        member = self._registry.members.find(element)
        if member.parent is not None:
            raise CallFailed(
                f"{element} was launched by {member.parent}, which starts another one when it likes"
            )
        member.held = True
        if member.state != "down":
            self._supervisor.kill(element, signal.SIGKILL)

    def release(self, element: str) -> None:
        """Start an element again that is held down."""
        self._supervisor.release(element)

    def link_ends(self) -> dict[str, list[str]]:
        """The elements at the ends of each link."""
        return self._registry.members.link_ends()

    def link_delay_ns(self, link: str) -> int:
        """The delay that a link has of its own; 0 for one that is not there."""
        return self._registry.members.link_delay_ns(link)

    def note_fault(self, element: str, link: str, fault: str, fields: dict[str, Any] | None) -> None:
        """Have an element begin with a fault of a link when it is started again, or no longer (None)."""
        faults = self._registry.members.faults_of(element).setdefault(link, {})
        if fields is None:
            faults.pop(fault, None)
        else:
            faults[fault] = fields

    def ps(self) -> dict[str, Any]:
        """Every element with its process and state, the addresses that the world listens on, and its directory."""
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
                for member in self._registry.members.values()
            ],
            "addresses": self.addresses,
            "url": self.config.url,
            "directory": str(self.directory),
        }

    def links(self) -> list[str]:
        """Every link: those of the world's file, and those to elements that others have launched."""
        return self._registry.members.links()

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
