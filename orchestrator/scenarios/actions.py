"""What happens in a scenario before its load and on its timeline."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from actors.element import CallFailed
from orchestrator.control.api import RequestFailed
from orchestrator.kubernetes.workloads import is_scaled, progress
from orchestrator.scenarios.models import (
    Action,
    KillAction,
    RestartAction,
    ScaleAction,
    SetAction,
    Values,
)
from orchestrator.scenarios.scene import Scene
from orchestrator.settings import deployments, pods, verbs
from orchestrator.settings.words import DEPLOYMENT, POD, as_text, from_mapping, target_of

POLL_S = 0.1
PATIENCE_S = 120.0
ALB = "alb"


class NotReady(Exception):
    """A world did not become what the scenario begins with; says what is missing."""


async def prepare(scene: Scene, values: Values) -> None:
    """Set everything before the load begins, and wait for deployments to be as large as they are to be.

    Raises `NotReady`, `RequestFailed`."""
    for target, settings in from_mapping(values).items():
        await verbs.apply(scene, {target: settings})
        if target.kind == DEPLOYMENT:
            await _until_scaled(scene, target.name)


async def _until_scaled(scene: Scene, name: str) -> None:
    namespace, slash, own = name.rpartition("/")
    cluster, waited_s = deployments.cluster_of(scene), 0.0
    while True:
        found = await cluster.get("Deployment", own, namespace if slash else "default")
        replicas = found["spec"].get("replicas", 1)
        if is_scaled(found) and progress(found).done and await _in_service(scene, replicas):
            await scene.settled()
            return
        if waited_s >= PATIENCE_S:
            ready = found.get("status", {}).get("readyReplicas", 0)
            raise NotReady(f"deployment {name} has {ready} of {replicas} pods ready after {waited_s:.0f} s")
        await asyncio.sleep(POLL_S)
        waited_s += POLL_S


async def _in_service(scene: Scene, replicas: int) -> bool:
    """Whether every node of the load balancer has at least so many healthy targets."""
    for node in [name for name, kind in scene.kinds().items() if kind == ALB]:
        groups = (await scene.call(node, "inspect")).get("target_groups", {})
        targets = [target for group in groups.values() for target in group["targets"]]
        if sum(target["state"] == "healthy" for target in targets) < replicas:
            return False
    return True


async def act(scene: Scene, action: Action) -> dict[str, Any]:
    """Do it; what was done, in words, and what became of it. Raises `RequestFailed`."""
    match action:
        case SetAction():
            settings = {key: as_text(value) for key, value in action.to.items()}
            await verbs.apply(scene, {target_of(action.target): settings})
            what = f"set {action.target} {' '.join(f'{key}={value}' for key, value in settings.items())}"
        case ScaleAction():
            target = target_of(action.target)
            await verbs.apply(scene, {target: {"replicas": str(action.replicas)}})
            what = f"scale {action.target} to {action.replicas}"
        case RestartAction():
            stamp = datetime.fromtimestamp(scene.unix_s(), UTC).isoformat(timespec="seconds")
            await deployments.restart(scene, target_of(action.target).name, stamp)
            what = f"rollout restart of {action.target}"
        case KillAction():
            element = await _element(scene, action.target)
            try:
                await scene.kill(element)
            except CallFailed as error:
                raise RequestFailed(str(error), 3) from None
            what = f"kill -9 of {action.target}"
    return {"what": what}


async def _element(scene: Scene, target: str) -> str:
    if target.startswith(f"{POD}/"):
        return await pods.element_of(scene, target_of(target).name)
    return target
