"""Killed at any call to AWS, the load balancer controller ends where it would have come to anyway."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from actors.parts.load_balancer_controller.aws import CALLER
from tests.elements.controller_bed import World, ingress

EVERY = 1 if os.environ.get("JOURNEY_SOAK") else 4
"""At which calls: `make soak` takes each."""
BOTH = '[{"HTTP": 80}, {"HTTPS": 443}]'


class Killer:
    """Kills the controller when it makes its call number `number`: before AWS does it, or after."""

    def __init__(self, world: World, number: int, *, after: bool = False) -> None:
        self.world, self.number, self.after = world, number, after
        self.count = 0
        plane = world.net.element("aws-api").plane
        self._request = plane.request
        plane.request = self.request

    async def request(self, service: str, operation: str, parameters: Any, caller: str) -> Any:
        is_it = False
        if caller == CALLER:
            is_it = self.count == self.number
            self.count += 1
        if is_it and not self.after:
            await self._kill()
        answer = await self._request(service, operation, parameters, caller)
        if is_it and self.after:
            await self._kill()
        return answer

    async def _kill(self) -> None:
        await self.world.net.restart("alb-controller")


async def make(world: World) -> None:
    await world.serve()
    await world.kube.create("Ingress", ingress(listen_ports=BOTH, ssl_redirect="443"))
    await world.settle()


async def unmake(world: World) -> None:
    await world.kube.delete("Ingress", "web", "default")
    for _ in range(400):
        await asyncio.sleep(0.1)
        if not (await world.kube.list("Ingress")).items:
            return
    raise AssertionError("the Ingress never went")


async def replace(world: World) -> None:
    """Another scheme is another load balancer, and another Service another target group."""
    await world.serve("api", 0)
    news = ingress("web", scheme="internal", subnets="public-1a,public-1b")
    news["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "api"
    await world.kube.patch("Ingress", "web", {"metadata": news["metadata"], "spec": news["spec"]}, "default")
    await asyncio.sleep(0.1)
    await world.settle()
    await asyncio.sleep(5)
    await world.settle()


def end(number: int, *stories: Callable[[World], Any], after: bool = False) -> tuple[Any, int]:
    """The state in the end, and how many calls the last story took; killed in the last one."""
    world, counts = World(), []

    async def tell() -> Any:
        await world.prepare()
        for story in stories[:-1]:
            await story(world)
        killer = Killer(world, number, after=after)
        await stories[-1](world)
        counts.append(killer.count)
        return await world.picture()

    return world.net.run(tell()), counts[0]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "stories", [(make,), (make, replace), (make, unmake)], ids=["make", "replace", "unmake"]
)
def test_killed_at_any_call_it_ends_in_the_same_state(stories: Any, after: bool):
    wanted, calls = end(-1, *stories)
    assert calls > 10
    for number in range(EVERY // 2 if after else 0, calls, EVERY):
        assert end(number, *stories, after=after)[0] == wanted, f"killed at call {number}"
