"""One node of the load balancer, kept as it is wanted: which targets it must have, and telling it when it has others.

How this works. The node is asked which targets it has (DescribeTargetHealth) whenever others are wanted, and once in a
while: one that was killed has forgotten them, and gets them again. What drains counts as gone, as in AWS's controller;
targets are deregistered before new ones are registered. A node that is away holds up none of the others.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from actors.element import CallFailed, Context
from actors.parts.load_balancer_controller.endpoints import PodTarget

LOOK_S = 0.5
"""How often a node is asked when nothing has changed."""
RETRY_S = 0.05
LONGEST_RETRY_S = 0.5
BATCH = 200
"""So many targets go into a call (aws-load-balancer-controller: pkg/targetgroupbinding/targets_manager.go)."""

REFUSALS = ("TargetGroupNotFound", "TooManyTargets", "ValidationError")

Targets = tuple[PodTarget, ...]


class BalancerNode:
    """Registers and deregisters targets with one node until it has the wanted ones, for ever."""

    def __init__(self, context: Context, name: str, news: Callable[[str], None]) -> None:
        """`news(arn)` is called when the node has come to what is wanted of a group, or refuses it."""
        self.name = name
        self.wanted: dict[str, Targets] = {}
        self.applied: dict[str, Targets] = {}
        """What the node has been brought to, by target group."""
        self.refused: dict[str, str] = {}
        """Why a group cannot be had as it is wanted."""
        self._context, self._news = context, news
        self._changed = asyncio.Event()

    def start(self) -> None:
        self._context.spawn(self._follow(), f"targets of {self.name}")

    def want(self, arn: str, targets: Targets) -> None:
        """From now on the group has these targets and no others."""
        if self.wanted.get(arn) != targets:
            self.wanted[arn] = targets
            self._changed.set()

    def release(self, arn: str) -> None:
        """From now on the group is nobody's concern; its targets stay as they are."""
        for known in (self.wanted, self.applied, self.refused):
            known.pop(arn, None)

    async def is_healthy(self, arn: str, targets: Targets) -> bool:
        """Whether the group has just these targets at the node now, and all of them are healthy."""
        try:
            states = {target: state for target, state in await self._registered(arn) if state != "draining"}
        except CallFailed:
            return False
        return states == dict.fromkeys(targets, "healthy")

    # ---- towards what is wanted --------------------------------------------------------------------------

    async def _follow(self) -> None:
        wait_s, well = RETRY_S, True
        while True:
            self._changed.clear()
            try:
                for arn in list(self.wanted):
                    await self._bring(arn)
                wait_s, well = LOOK_S, True
            except CallFailed:
                self.applied.clear()  # it may have forgotten everything
                wait_s, well = RETRY_S if well else min(2 * wait_s, LONGEST_RETRY_S), False
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def _bring(self, arn: str) -> None:
        wanted = self.wanted.get(arn)
        if wanted is None:
            return
        refusal = ""
        try:
            await self._change(arn, wanted)
        except CallFailed as error:
            refusal = str(error)
            if not any(code in refusal for code in REFUSALS):
                raise
        self._note(arn, wanted, refusal)

    def _note(self, arn: str, wanted: Targets, refusal: str) -> None:
        if arn not in self.wanted:
            return  # released meanwhile
        before = self.applied.get(arn), self.refused.get(arn, "")
        if refusal:
            self.applied.pop(arn, None)
            self.refused[arn] = refusal
        else:
            self.applied[arn] = wanted
            self.refused.pop(arn, None)
        if before != (self.applied.get(arn), self.refused.get(arn, "")):
            self._news(arn)

    async def _change(self, arn: str, wanted: Targets) -> None:
        registered = [target for target, state in await self._registered(arn) if state != "draining"]
        await self._tell("deregister_targets", arn, (each for each in registered if each not in set(wanted)))
        await self._tell("register_targets", arn, (each for each in wanted if each not in set(registered)))

    async def _registered(self, arn: str) -> list[tuple[PodTarget, str]]:
        answer = await self._context.call(self.name, "describe_target_health", target_group=arn)
        return [
            (PodTarget(each["Target"]["Id"], each["Target"]["Port"]), each["TargetHealth"]["State"])
            for each in answer["TargetHealthDescriptions"]
        ]

    async def _tell(self, verb: str, arn: str, targets: Iterable[PodTarget]) -> None:
        for batch in _batches([target.shape() for target in targets]):
            await self._context.call(self.name, verb, target_group=arn, targets=batch)


def _batches(shapes: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(shapes), BATCH):
        yield shapes[start : start + BATCH]
