"""Which nodes a DaemonSet has pods on, which pods a rolling update replaces, and what it reports.

The rules are those of k8s.io/kubernetes: pkg/controller/daemon (daemon_controller.go, update.go, util).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from actors.protocols.kubernetes import node_affinity
from actors.protocols.kubernetes.taints import NOT_READY, UNREACHABLE, UNSCHEDULABLE, untolerated
from actors.protocols.kubernetes.workloads.owners import controller_reference
from actors.protocols.kubernetes.workloads.pod_template import pod_from, template_hash
from actors.protocols.kubernetes.workloads.pods import (
    available_in,
    has_ended,
    is_ready,
    is_terminating,
    node_of,
    phase,
)
from actors.protocols.kubernetes.workloads.rolling import scaled

Object = dict[str, Any]
Pods = Mapping[str, Sequence[Object]]
"""A DaemonSet's pods by the name of the node that each is for."""

HASH_LABEL = "controller-revision-hash"
_TOLERATED = (
    (NOT_READY, "NoExecute"),
    (UNREACHABLE, "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    (UNSCHEDULABLE, "NoSchedule"),
)


class Changes(NamedTuple):
    """The nodes that get a pod, and the pods that go; `failed` are those of them that have failed there."""

    create: list[str]
    delete: list[Object]
    failed: list[Object]


# ---- pods --------------------------------------------------------------------------------------------------


def daemon_pod(daemon_set: Object, node: str, hashed: str) -> Object:
    """A pod for one node: the scheduler binds it to that one and no other."""
    pod = pod_from(daemon_set["spec"]["template"], daemon_set, "DaemonSet")
    metadata, spec = pod["metadata"], pod["spec"]
    labels = {**metadata.get("labels", {}), HASH_LABEL: hashed}
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = spec.get("affinity") or {}
    nodes = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": required,
    }
    return {
        **pod,
        "metadata": {**metadata, "labels": labels},
        "spec": {
            **spec,
            "affinity": {**affinity, "nodeAffinity": nodes},
            "tolerations": tolerations(spec),
        },
    }


def tolerations(spec: Object) -> list[Object]:
    """The template's, and those that every daemon has."""
    given = list(spec.get("tolerations") or ())
    automatic = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED]
    if spec.get("hostNetwork"):
        key = "node.kubernetes.io/network-unavailable"
        automatic.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    return [*given, *(each for each in automatic if each not in given)]


def target_of(pod: Object) -> str:
    """The node that a pod is on, or is for."""
    pinned = node_affinity.pinned(pod["spec"])
    return node_of(pod) or (min(pinned) if pinned else "")


def eligible(daemon_set: Object, node: Object) -> tuple[bool, bool]:
    """Whether a node should get a pod, and whether one that is there may stay."""
    spec = daemon_set["spec"]["template"]["spec"]
    if spec.get("nodeName") and spec["nodeName"] != node["metadata"]["name"]:
        return False, False
    if not node_affinity.matches(spec, node):
        return False, False
    taints = (node.get("spec") or {}).get("taints") or ()
    tolerated = tolerations(spec)
    if untolerated(taints, tolerated) is None:
        return True, True
    return False, untolerated(taints, tolerated, ("NoExecute",)) is None


# ---- which pods --------------------------------------------------------------------------------------------


def changes(daemon_set: Object, nodes: Sequence[Object], pods: Pods, hashed: str) -> Changes:
    """Make it one pod on every eligible node, and none elsewhere."""
    found = Changes([], [], [])
    names = set()
    for node in nodes:
        name = node["metadata"]["name"]
        names.add(name)
        here = [pod for pod in pods.get(name, ()) if not is_terminating(pod)]
        run, stay = eligible(daemon_set, node)
        if not stay:
            found.delete.extend(here)
            continue
        failed = [pod for pod in here if has_ended(pod)]
        found.failed.extend(pod for pod in failed if phase(pod) == "Failed")
        found.delete.extend(failed)
        alive = [pod for pod in here if not has_ended(pod)]
        if run and not here and not pods.get(name):
            found.create.append(name)
        found.delete.extend(_surplus(daemon_set, alive, hashed))
    for name in sorted(set(pods) - names):
        found.delete.extend(pod for pod in pods[name] if not is_terminating(pod) and node_of(pod) == "")
    return found


def _surplus(daemon_set: Object, alive: Sequence[Object], hashed: str) -> list[Object]:
    """All but the oldest; while a rolling update may have one more, all but the oldest old and the oldest new."""
    oldest_first = sorted(alive, key=_age)
    if not bounds(daemon_set, 1)[0]:
        return oldest_first[1:]
    new = [pod for pod in oldest_first if is_updated(pod, hashed)]
    old = [pod for pod in oldest_first if not is_updated(pod, hashed)]
    return [*new[1:], *old[1:]]


def _age(pod: Object) -> tuple[bool, str, str]:
    metadata = pod["metadata"]
    return not node_of(pod), metadata["creationTimestamp"], metadata["name"]


