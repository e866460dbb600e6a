"""What the page's buttons say to a shell, and what they leave to it."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.control.api import RequestFailed
from orchestrator.page.commands import Commands
from orchestrator.page.shell import Shell

COMPOSE = Shell("journey --world compose", "docker compose up --scale nginx-pod={}")


class Faults:
    """What cutting a link takes of a service."""

    async def add(self, target: str, words: list[str]) -> dict[str, Any]:
        return {"target": target}

    async def clear(self, which: str | None) -> list[dict[str, Any]]:
        return []


def commands(shell: Shell = Shell()) -> Commands:
    return Commands(None, SimpleNamespace(faults=Faults()), lambda *told: None, shell)  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", [Shell(), COMPOSE])
async def test_each_command_is_spelled_as_a_shell_reaches_this_world(shell: Shell) -> None:
    done = await commands(shell).do({"do": "cut", "link": "fibre"})
    assert done["command"] == f"{shell.journey} fault add link/fibre cut"
    assert done["undo"] == f"{shell.journey} fault clear link/fibre"
    assert (await commands(shell).do({"do": "clear"}))["undo"] is None


async def test_where_a_pod_is_a_container_the_shell_scales() -> None:
    with pytest.raises(RequestFailed, match="`docker compose up --scale nginx-pod=6` in a shell"):
        await commands(COMPOSE).do({"do": "scale", "deployment": "nginx", "replicas": 6})
