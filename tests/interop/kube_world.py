"""A world of nothing but an API server, as a process, and kubectl against it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from orchestrator.config import load_world
from orchestrator.world import World

PATIENCE_S = 20.0
READ_ONLY = "only-to-be-looked-at"

WORLD = f"""
version: 1
url: https://packet-journey.com/
elements:
  kube-api: {{kind: kube_api, read_only_token: {READ_ONLY}}}
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Cluster:
    """A running API server, and a home directory for kubectl."""

    def __init__(self, world: World, home: Path) -> None:
        self.world = world
        self.url = world.addresses["kube_api"]
        self.kubeconfig = world.directory / "kubeconfig"
        self._environment = {
            "HOME": str(home),
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": os.environ["PATH"],
            "KUBECTL_KUBERC": "false",
        }

    async def start_kubectl(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "kubectl", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment
        )

    async def run(self, *arguments: str, stdin: str = "") -> Result:
        process = await self.start_kubectl(*arguments)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Result(process.returncode, out.decode(), err.decode())

    async def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints when all goes well."""
        result = await self.run(*arguments, stdin=stdin)
        assert result.code == 0, result.err
        return result.out

    async def refusal(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl says when it does not."""
        result = await self.run(*arguments, stdin=stdin)
        assert result.code != 0, result.out
        return result.err


@asynccontextmanager
async def cluster(directory: Path, text: str = WORLD) -> AsyncIterator[Cluster]:
    file = directory / "world.yaml"
    file.write_text(text)
    async with World(load_world(file)) as world:
        yield Cluster(world, directory)