def is_updated(pod: Object, hashed: str) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(HASH_LABEL) == hashed)


def bounds(daemon_set: Object, desired: int) -> tuple[int, int]:
    """maxSurge and maxUnavailable of a rolling update, both rounded up; at least one of them is not 0."""
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return 0, 0
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", 0), desired, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", 1), desired, up=True)
    return surge, unavailable if surge or unavailable else 1


def replacements(
    daemon_set: Object, nodes: Sequence[Object], pods: Pods, hashed: str, now_s: float
) -> Changes:
    """What a rolling update does now: old pods that go, and with maxSurge nodes that get a new one first."""
    running = [node["metadata"]["name"] for node in nodes if eligible(daemon_set, node)[0]]
    surge, most = bounds(daemon_set, len(running))
    min_ready_s = daemon_set["spec"].get("minReadySeconds", 0)
    found, unavailable, candidates, surging, crowded = Changes([], [], []), 0, [], 0, []
    for name in running:
        alive = [pod for pod in pods.get(name, ()) if not is_terminating(pod)]
        new = [pod for pod in alive if is_updated(pod, hashed)]
        old = [pod for pod in alive if not is_updated(pod, hashed)]
        good = {pod["metadata"]["uid"] for pod in alive if available_in(pod, min_ready_s, now_s) == 0}
        if surge:
            if new and old:
                if new[0]["metadata"]["uid"] in good:
                    found.delete.extend(old)
                else:
                    surging += 1
            elif old and old[0]["metadata"]["uid"] in good:
                crowded.append(name)
            elif old:
                found.create.append(name)
        elif old and not new:
            if old[0]["metadata"]["uid"] in good:
                candidates.append(old[0])
            else:
                unavailable += 1
                found.delete.append(old[0])
        elif not new or old or new[0]["metadata"]["uid"] not in good:
            unavailable += 1
    found.delete.extend(candidates[: max(0, most - unavailable)])
    found.create.extend(crowded[: max(0, surge - surging)])
    return found


# ---- status ------------------------------------------------------------------------------------------------


def report(
    daemon_set: Object, nodes: Sequence[Object], pods: Pods, hashed: str, now_s: float
) -> tuple[Object, float | None]:
    """The status, and after how many seconds it may change by itself."""
    min_ready_s = daemon_set["spec"].get("minReadySeconds", 0)
    names = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    status: Object = dict.fromkeys(names, 0)
    updated = available = 0
    waits = []
    for node in nodes:
        run, _ = eligible(daemon_set, node)
        here = sorted(pods.get(node["metadata"]["name"], ()), key=_age)
        status["desiredNumberScheduled"] += run
        if not here:
            continue
        status["currentNumberScheduled" if run else "numberMisscheduled"] += 1
        if not run:
            continue
        wait = available_in(here[0], min_ready_s, now_s)
        status["numberReady"] += is_ready(here[0])
        available += wait == 0
        updated += any(is_updated(pod, hashed) for pod in here)
        if wait:
            waits.append(wait)
    desired = status["desiredNumberScheduled"]
    more = {
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberUnavailable": desired - available,
    }
    status.update({name: count for name, count in more.items() if count})
    status["observedGeneration"] = daemon_set["metadata"].get("generation", 0)
    return status, min(waits, default=None)


# ---- revisions ---------------------------------------------------------------------------------------------


def revision_data(daemon_set: Object) -> Object:
    """What a ControllerRevision keeps: the strategic merge patch that brings this template back."""
    return {"spec": {"template": {**daemon_set["spec"]["template"], "$patch": "replace"}}}


def new_revision(daemon_set: Object, number: int, collisions: int | None) -> Object:
    data, metadata = revision_data(daemon_set), daemon_set["metadata"]
    hashed = template_hash(data, collisions)
    labels = (daemon_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name']}-{hashed}",
            "namespace": metadata["namespace"],
            "labels": {**labels, HASH_LABEL: hashed},
            "ownerReferences": [controller_reference(daemon_set, "DaemonSet")],
        },
        "data": data,
        "revision": number,
    }


def hash_of(revision: Object) -> str:
    return str(revision["metadata"]["labels"][HASH_LABEL])


def superfluous_revisions(
    daemon_set: Object, revisions: Sequence[Object], current: Object, pods: Pods
) -> list[Object]:
    """Those beyond `revisionHistoryLimit`, lowest first; what some pod still has stays."""
    limit = daemon_set["spec"].get("revisionHistoryLimit", 10)
    labels = ((pod["metadata"].get("labels") or {}) for each in pods.values() for pod in each)
    live = {hash_of(current), *(label.get(HASH_LABEL, "") for label in labels)}
    idle = sorted(
        (each for each in revisions if hash_of(each) not in live), key=lambda each: each["revision"]
    )
    return idle[: max(0, len(idle) - limit)]
