"""An API server and somebody who asks it, on the virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.element import CallFailed, Context, Element
from actors.parts.kubernetes.apiserver.requests import Request, User
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.kubernetes.informer import Informer
from actors.runtime.virtual import VirtualNetwork

Object = dict[str, Any]


class Bystander(Element):
    """Somebody with a client."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.client = KubeClient(context, "kube-api", "tester")

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")


class Kubelet(Element):
    """A node that has nothing but logs."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.log = ""
        self.asked: list[Object] = []

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")

    async def call_container_logs(self, **asked: Any) -> str:
        self.asked.append(asked)
        if asked["container"] == "broken":
            raise CallFailed("the log is broken")
        lines = self.log.splitlines(keepends=True)
        tail = asked["tail_lines"]
        return "".join(lines if tail is None else lines[-tail:] if tail else [])


class World:
    """An API server, a node called `node-1`, and somebody who asks."""

    def __init__(self, directory: Path | None = None, seed: int = 1, **config: Any) -> None:
        self.net = VirtualNetwork(seed=seed, directory=directory)
        self.net.add("kube-api", "kube_api", config)
        self.net.add_element("tester", Bystander)
        self.net.add_element("node-1", Kubelet)

    @property
    def client(self) -> KubeClient:
        client = self.net.element("tester").client
        assert isinstance(client, KubeClient)
        return client

    @property
    def server(self) -> Any:
        return self.net.element("kube-api").server

    async def sleep(self, seconds: float) -> None:
        await self.net.host("tester").sleep(seconds)

    def spawn(self, work: Any) -> "asyncio.Task[Any]":
        return self.net.host("tester").spawn(work, "beside the story")

    def informer(self, kind: str, **selection: Any) -> tuple[Informer, list[str]]:
        """A running informer, and what it has told, as `+name`, `~name`, `-name`."""
        told: list[str] = []

        def changed(before: Object | None, now: Object | None) -> None:
            sign = "+" if before is None else "-" if now is None else "~"
            told.append(sign + (now or before or {})["metadata"]["name"])

        informer = Informer(self.net.host("tester"), self.client, kind, changed, **selection)
        informer.start()
        return informer, told

    async def insist(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until the server is there to answer."""
        while True:
            try:
                return await ask()
            except CallFailed:
                await self.sleep(0.01)

    def request(self, path: str, **query: str) -> Request:
        return Request("GET", path, query, user=User("tester", ("system:masters",)))


def play(story: Callable[[World], Any], directory: Path | None = None, seed: int = 1, **config: Any) -> World:
    world = World(directory, seed, **config)
    world.net.run(story(world))
    return world


def pod(name: str, spec: Object | None = None, **metadata: Any) -> Object:
    containers = [{"name": "nginx", "image": "nginx:1.27"}]
    head = {"name": name, "namespace": "default", **metadata}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": head,
        "spec": {"containers": containers, **(spec or {})},
    }


def deployment(name: str, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod("x")["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def service(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}], **spec},
    }


def config_map(name: str, **metadata: Any) -> Object:
    head = {"name": name, "namespace": "default", **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head}


async def refused(work: Awaitable[Any], code: int, words: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await work
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    return caught.value
