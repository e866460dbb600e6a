"""What happens in a scenario before its load and on its timeline."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from actors.element import CallFailed
from orchestrator.control.api import RequestFailed
from orchestrator.faults.book import FaultBook
from orchestrator.kubernetes.workloads import is_scaled, progress
from orchestrator.scenarios.cluster_actions import apply, delete, drain, is_over, patch, shown, uncordon
from orchestrator.scenarios.fault_actions import act_on_faults
from orchestrator.scenarios.fault_models import ClearAction, FaultAction, FaultSetAction, PartitionAction
from orchestrator.scenarios.models import (
    Action,
    ApplyAction,
    AwsAction,
    DeleteAction,
    DrainAction,
    KillAction,
    LoadAction,
    LoadSetAction,
    PatchAction,
    RestartAction,
    ScaleAction,
    SetAction,
    UncordonAction,
    Values,
    WorldAction,
)
from orchestrator.scenarios.scene import Scene
from orchestrator.settings import balancers, deployments, pods, verbs
from orchestrator.settings.words import DEPLOYMENT, POD, as_text, from_mapping, target_of

POLL_S = 0.1
PATIENCE_S = 120.0
ALB = "alb"

Lasting = ScaleAction | RestartAction | DrainAction
"""What has an end that can be seen."""


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
    """Whether every node of the load balancer has at least so many healthy targets, and none that has left."""
    registered = await balancers.registered(scene)
    for node in [name for name, kind in scene.kinds().items() if kind == ALB]:
        groups = (await scene.call(node, "inspect")).get("target_groups", {})
        targets = [target for group in groups.values() for target in group["targets"]]
        if sum(target["state"] == "healthy" for target in targets) < replicas:
            return False
        if registered is not None and any(
            each["state"] != "draining" and each["target"] not in registered for each in targets
        ):
            return False  # deregistered, and the node has not heard of it yet
    return True


async def act(scene: Scene, action: WorldAction, faults: FaultBook) -> dict[str, Any]:
    """Do it; `what` was done, in words, and `until_s`: when it will be over, if that is known. Raises `RequestFailed`.

    Of faults see `act_on_faults`."""
    match action:
        case SetAction():
            settings = {key: as_text(value) for key, value in action.to.items()}
            await verbs.apply(scene, {target_of(action.target): settings})
            return {
                "what": f"set {action.target} {' '.join(f'{key}={value}' for key, value in settings.items())}"
            }
        case ScaleAction():
            target = target_of(action.target)
            await verbs.apply(scene, {target: {"replicas": str(action.replicas)}})
            return {"what": f"scale {action.target} to {action.replicas}"}
        case RestartAction():
            stamp = datetime.fromtimestamp(scene.unix_s(), UTC).isoformat(timespec="seconds")
            await deployments.restart(scene, target_of(action.target).name, stamp)
            return {"what": f"rollout restart of {action.target}"}
        case DrainAction():
            await drain(deployments.cluster_of(scene), _node(action.target))
            return {"what": f"drain of {action.target}"}
        case UncordonAction():
            await uncordon(deployments.cluster_of(scene), _node(action.target))
            return {"what": f"uncordon of {action.target}"}
        case PatchAction():
            await patch(deployments.cluster_of(scene), action.target, action.with_)
            return {"what": f"patch of {action.target}"}
        case ApplyAction():
            await apply(deployments.cluster_of(scene), action.object)
            return {"what": f"apply of {shown(action.object)}"}
        case DeleteAction():
            await delete(deployments.cluster_of(scene), action.target)
            return {"what": f"delete of {action.target}"}
        case AwsAction():
            await balancers.ask(scene, action.operation, service=action.service, **action.parameters)
            return {"what": f"aws {action.service} {action.operation}"}
        case KillAction():
            element = await _element(scene, action.target)
            try:
                await scene.kill(element)
            except CallFailed as error:
                raise RequestFailed(str(error), 3) from None
            return {"what": f"kill -9 of {action.target}"}
        case FaultAction() | FaultSetAction() | PartitionAction() | ClearAction():
            return await act_on_faults(action, faults)


async def until_over(scene: Scene, action: Lasting) -> None:
    """Wait until what an action began has come to its end."""
    cluster = deployments.cluster_of(scene)
    while True:
        await asyncio.sleep(POLL_S)
        try:
            if await is_over(cluster, action.target):
                return
        except CallFailed:
            continue  # the API server is being started again


def told_as(action: Action) -> tuple[str, str] | None:
    """What dashboards call an action, and what it is of; None for faults, of which a `FaultBook` tells itself."""
    match action:
        case FaultAction() | FaultSetAction() | PartitionAction() | ClearAction():
            return None
        case ApplyAction():
            return action.do, shown(action.object)
        case AwsAction():
            return action.do, f"{action.service} {action.operation}"
        case LoadSetAction() | LoadAction():
            return action.do, "load"
        case _:
            return action.do, action.target


def _node(target: str) -> str:
    return target.removeprefix("node/")


async def _element(scene: Scene, target: str) -> str:
    if target.startswith(f"{POD}/"):
        return await pods.element_of(scene, target_of(target).name)
    return target
