"""What a ReplicaSet reports of itself (k8s.io/kubernetes: pkg/controller/replicaset/replica_set_utils.go)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.pods import available_in, is_ready

Object = dict[str, Any]

BURST = 500
"""How many pods one sync creates or deletes at most."""


class Failure(NamedTuple):
    """Why replicas could not be made what they should be: `FailedCreate` or `FailedDelete`."""

    reason: str
    message: str


class Report(NamedTuple):
    """The status, and after how many seconds it may change by the passing of time alone."""

    status: Object
    again_in: float | None


def report(replica_set: Object, pods: Sequence[Object], failure: Failure | None, now_s: float) -> Report:
    """The status of a ReplicaSet with these active pods."""
    spec = replica_set["spec"]
    labels = ((spec["template"].get("metadata") or {}).get("labels") or {}).items()
    min_ready_s = spec.get("minReadySeconds", 0)
    waits = [available_in(pod, min_ready_s, now_s) for pod in pods]
    counts = {
        "fullyLabeledReplicas": sum(labels <= (pod["metadata"].get("labels") or {}).items() for pod in pods),
        "readyReplicas": sum(map(is_ready, pods)),
        "availableReplicas": sum(wait == 0 for wait in waits),
    }
    status = {
        "replicas": len(pods),
        **{name: count for name, count in counts.items() if count},
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
    conditions = _conditions(replica_set, failure, now_s)
    if conditions:
        status["conditions"] = conditions
    return Report(status, min((wait for wait in waits if wait), default=None))


def _conditions(replica_set: Object, failure: Failure | None, now_s: float) -> list[Object]:
    old = (replica_set.get("status") or {}).get("conditions") or []
    known = next((each for each in old if each["type"] == "ReplicaFailure"), None)
    others = [each for each in old if each is not known]
    if failure is None:
        return others
    if known is not None:
        return list(old)
    told = {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": rfc3339(now_s),
        "reason": failure.reason,
        "message": failure.message,
    }
    return [*others, told]


def batches(count: int) -> list[int]:
    """A slow start: 1, 2, 4, ... so that what cannot be created is not asked for many times."""
    sizes, size = [], 1
    while count > 0:
        sizes.append(min(size, count))
        count -= size
        size *= 2
    return sizes
