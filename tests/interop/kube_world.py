"""A world with a Kubernetes API server, in processes, and kubectl: the server alone, or the default world.

kubectl is a process for each command: what is only prepared or looked at, beside what a test is about, goes without
it, by `objects`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient
from orchestrator.config import default_world, load_world
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
        self.objects = KubeClient(cast(Context, world), "kube-api", "kubernetes-admin")
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

    async def pods(self, namespace: str | None = "default", selector: str = "") -> list[dict[str, Any]]:
        """As the API server has them; of all namespaces with None."""
        return (await self.objects.list("Pod", namespace, label_selector=selector)).items

    async def space(self, name: str) -> str:
        """A new namespace."""
        await self.objects.create("Namespace", {"metadata": {"name": name}})
        return name

    async def create(self, manifest: str, namespace: str | None = None) -> None:
        """What a manifest describes."""
        value = yaml.safe_load(manifest)
        await self.objects.create(value["kind"], value, namespace)

    async def until(self, true: Callable[[], Awaitable[bool]], what: str) -> None:
        """Look again and again until it is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await true():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"it never came to that: {what}") from None

    def process_of(self, element: str) -> dict[str, Any] | None:
        """An element's line in `journey ps`."""
        return next((each for each in self.world.ps()["elements"] if each["name"] == element), None)


@asynccontextmanager
async def default_cluster(directory: Path) -> AsyncIterator[Cluster]:
    """The default world, with all that belongs to a cluster."""
    async with World(load_world(default_world())) as world:
        assert not world.unsettled
        yield Cluster(world, directory)


@asynccontextmanager
async def cluster(directory: Path, text: str = WORLD) -> AsyncIterator[Cluster]:
    file = directory / "world.yaml"
    file.write_text(text)
    async with World(load_world(file)) as world:
        yield Cluster(world, directory)
