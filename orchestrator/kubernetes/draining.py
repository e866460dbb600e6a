"""Which pods `drain` evicts from a node, and which it leaves or will not touch: kubectl's rules.

Facts: k8s.io/kubectl, pkg/drain/filters.go.
"""

from typing import NamedTuple

from orchestrator.kubernetes.cluster import Cluster, Object

MIRROR = "kubernetes.io/config.mirror"


class Plan(NamedTuple):
    """What a drain would do: `evict` these, leave those of DaemonSets; `objections` if it must not begin."""

    evict: list[Object]
    of_daemon_sets: list[Object]
    objections: list[str]


def plan(pods: list[Object], *, force: bool, delete_emptydir_data: bool) -> Plan:
    """Sort the pods of a node."""
    evict: list[Object] = []
    of_daemon_sets: list[Object] = []
    unmanaged: list[str] = []
    with_data: list[str] = []
    for pod in pods:
        kind, ended = _controller_kind(pod), pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        if MIRROR in pod["metadata"].get("annotations", {}):
            continue
        if kind == "DaemonSet" and not ended:
            of_daemon_sets.append(pod)
            continue
        if kind is None and not ended and not force:
            unmanaged.append(full_name(pod))
        if not ended and not delete_emptydir_data and any("emptyDir" in each for each in _volumes(pod)):
            with_data.append(full_name(pod))
        evict.append(pod)
    objections = []
    if with_data:
        objections.append(
            "cannot delete Pods with local storage (use --delete-emptydir-data to override): "
            + ", ".join(with_data)
        )
    if unmanaged:
        objections.append(
            "cannot delete Pods that declare no controller (use --force to override): " + ", ".join(unmanaged)
        )
    return Plan(evict, of_daemon_sets, objections)


def evict(cluster: Cluster, pod: Object, grace_period_s: int | None) -> None:
    """Ask for a pod to go. Raises `ApiError`: 404 when it has gone already, 429 when it may not go now."""
    cluster.request("POST", *eviction(pod, grace_period_s))


def eviction(pod: Object, grace_period_s: int | None) -> tuple[str, Object]:
    """The path to post to, and the body."""
    metadata = pod["metadata"]
    grace = {} if grace_period_s is None else {"gracePeriodSeconds": grace_period_s}
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": {"preconditions": {"uid": metadata["uid"]}, **grace},
    }
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction", body


def full_name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _controller_kind(pod: Object) -> str | None:
    for owner in pod["metadata"].get("ownerReferences", ()):
        if owner.get("controller"):
            return str(owner["kind"])
    return None


def _volumes(pod: Object) -> list[Object]:
    return pod["spec"].get("volumes") or []
