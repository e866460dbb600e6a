"""A running world: its processes, its journal, and what can be asked of it."""

import asyncio
import contextlib
import logging
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import zmq

from actors.element import CallFailed
from orchestrator import pki
from orchestrator.config import World as WorldConfig
from orchestrator.control.registry import Member, Registry
from orchestrator.directory import WorldFailed, new_directory
from orchestrator.hosts.local import HostFailed, LocalHost
from orchestrator.journal.store import JournalStore
from orchestrator.metrics.ledger import Ledger

log = logging.getLogger("orchestrator")

START_S = 20.0
LONGEST_PAUSE_S = 5.0
"""Between restarts of an element that does not even come up; one that was up is started again at once."""

Frame = tuple[str, str, int, bytes, str | None]
"""A captured frame: `(link, sending element, departure in ns, frame, journey)`."""


class World:
    """Brings a world up, watches over it and takes it down. Lives in the running event loop."""

    def __init__(self, config: WorldConfig, directory: Path | None = None, seed: int | None = None) -> None:
        self.config = config
        self.seed = config.seed if seed is None else seed
        self.directory = directory or new_directory()
        self.journal = JournalStore(self.directory)
        self.metrics = Ledger()
        self.addresses: dict[str, str] = {}
        self.ended = asyncio.Event()
        self.why = ""
        self._host = LocalHost(self.directory)
        self._zmq: zmq.Context[zmq.Socket[bytes]] | None = None
        self._registry: Registry | None = None
        self._stopping = False
        self._pids: dict[int, Member] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taps: list[tuple[list[str] | None, Callable[[Frame], None]]] = []

    async def __aenter__(self) -> "World":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    # ---- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start every element and wait until all are up. Raises `WorldFailed`, and leaves nothing behind then."""
        try:
            async with asyncio.timeout(START_S):
                await self._start()
        except (CallFailed, HostFailed, OSError, zmq.ZMQError, TimeoutError) as error:
            waiting = ", ".join(f"{m.name} is {m.state}" for m in self._members() if m.state != "up")
            logs = self._last_words()
            await self.stop()
            what = str(error) or f"not up within {START_S:g} s: {waiting}"
            raise WorldFailed(f"the world did not start: {what}{logs}") from error
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self._host.on_exit, self._host.on_loss = self._exited, self._lost_host
        self._host.launch(sorted({element.kind for element in self.config.elements.values()}))
        await asyncio.to_thread(pki.make_authority, self.directory, self.config.certificate_names())
        self._zmq = zmq.Context()
        self._registry = Registry(self._zmq, f"ipc://{self.directory}/control.sock")
        self._registry.on_records = self.journal.extend
        self._registry.on_metrics = self.metrics.add
        self._registry.on_frames = self._captured
        self._registry.on_join = self._joined
        unix_offset_ns = time.time_ns() - time.monotonic_ns()
        for name, element in self.config.elements.items():
            welcome = {
                "name": name,
                "kind": element.kind,
                "config": element.raw,
                "seed": self.seed,
                "directory": str(self.directory),
                "unix_offset_ns": unix_offset_ns,
                "bind": self._endpoint(name),
                "links": self._links_of(name),
            }
            self._registry.expect(name, element.kind, welcome)
        await self._host.ready()
        await asyncio.gather(*(self._spawn(member) for member in self._members()))
        await self._registry.until("bound", "up")
        self._registry.go()
        await self._registry.until("up")

    def _endpoint(self, element: str) -> str:
        return f"ipc://{self.directory}/links/{element}"

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
                            "endpoint": self._endpoint(peer[0]),
                        }
                    )
        return links

    async def _spawn(self, member: Member) -> None:
        assert self._registry is not None
        pid = await self._host.spawn(member.name, self._registry.address)
        self._pids[pid] = member
        member.pid = pid

    def _members(self) -> list[Member]:
        return list(self._registry.members.values()) if self._registry else []

    async def stop(self) -> None:
        """Take everything down and leave nothing behind. Does nothing the second time."""
        if self._stopping:
            return
        self._stopping = True
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await self._host.close()
        if self._registry is not None:
            self._registry.close()
        if self._zmq is not None:
            self._zmq.term()
        self.journal.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.ended.set()

    async def wait(self) -> None:
        """Until the world has ended."""
        await self.ended.wait()

    # ---- supervision --------------------------------------------------------------------------------------------

    def _exited(self, pid: int, status: int) -> None:
        member = self._pids.pop(pid, None)
        if member is None or self._stopping:
            return
        assert self._registry is not None
        how = (
            f"was killed by {signal.Signals(-status).name}"
            if status < 0
            else f"ended with exit code {status}"
        )
        was = member.state
        self._registry.gone(member, how)
        self.journal.extend([self._event("element.exit", element=member.name, how=how)])
        if was == "failed" and not member.restarts:
            member.become("failed")
            return
        member.restarts += 1
        member.stumbles = 0 if was == "up" else member.stumbles + 1
        self._run(
            self._restart(member, min(0.1 * 2**member.stumbles, LONGEST_PAUSE_S) if member.stumbles else 0.0)
        )

    async def _restart(self, member: Member, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await self._spawn(member)
        self.journal.extend([self._event("element.restart", element=member.name, restarts=member.restarts)])

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"t_ns": time.monotonic_ns(), "kind": kind, "journey": None, **fields}

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lost_host(self) -> None:
        if not self._stopping:
            self.why = "the fork server has died, and all elements with it"
            log.error("%s", self.why)
            self._run(self.stop())

    def _last_words(self) -> str:
        words = []
        for path in sorted((self.directory / "logs").glob("*.log")):
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").strip().splitlines()
                if lines:
                    words.append(f"\n  {path.name}: {lines[-1]}")
        return "".join(words)

    # ---- what can be asked of it -----------------------------------------------------------------------------------

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        """Ask an element. Raises `CallFailed`."""
        assert self._registry is not None
        return await self._registry.call(element, verb, arguments)

    async def until_up(self, element: str) -> None:
        """Wait until this element is up, again if need be. Raises `CallFailed` for an unknown one."""
        assert self._registry is not None
        member = self._registry.member(element)
        while member.state != "up":
            member.changed.clear()
            await member.changed.wait()

    def kill(self, element: str, number: int = signal.SIGKILL) -> int:
        """Send an element's process a signal; returns its process id. Raises `CallFailed` if there is none."""
        assert self._registry is not None
        member = self._registry.member(element)
        if member.state == "down" or not member.pid:
            raise CallFailed(f"{element} is {member.state}")
        self._host.kill(member.pid, number)
        return member.pid

    def ps(self) -> dict[str, Any]:
        """Every element with its process and state, the addresses that the world listens on, and its directory."""
        return {
            "world": self.config.name,
            "elements": [
                {
                    "name": member.name,
                    "kind": member.kind,
                    "pid": member.pid,
                    "state": member.shown_state,
                    "restarts": member.restarts,
                }
                for member in self._members()
            ],
            "addresses": self.addresses,
            "directory": str(self.directory),
        }

    def malformed_control(self) -> int:
        """Messages on the control socket that were junk."""
        assert self._registry is not None
        return self._registry.malformed

    async def settle(self, journey: str | None = None) -> None:
        """Wait until everything that has been recorded so far is in the journal."""
        assert self._registry is not None
        await self._registry.flush()

    @contextlib.asynccontextmanager
    async def capture(self, links: list[str] | None, write: Callable[[Frame], None]) -> AsyncIterator[None]:
        """While this lasts, `write` sees every frame that is sent on these links (None: on all)."""
        assert self._registry is not None
        tap = (links, write)
        self._taps.append(tap)
        self._set_taps()
        await self._registry.flush()
        try:
            yield
        finally:
            await self._registry.flush()
            self._taps.remove(tap)
            self._set_taps()

    def _set_taps(self) -> None:
        for member in self._members():
            self._set_tap(member)

    def _set_tap(self, member: Member) -> None:
        assert self._registry is not None
        everything = any(links is None for links, _ in self._taps)
        wanted = None if everything else sorted({link for links, _ in self._taps for link in links or ()})
        self._registry.send(member, t="tap", links=wanted)

    def _joined(self, member: Member) -> None:
        if self._taps:
            self._set_tap(member)

    def _captured(self, frames: list[Frame]) -> None:
        for frame in frames:
            for links, write in self._taps:
                if links is None or frame[0] in links:
                    write(frame)
