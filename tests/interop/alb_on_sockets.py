"""The HTTP of an ALB node on real sockets of this machine, for real clients: its parts, on asyncio's own transports."""

import asyncio
import socket
import time
from pathlib import Path
from random import Random
from typing import Any

from actors.element import Context
from actors.parts.load_balancer import documents
from actors.parts.load_balancer.config import AlbConfig
from actors.parts.load_balancer.listener import Listener
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_group import RunningGroup
from actors.protocols.balancing import State
from actors.runtime.metrics import MetricStore
from tests.elements import alb_bed


class LoopContext(Context):
    """What an element may know of the world, from the running loop."""

    def __init__(self, directory: Path) -> None:
        self.name = "alb"
        self.ports = {}
        self.random = Random(1)
        self.metrics = MetricStore()
        self.directory = directory
        self.tasks: set[asyncio.Task[Any]] = set()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def unix_ns(self, now_ns: int | None = None) -> int:
        return time.time_ns() if now_ns is None else time.time_ns() - time.monotonic_ns() + now_ns

    def call_at(self, when_ns: int, callback: Any, *args: Any) -> Any:
        return asyncio.get_running_loop().call_later((when_ns - self.now_ns()) / 1e9, callback, *args)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def record(self, kind: str, /, *, journey: str | None = None, **fields: Any) -> None:
        """Nothing is recorded here."""

    def event(self, kind: str, /, **fields: Any) -> None:
        """Nothing is written down here."""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        raise AssertionError("nobody else is here")

    async def launch(self, *args: Any, **options: Any) -> None:
        raise AssertionError("nobody else is here")

    async def signal(self, name: str, number: int) -> None:
        raise AssertionError("nobody else is here")

    async def serve(self, *args: Any, **options: Any) -> str | None:
        return None


class Listening:
    """A listener's real socket, on a free port."""

    def __init__(self, factory: Any, port: int, tls: Any) -> None:
        self.port = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.real_port = self._socket.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = loop.create_task(loop.create_server(factory, sock=self._socket, ssl=tls))

    async def close(self) -> None:
        server = await self._server
        server.close()


class RealSockets:
    """What a node asks of its host's stack, from the machine's."""

    def __init__(self) -> None:
        self.tcp = self
        self.servers: list[Listening] = []

    async def create_connection(
        self, factory: Any, host: str, port: int, *, timeout_s: float, ssl: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        async with asyncio.timeout(timeout_s):
            return await asyncio.get_running_loop().create_connection(factory, host, port, ssl=ssl)

    def create_server(self, factory: Any, port: int, *, ssl: Any = None) -> Listening:
        self.servers.append(Listening(factory, port, ssl))
        return self.servers[-1]


class RealAlb:
    """A node with one HTTPS listener and one target, which listens on a real port of 127.0.0.1."""

    def __init__(self, directory: Path, target_port: int, **parts: Any) -> None:
        self.context = LoopContext(directory)
        self.sockets = RealSockets()
        config = AlbConfig(availability_zone="eu-west-1a", aws_api="aws-api")
        self.node = Node(config, self.context, self.sockets)
        items = {
            key: documents.parse(key, value) for key, value in alb_bed.documents([], "HTTPS", **parts).items()
        }
        self.node.serve(items["load-balancer"])
        [group] = [each for key, each in items.items() if key.startswith("target-group/")]
        [listener] = [each for key, each in items.items() if key.startswith("listener/")]
        self.group = RunningGroup(self.node, group)
        target = alb_bed.target(f"127.0.0.1:{target_port}")
        self.group.set_targets([documents.Target.model_validate(target)])
        self.listener = Listener(self.node, {group.arn: self.group}, listener)

    @property
    def port(self) -> int:
        return self.sockets.servers[0].real_port

    async def healthy(self) -> None:
        """Wait until the target has passed its first check."""
        while not self.group.engine.counts[State.HEALTHY]:
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        self.listener.cut()
        self.group.set_targets([])
        self.group.close()
        await self.sockets.servers[0].close()
        for task in list(self.context.tasks):
            task.cancel()
        await asyncio.sleep(0.05)
        self.node.log.flush()
