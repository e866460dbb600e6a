"""Whether a TargetGroupBinding has come to rest: ready pods are targets, and targets are healthy."""

from collections.abc import Sequence

from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.load_balancer_controller.balancer_node import BalancerNode
from actors.parts.load_balancer_controller.cluster import Cluster
from actors.parts.load_balancer_controller.endpoints import BackendNotFound, condition


async def are_healthy(
    binding: Object, arn: str, cluster: Cluster, nodes: Sequence[BalancerNode], client: KubeClient
) -> bool:
    """Asks the nodes and the API server: what the informers know may be a moment old. Raises `ApiError`."""
    try:
        service, targets = cluster.service_of(binding), cluster.targets_of(binding)
    except BackendNotFound:
        return True
    for node in nodes:
        if not await node.is_healthy(arn, targets):
            return False
    return await _ready_addresses(service, client) <= {target.id for target in targets}


async def _ready_addresses(service: Object, client: KubeClient) -> set[str]:
    selector = ",".join(f"{name}={value}" for name, value in (service["spec"].get("selector") or {}).items())
    if not selector:
        return set()
    listing = await client.list("Pod", service["metadata"]["namespace"], label_selector=selector)
    return {
        pod["status"]["podIP"]
        for pod in listing.items
        if "deletionTimestamp" not in pod["metadata"]
        and condition(pod, "Ready") == "True"
        and pod["status"].get("podIP")
    }
