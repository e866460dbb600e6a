"""Whether the cluster has become what its workloads ask for."""

from actors.parts.kubernetes.apiserver.requests import Object
from actors.parts.kubernetes.apiserver.store import Store


def settled(store: Store) -> bool:
    """Every Deployment has its replicas available, and every DaemonSet its pods, as of their latest generation."""
    deployments = all(
        _observed(each) and each["status"].get("availableReplicas", 0) == each["spec"].get("replicas", 1)
        for each in store.objects("Deployment")
    )
    return deployments and all(
        _observed(each)
        and each["status"].get("numberAvailable", 0) == each["status"].get("desiredNumberScheduled", 0)
        for each in store.objects("DaemonSet")
    )


def _observed(value: Object) -> bool:
    observed: int = (value.get("status") or {}).get("observedGeneration", 0)
    return observed >= value["metadata"].get("generation", 0)
