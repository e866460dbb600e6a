"""The buttons of the live page: each does what a `journey` command does, by the same operations, and says which one."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from orchestrator.control.api import ENVIRONMENT, USAGE, RequestFailed
from orchestrator.control.service import Service
from orchestrator.kubernetes.workloads import deployment_name, restarted
from orchestrator.operations import Asked
from orchestrator.page.shell import Shell
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.world import World

log = logging.getLogger("orchestrator")

LOAD_S = 3600.0
MOST_RATE = 5000.0
MOST_PODS = 200
Done = dict[str, Any]
"""`told`: what was done; `command`: how a shell does it; `undo`: the command that takes it back, if one does. Verbs
give what follows `journey`."""


class Commands:
    """What the page may do to one world."""

    def __init__(
        self,
        world: World,
        service: Service,
        tell: Callable[[int, str, str], None],
        shell: Shell = Shell(),
    ) -> None:
        """`tell` is told of loads that end by themselves: model time, kind, words."""
        self._world, self._service, self._tell, self._shell = world, service, tell, shell
        self._load: asyncio.Task[None] | None = None
        self._verbs: dict[str, Callable[..., Awaitable[Done]]] = {
            "load": self.load,
            "load_stop": self.load_stop,
            "trace": self.trace,
            "scale": self.scale,
            "rollout": self.rollout,
            "algorithm": self.algorithm,
            "slow": self.slow,
            "cut": self.cut,
            "clear": self.clear,
        }

    async def do(self, command: Any) -> Done:
        """`{"do": "scale", "deployment": "nginx", "replicas": 6}`. Raises `RequestFailed` and what operations raise."""
        if not isinstance(command, Mapping) or command.get("do") not in self._verbs:
            raise _refuse(f"a command is an object whose `do` is one of {', '.join(self._verbs)}")
        arguments = {key: value for key, value in command.items() if key != "do"}
        try:
            done = await self._verbs[command["do"]](**arguments)
        except TypeError as error:
            raise _refuse(f"{command['do']}: {str(error).rpartition('() ')[2]}") from None
        spelled = {key: self._shell.command(done[key]) for key in ("command", "undo") if done[key]}
        return {**done, **spelled}

    async def close(self) -> None:
        """The load that was begun here ends with the page."""
        if self._load is not None:
            self._load.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._load

    # ---- load ---------------------------------------------------------------------------------------------------

    async def load(self, rate: float) -> Done:
        """Begin a load of this rate, or give the one that runs another rate."""
        rate = _number("rate", rate, 0.1, MOST_RATE)
        if await self._service.loads.running():
            changed = await self._service.loads.load_change("set", rate=rate)
            return _done(changed["what"], f"load set {rate:g}/s", "load stop")
        self._load = asyncio.create_task(self._run_load(rate), name="load of the page")
        self._load.add_done_callback(lambda task: task.cancelled() or task.exception())  # it has been told
        while not self._load.done() and not await self._service.loads.running():
            await asyncio.sleep(0.02)
        if self._load.done():
            await self._load
        self._tell(time.monotonic_ns(), "load.begun", f"A load has begun: {rate:g} requests a second")
        return _done(
            f"{rate:g} requests a second for an hour",
            f"load --rate {rate:g}/s --duration 1h",
            "load stop",
        )

    async def _run_load(self, rate: float) -> None:
        stages = [{"duration_s": LOAD_S, "rate": rate}]
        try:
            async for _ in self._service.load(stages=stages, arrivals="poisson"):
                pass
        except Exception as error:
            self._tell(time.monotonic_ns(), "load.failed", f"The load has ended: {error}")
            raise

    async def load_stop(self) -> Done:
        changed = await self._service.loads.load_change("stop")
        return _done(changed["what"], "load stop")

    async def trace(self) -> Done:
        """One request that everybody records; its `journey` can be followed."""
        packed = await self._service.trace()
        return {**_done("one request, told by everybody", "trace"), "journey": packed["journey"]}

    # ---- the cluster --------------------------------------------------------------------------------------------

    async def scale(self, deployment: str, replicas: int) -> Done:
        name = deployment_name(str(deployment))
        replicas = int(_number("replicas", replicas, 0, MOST_PODS))
        if self._shell.scale:
            raise _refuse(f"here each pod is a container: `{self._shell.scale.format(replicas)}` in a shell")
        cluster = self._cluster()
        before = (await cluster.get("Deployment", name, "default"))["spec"].get("replicas", 1)
        await cluster.patch("Deployment", name, {"spec": {"replicas": replicas}}, "default", "scale")
        return _done(
            f"{name} is to have {replicas} pods, had {before}",
            f"scale {name} {replicas}",
            f"scale {name} {before}",
        )

    async def rollout(self, deployment: str) -> Done:
        name = deployment_name(str(deployment))
        await self._cluster().patch("Deployment", name, restarted(datetime.now().astimezone()), "default")
        return _done(
            f"all pods of {name} are replaced, a few at a time",
            f"rollout restart {name}",
            f"rollout undo {name}",
        )

    def _cluster(self) -> AsyncCluster:
        world = Asked(self._world)
        server = server_of(world)
        if server is None:
            raise RequestFailed(
                "this world has no Kubernetes API server (an element of kind kube_api)", ENVIRONMENT
            )
        return AsyncCluster(world, server)

    # ---- policies and faults ------------------------------------------------------------------------------------

    async def algorithm(self, name: str) -> Done:
        """Of all target groups: `round_robin`, `least_outstanding_requests`, `weighted_random`."""
        return await self._set([f"alb.algorithm={name}"])

    async def slow(self, pod: str, latency: str) -> Done:
        """Have a pod answer so much later; `off` ends it."""
        return await self._set([f"pod/{pod}", f"latency={latency}"])

    async def _set(self, words: list[str]) -> Done:
        changed = await self._service.set(words)
        told = [
            f"{each['target']}: {each['key']} is {each['after']}, was {each['before']}" for each in changed
        ]
        undo = f"set {changed[0]['undo']}" if changed else None
        return _done("; ".join(told) or "it was set already", f"set {' '.join(words)}", undo)

    async def cut(self, link: str, how: str = "cut") -> Done:
        """`cut`: packets vanish, and nobody is told; `down`: it is unplugged, and both ends see it."""
        if how not in ("cut", "down"):
            raise _refuse(f"a link can be cut or down, not {how!r}")
        added = await self._service.faults.add(f"link/{link}", [how])
        clear = f"fault clear {added['target']}"
        return _done(f"{link} is {how}", f"fault add link/{link} {how}", clear)

    async def clear(self, fault: str | None = None) -> Done:
        """End one fault, by its id or target, or all."""
        ended = await self._service.faults.clear(fault)
        told = ", ".join(f"{each['target']} {each['what']}" for each in ended)
        return _done(f"ended: {told or 'nothing'}", f"fault clear {fault}" if fault else "fault clear")


def _done(told: str, command: str, undo: str | None = None) -> Done:
    return {"told": told, "command": command, "undo": undo}


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _refuse(f"{name} is a number from {least:g} to {most:g}, not {value!r}")
    return float(value)


def _refuse(words: str) -> RequestFailed:
    return RequestFailed(words, USAGE)
