"""Starts elements, and starts them again when they end: one that was up at once, one that stumbles after a pause."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from actors.element import CallFailed
from orchestrator.control.members import Member
from orchestrator.control.registry import Registry
from orchestrator.hosts.host import ElementHost

LONGEST_PAUSE_S = 5.0
"""Between restarts of an element that does not even come up."""


class Supervisor:
    """Keeps every element of a registry running on a host."""

    def __init__(
        self, host: ElementHost, registry: Registry, tell: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self.host, self._registry, self._tell = host, registry, tell
        self._pids: dict[int, Member] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False
        self.on_end: Callable[[Member, int], None] = lambda member, status: None
        """Called when an element's process has ended, with its exit code (negative: the signal)."""
        host.on_exit = self._exited

    async def spawn_all(self) -> None:
        """Start the process of every element."""
        await asyncio.gather(*(self.spawn(member) for member in self._registry.members.values()))

    def kill(self, element: str, number: int) -> int:
        """Send an element's process a signal; returns its process id. Raises `CallFailed` if there is none."""
        member = self._registry.members.find(element)
        if member.state == "down" or not member.pid:
            raise CallFailed(f"{element} is {member.state}")
        self.host.kill(member.pid, number)
        return member.pid

    def hold(self, element: str) -> None:
        """End an element's process with SIGKILL, and start it again only when it is released. Raises `CallFailed`."""
        member = self._registry.members.find(element)
        if member.parent is not None:
            raise CallFailed(
                f"{element} was launched by {member.parent}, which starts another one when it likes"
            )
        member.held = True
        if member.state != "down":
            self.kill(element, signal.SIGKILL)

    def release(self, element: str) -> None:
        """Start an element again that was held down."""
        member = self._registry.members.find(element)
        member.held = False
        member.changed.set()

    def stop(self) -> None:
        """Let processes end from now on."""
        self._over = True
        for task in self._tasks:
            task.cancel()

    async def spawn(self, member: Member) -> None:
        """Start an element's process."""
        launched_kind = member.kind if member.parent is not None else None
        member.pid = await self.host.spawn(member.name, self._registry.address, launched_kind)
        self._pids[member.pid] = member
        if member.doomed:
            self.doom(member)

    def doom(self, member: Member) -> None:
        """End a launched element, now or as soon as it has a process."""
        member.doomed = True
        if member.pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                self.host.kill(member.pid, signal.SIGKILL)

    def _exited(self, pid: int, status: int) -> None:
        member = self._pids.pop(pid, None)
        if member is None or self._over:
            return
        how = (
            f"was killed by {signal.Signals(-status).name}"
            if status < 0
            else f"ended with exit code {status}"
        )
        was = member.state
        self._registry.gone(member, how)
        self._tell([_event("element.exit", element=member.name, how=how)])
        self.on_end(member, status)
        if member.parent is not None:
            return  # whoever launched it knows best what comes next
        if was == "failed" and not member.restarts:
            member.become("failed")  # it cannot start at all: the world does not come up, and says why
            return
        member.restarts += 1
        member.stumbles = 0 if was == "up" else member.stumbles + 1
        pause_s = min(0.1 * 2**member.stumbles, LONGEST_PAUSE_S) if member.stumbles else 0.0
        self._run(self._restart(member, pause_s))

    async def _restart(self, member: Member, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        while member.held:
            member.changed.clear()
            await member.changed.wait()
        await self.spawn(member)
        self._tell([_event("element.restart", element=member.name, restarts=member.restarts)])

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"t_ns": time.monotonic_ns(), "kind": kind, "journey": None, **fields}
