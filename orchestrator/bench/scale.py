"""From `scale` to all targets healthy, against as many bare forks with an event loop and a ZeroMQ socket.

Run as `python -m orchestrator.bench.scale COUNT KIND...` it is the bare side: prints how long its forks took to be up.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Any

import zmq

from orchestrator.bench.figures import Figure
from orchestrator.hosts.forkserver import prepare, warm_up
from orchestrator.world import World

DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/nginx"
WARM_S, UP_S = 120.0, 120.0
POLL_S = 0.05


async def measure(world: World, pods: int) -> Figure:
    """Scale nginx up by so many pods; the nodes have warm addresses for them, as one plans it for such a step."""
    kinds = sorted({element["kind"] for element in world.ps()["elements"]})
    before = (await _deployment(world))["spec"]["replicas"]
    await _until_warm(world, pods)
    began = time.perf_counter()
    await scale_to(world, before + pods)
    value = time.perf_counter() - began
    bare = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "orchestrator.bench.scale", str(pods), *kinds],
        capture_output=True,
        text=True,
        check=True,
    )
    title = f"+{pods} pods, all targets healthy"
    return Figure("scale_s", title, "s", value, float(bare.stdout), "bare forks", 20, most=True)


async def _until_warm(world: World, pods: int) -> None:
    agents = [element["name"] for element in world.ps()["elements"] if element["kind"] == "cni_agent"]
    async with asyncio.timeout(WARM_S):
        while True:
            seen = [await world.call(agent, "inspect") for agent in agents]
            if sum(one["total_ip_addresses"] - one["assigned_ip_addresses"] for one in seen) > pods * 1.05:
                return
            await asyncio.sleep(0.5)


async def scale_to(world: World, pods: int) -> None:
    """As many nginx pods as that, all of them healthy targets."""
    await _request(world, "PATCH", f"{DEPLOYMENT}/scale", {"spec": {"replicas": pods}})
    await _until_healthy(world, pods)


async def pod_addresses(world: World) -> list[str]:
    """The addresses of the nginx pods."""
    pods = await _request(world, "GET", "/api/v1/namespaces/default/pods")
    return sorted(pod["status"]["podIP"] for pod in pods["items"])


async def _until_healthy(world: World, pods: int) -> None:
    nodes = [element["name"] for element in world.ps()["elements"] if element["kind"] == "alb"]
    async with asyncio.timeout(UP_S):
        for node in nodes:
            while await _healthy(world, node) != pods:
                await asyncio.sleep(POLL_S)


async def _healthy(world: World, node: str) -> int:
    health = await world.call(node, "zone_health")
    return sum(group["healthy"] for group in health["target_groups"].values())


async def _deployment(world: World) -> dict[str, Any]:
    return await _request(world, "GET", DEPLOYMENT)


async def _request(world: World, method: str, path: str, body: Any = None) -> dict[str, Any]:
    answer: dict[str, Any] = await world.call(
        "kube-api",
        "request",
        method=method,
        path=path,
        query={},
        body=body,
        content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
        user="kubernetes-admin",
    )
    assert answer["code"] < 400, answer["body"]
    body = answer["body"]
    assert isinstance(body, dict)
    return body


async def _idle(up: int) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.bind("inproc://idle")
    asyncio.get_running_loop().add_reader(socket.getsockopt(zmq.FD), lambda: None)
    os.write(up, b".")
    await asyncio.Event().wait()


def _bare_forks(count: int, kinds: list[str]) -> float:
    """Seconds until so many forks are up."""
    prepare()
    warm_up(kinds)
    ready, up = os.pipe()
    pids = []
    began = time.perf_counter()
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                asyncio.run(_idle(up))
            os._exit(0)
        pids.append(pid)
    told = 0
    while told < count:
        told += len(os.read(ready, count))
    took_s = time.perf_counter() - began
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return took_s


if __name__ == "__main__":
    print(_bare_forks(int(sys.argv[1]), sys.argv[2:]))
