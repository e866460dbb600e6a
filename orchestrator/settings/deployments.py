"""A deployment's replicas, and its restart."""

from typing import Any

from orchestrator.kubernetes.workloads import RESTARTED_AT
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.settings.words import Calls, Changed, Target, refuse

REPLICAS = "replicas"


def cluster_of(world: Calls) -> AsyncCluster:
    """Raises `RequestFailed`."""
    server = server_of(world)
    if server is None:
        raise refuse("this world has no Kubernetes API server (an element of kind kube_api)")
    return AsyncCluster(world, server)


async def change(world: Calls, target: Target, settings: dict[str, str]) -> list[Changed]:
    """Scale. Raises `RequestFailed`, and `ApiError` where Kubernetes refuses."""
    for key in settings:
        if key != REPLICAS:
            raise refuse(f"unknown key {key!r}; a deployment has {REPLICAS}")
    text = settings[REPLICAS]
    if not text.isdecimal():
        raise refuse(f"{REPLICAS} is a whole number, not {text!r}")
    cluster, (namespace, name) = cluster_of(world), _parts(target.name)
    before = await cluster.get("Deployment", name, namespace)
    await cluster.patch("Deployment", name, {"spec": {REPLICAS: int(text)}}, namespace, "scale")
    replicas = str(before["spec"].get(REPLICAS, 1))
    return [] if replicas == text else [Changed(target, REPLICAS, replicas, text)]


async def read(world: Calls, target: Target) -> dict[str, Any]:
    """How many it wants, and how many are ready."""
    namespace, name = _parts(target.name)
    found = await cluster_of(world).get("Deployment", name, namespace)
    ready = found.get("status", {}).get("readyReplicas", 0)
    replicas = str(found["spec"].get(REPLICAS, 1))
    return {"target": str(target), "ready": ready, "settings": {REPLICAS: replicas}}


async def restart(world: Calls, name: str, stamp: str) -> None:
    """As `kubectl rollout restart` does it: the template gets another annotation."""
    namespace, own = _parts(name)
    change = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
    await cluster_of(world).patch("Deployment", own, change, namespace)


def _parts(name: str) -> tuple[str, str]:
    namespace, slash, own = name.rpartition("/")
    return (namespace if slash else "default"), own
