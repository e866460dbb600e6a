"""`kill -9` of real processes while a deployment of the default world grows from 2 pods to 20."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from actors.element import CallFailed
from actors.protocols.kubernetes.workloads.pods import is_ready
from orchestrator.config import default_world, load_world
from orchestrator.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

Object = dict[str, Any]
VICTIMS = ("kube-api", "kube-controller-manager", "kube-scheduler", "cni-node-1", "node-1")
NODES = ("node-1", "node-2")
PATIENCE_S = 60
BETWEEN_KILLS_S = 0.15


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World(load_world(default_world())) as world:
        yield world


async def insist(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until whoever is asked is there."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(CallFailed):
                return await ask()
            await asyncio.sleep(0.02)


async def request(world: World, method: str, path: str, body: Object | None = None) -> Object:
    asked = {"method": method, "path": path, "user": "tester", "query": {}, "body": body}
    answer = await insist(
        lambda: world.call("kube-api", "request", content_type="application/merge-patch+json", **asked)
    )
    assert answer["code"] < 300, answer
    found: Object = answer["body"]
    return found


async def scale(world: World, replicas: int) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments/nginx/scale"
    await request(world, "PATCH", path, {"spec": {"replicas": replicas}})


async def pods(world: World) -> list[Object]:
    found: list[Object] = (await request(world, "GET", "/api/v1/namespaces/default/pods"))["items"]
    return found


async def until_same(world: World, replicas: int) -> None:
    """So many pods are ready, and everybody says the same of them; within a while."""
    differences: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while differences := await disagreements(world, replicas):
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail("; ".join(differences))


async def disagreements(world: World, replicas: int) -> list[str]:
    there = await pods(world)
    addresses = {each["metadata"]["name"]: each["status"].get("podIP") for each in there}
    if len(there) != replicas or not all(map(is_ready, there)):
        return [f"{len(there)} pods, {sum(map(is_ready, there))} ready"]
    found = []
    if len(set(addresses.values())) != replicas:
        found.append(f"pods share addresses: {addresses}")
    running = {each["name"] for each in world.ps()["elements"] if each["name"].startswith("nginx-")}
    if running != set(addresses):
        found.append(f"processes {sorted(running)}, pods {sorted(addresses)}")
    for node in NODES:
        here = {
            each["status"]["podIP"]: f"default/{each['metadata']['name']}"
            for each in there
            if each["spec"]["nodeName"] == node
        }
        agent = await insist(lambda node=node: world.call(f"cni-{node}", "inspect"))
        held = {each["address"]: each["pod"] for each in agent["attachments"]}
        if held != here:
            found.append(f"{node} has {here}, its ipamd says {held}")
        state = await insist(lambda node=node: world.call(node, "network_state"))
        veths = {each["ifname"] for each in state["entries"] if each["object"] == "link"}
        routes = {
            each["dst"].removesuffix("/32")
            for each in state["entries"]
            if each["object"] == "route" and each.get("dev") in veths
        }
        if routes != set(here) or len(veths) != len(here) or len(state["netns"]) != len(here):
            found.append(f"{node} has {here}, routes to {routes}, veths {veths}, {state['netns']}")
    return found


async def test_a_deployment_grows_from_2_to_20_whoever_is_killed(world: World):
    await scale(world, 2)
    await until_same(world, 2)
    before = {each["name"]: each["pid"] for each in world.ps()["elements"]}
    await scale(world, 20)
    for victim in VICTIMS:
        world.kill(victim)
        await asyncio.sleep(BETWEEN_KILLS_S)
    await until_same(world, 20)
    after = {each["name"]: each["pid"] for each in world.ps()["elements"]}
    changed = {
        name for name, pid in before.items() if after.get(name) != pid and not name.startswith("nginx-")
    }
    assert changed == set(VICTIMS)
    answer = await insist(lambda: world.call("laptop", "fetch", url=world.config.url))
    assert answer["status"] == 200


async def test_nothing_is_left_when_it_goes_down_to_nothing_under_kills(world: World):
    await scale(world, 0)
    for victim in reversed(VICTIMS):
        world.kill(victim)
        await asyncio.sleep(BETWEEN_KILLS_S)
    await until_same(world, 0)
