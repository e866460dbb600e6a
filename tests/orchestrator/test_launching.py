"""Launches that have to wait for their turn."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from actors.element import CallFailed
from orchestrator.control import launching
from orchestrator.control.launching import Launcher
from orchestrator.control.members import Member, Members


class Host:
    """Spawns what `let_go` lets it, one after the other."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self.let_go = asyncio.Event()
        self.spawned: list[str] = []
        self.host = SimpleNamespace(inbox=lambda name: f"ipc:///{name}")
        self.on_end: Any = None

    async def spawn(self, member: Member) -> None:
        self.spawned.append(member.name)
        await self.let_go.wait()
        member.become("up")

    def doom(self, member: Member) -> None:
        member.doomed = True


async def test_who_is_ended_before_its_turn_is_never_started_and_its_name_is_free_again(monkeypatch):
    monkeypatch.setattr(launching, "AT_ONCE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    members = Members()
    node = members.expect("node-1", "eks_node", {"bind": "ipc:///node-1"})
    supervisor = Host(members)
    registry: Any = SimpleNamespace(members=members, calls=SimpleNamespace(on_request=None))
    launcher = Launcher(registry, supervisor, {})  # type: ignore[arg-type]

    async def launch(name: str) -> None:
        await launcher.launch(node, name, "nginx_pod", {}, f"cni-{name}", {})

    first, waits = asyncio.create_task(launch("first")), asyncio.create_task(launch("second"))
    await asyncio.sleep(0)
    launcher.signal(node, "second", 9)
    again = asyncio.create_task(launch("second"))
    await asyncio.sleep(0)
    supervisor.let_go.set()
    await first
    with pytest.raises(CallFailed, match="second was ended before it had begun"):
        await waits
    await again
    assert supervisor.spawned == ["first", "second"] and members["second"].state == "up"
