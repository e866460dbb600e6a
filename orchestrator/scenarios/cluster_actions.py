"""What a timeline does to the cluster in kubectl's words: drain, uncordon, patch."""

import asyncio
from typing import Any

from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError
from orchestrator.config.errors import suggestion
from orchestrator.control.api import RequestFailed
from orchestrator.kubernetes.cluster import MERGE, Object
from orchestrator.kubernetes.draining import eviction, plan
from orchestrator.kubernetes.workloads import is_scaled, progress
from orchestrator.settings.cluster import AsyncCluster
from orchestrator.settings.words import refuse

AGAIN_S = 5.0
"""How long kubectl waits before it evicts a pod again that may not go now."""
TRIES = 60


def object_of(target: str) -> tuple[str, str | None, str]:
    """`ingress/nginx`, `ingress/shop/nginx`: kind, namespace (None: it has none), name. Raises `RequestFailed`."""
    kind, *rest = target.split("/")
    known = {each.lower(): each for each in BY_KIND}
    if kind.lower() not in known:
        raise refuse(
            f"there is no kind {kind!r} of object{suggestion(kind.lower(), known, otherwise='kinds are')}"
        )
    resource = BY_KIND[known[kind.lower()]]
    if not 1 <= len(rest) <= 2 or not all(rest):
        raise refuse(f"which {kind}? Say it like {kind}/NAME")
    namespace = rest[0] if len(rest) == 2 else "default"
    return known[kind.lower()], namespace if resource.namespaced else None, rest[-1]


async def patch(cluster: AsyncCluster, target: str, change: Object) -> None:
    """Merge a change into an object. Raises `RequestFailed`, with what Kubernetes says."""
    kind, namespace, name = object_of(target)
    try:
        await _patch(cluster, kind, namespace, name, change)
    except ApiError as error:
        raise RequestFailed(f"Error from server ({error.reason}): {error.message}", 2) from None


def object_in(manifest: Object) -> tuple[str, str | None, str]:
    """What a manifest is of, as `object_of` tells it. Raises `RequestFailed`."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise refuse("a manifest has metadata with a name")
    if not isinstance(manifest.get("kind"), str):
        raise refuse("a manifest has a kind")
    return object_of(f"{manifest['kind']}/{metadata.get('namespace', 'default')}/{metadata['name']}")


def shown(manifest: Object) -> str:
    kind, _, name = object_in(manifest)
    return f"{kind.lower()}/{name}"


async def apply(cluster: AsyncCluster, manifest: Object) -> None:
    """Make an object, or merge it into the one that there is. Raises `RequestFailed`."""
    kind, namespace, _ = object_in(manifest)
    try:
        await cluster.request("POST", BY_KIND[kind].path(namespace), manifest, fieldManager="journey")
    except ApiError as error:
        if error.code != 409:
            raise RequestFailed(f"Error from server ({error.reason}): {error.message}", 2) from None
        await patch(cluster, f"{kind}/{namespace or 'default'}/{manifest['metadata']['name']}", manifest)


async def delete(cluster: AsyncCluster, target: str) -> None:
    """Raises `RequestFailed`."""
    kind, namespace, name = object_of(target)
    try:
        await cluster.request("DELETE", BY_KIND[kind].path(namespace, name))
    except ApiError as error:
        raise RequestFailed(f"Error from server ({error.reason}): {error.message}", 2) from None


async def _patch(cluster: AsyncCluster, kind: str, namespace: str | None, name: str, change: Object) -> None:
    path = BY_KIND[kind].path(namespace, name)
    await cluster.request("PATCH", path, change, content_type=MERGE, fieldManager="journey")


async def uncordon(cluster: AsyncCluster, node: str) -> None:
    """The node takes pods again. Raises `RequestFailed`."""
    await patch(cluster, f"node/{node}", {"spec": {"unschedulable": None}})


async def drain(cluster: AsyncCluster, node: str) -> None:
    """The node takes no new pods, and those that it has are asked to go, again and again where they may not yet.

    Raises `RequestFailed`."""
    await patch(cluster, f"node/{node}", {"spec": {"unschedulable": True}})
    todo = plan(await _pods_on(cluster, node), force=False, delete_emptydir_data=False)
    if todo.objections:
        raise refuse(f"unable to drain node {node!r}: {'; '.join(todo.objections)}")
    await asyncio.gather(*(_evict(cluster, pod) for pod in todo.evict))


async def _evict(cluster: AsyncCluster, pod: Object) -> None:
    path, body = eviction(pod, None)
    for _ in range(TRIES):
        try:
            await cluster.request("POST", path, body)
            return
        except ApiError as error:
            if error.code in (404, 409):
                return  # it has gone meanwhile, or another one has its name
            if error.code != 429:
                raise RequestFailed(f"Error from server ({error.reason}): {error.message}", 2) from None
        await asyncio.sleep(AGAIN_S)
    raise RequestFailed(f"{pod['metadata']['name']} may not be evicted", 3)


async def is_over(cluster: AsyncCluster, target: str) -> bool:
    """Whether a deployment has come to rest, or a drained node has none of the pods that it had to give away."""
    kind, _, name = target.partition("/")
    if kind == "node":
        pods = await _pods_on(cluster, name)
        return not plan(pods, force=True, delete_emptydir_data=True).evict
    namespace, slash, own = name.rpartition("/")
    found: dict[str, Any] = await cluster.get("Deployment", own, namespace if slash else "default")
    return is_scaled(found) and progress(found).done


async def _pods_on(cluster: AsyncCluster, node: str) -> list[Object]:
    return [pod for pod in await cluster.every("Pod") if pod["spec"].get("nodeName") == node]
