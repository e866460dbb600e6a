"""`set` and `get`, whatever the target is."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from orchestrator.settings import balancers, deployments, pods
from orchestrator.settings.words import ALB, DEPLOYMENT, POD, TARGET_GROUP, Calls, Changed, Settings, Target

Change = Callable[[Calls, Target, dict[str, str]], Awaitable[list[Changed]]]
Read = Callable[[Calls, Target], Awaitable[dict[str, Any]]]


class _Verbs(NamedTuple):
    change: Change
    read: Read


_BY_KIND = {
    POD: _Verbs(pods.change, pods.read),
    DEPLOYMENT: _Verbs(deployments.change, deployments.read),
    ALB: _Verbs(balancers.change, balancers.read),
    TARGET_GROUP: _Verbs(balancers.change, balancers.read),
}


async def apply(world: Calls, settings: Settings) -> list[Changed]:
    """Set everything, one target after the other. Raises `RequestFailed`, `ApiError`, `CallFailed`."""
    changed = []
    for target, values in settings.items():
        changed += await _BY_KIND[target.kind].change(world, target, values)
    return changed


async def read(world: Calls, target: Target) -> dict[str, Any]:
    """What is set on a target. Raises as `apply` does."""
    return await _BY_KIND[target.kind].read(world, target)
