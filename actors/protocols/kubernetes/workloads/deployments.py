"""A Deployment's revisions, and what it reports of its rollout.

The rules are those of k8s.io/kubernetes: pkg/controller/deployment/progress.go and util/deployment_util.go.
"""

from collections.abc import Sequence
from typing import Any

from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.owners import controller_reference
from actors.protocols.kubernetes.workloads.pod_template import HASH_LABEL, same_but_hash, template_hash
from actors.protocols.kubernetes.workloads.pods import seconds
from actors.protocols.kubernetes.workloads.rolling import (
    DESIRED,
    MOST,
    annotated_number,
    available,
    fenceposts,
    new_size,
    oldest_first,
    reported,
    total,
    wanted,
)

Object = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
HISTORY_LENGTH = 2000
_NOT_COPIED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
)
_NO_DEADLINE = 2**31 - 1

CREATED, FOUND, UPDATED = "NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"
AVAILABLE, TIMED_OUT = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"
PAUSED, RESUMED, FAILED_CREATE = "DeploymentPaused", "DeploymentResumed", "ReplicaSetCreateError"


# ---- ReplicaSets and revisions -----------------------------------------------------------------------------


def find_new(deployment: Object, replica_sets: Sequence[Object]) -> Object | None:
    """The ReplicaSet whose template the Deployment has now, the oldest if there are several."""
    template = deployment["spec"]["template"]
    alike = (each for each in oldest_first(replica_sets) if same_but_hash(each["spec"]["template"], template))
    return next(alike, None)


def revision(replica_set: Object) -> int:
    return annotated_number(replica_set, REVISION) or 0


def next_revision(old: Sequence[Object]) -> int:
    return max(map(revision, old), default=0) + 1


def most_pods(deployment: Object) -> int:
    return wanted(deployment) + fenceposts(deployment).surge


def size_annotations(deployment: Object) -> dict[str, str]:
    """What a ReplicaSet is to remember of the Deployment when it is scaled."""
    return {DESIRED: str(wanted(deployment)), MOST: str(most_pods(deployment))}


def new_annotations(deployment: Object, replica_set: Object, number: int) -> dict[str, str]:
    """All annotations of the new ReplicaSet: the Deployment's, and its revision, raised if it was an older one."""
    own = dict(replica_set["metadata"].get("annotations") or {})
    given = deployment["metadata"].get("annotations") or {}
    own.update({name: value for name, value in given.items() if name not in _NOT_COPIED})
    before = own.get(REVISION, "")
    if revision(replica_set) < number:
        own[REVISION] = str(number)
        if before:
            history = ",".join(each for each in (own.get(HISTORY, ""), before) if each)
            while len(history) > HISTORY_LENGTH:
                history = history.partition(",")[2]
            own[HISTORY] = history
    return own


def new_replica_set(deployment: Object, old: Sequence[Object]) -> Object:
    """The ReplicaSet for the Deployment's present template, with as many pods as there may be."""
    spec, metadata = deployment["spec"], deployment["metadata"]
    hashed = template_hash(spec["template"], (deployment.get("status") or {}).get("collisionCount"))
    given = spec["template"].get("metadata") or {}
    labels = {**(given.get("labels") or {}), HASH_LABEL: hashed}
    selector = spec["selector"]
    matching = {**(selector.get("matchLabels") or {}), HASH_LABEL: hashed}
    value: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{hashed}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [controller_reference(deployment, "Deployment")],
        },
        "spec": {
            "replicas": 0,
            "selector": {**selector, "matchLabels": matching},
            "template": {**spec["template"], "metadata": {**given, "labels": labels}},
        },
    }
    if spec.get("minReadySeconds"):
        value["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    value["spec"]["replicas"] = new_size(deployment, [*old, value], value)
    annotations = new_annotations(deployment, value, next_revision(old))
    value["metadata"]["annotations"] = {**annotations, **size_annotations(deployment)}
    return value


def superfluous(deployment: Object, old: Sequence[Object]) -> list[Object]:
    """Old ReplicaSets beyond `revisionHistoryLimit`, lowest revisions first; those with pods stay."""
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    alive = [each for each in old if "deletionTimestamp" not in each["metadata"]]
    candidates = sorted(alive, key=lambda each: (revision(each), each["metadata"]["creationTimestamp"]))
    return [each for each in candidates[: max(0, len(alive) - limit)] if _is_idle(each)]


def _is_idle(replica_set: Object) -> bool:
    settled = reported(replica_set, "observedGeneration") >= replica_set["metadata"].get("generation", 0)
    return not wanted(replica_set) and not reported(replica_set, "replicas") and settled


# ---- conditions --------------------------------------------------------------------------------------------


def deadline_s(deployment: Object) -> int | None:
    """`progressDeadlineSeconds`, None if there is none."""
    deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
    return None if deadline == _NO_DEADLINE else int(deadline)


def made(type: str, status: str, reason: str, message: str, now_s: float) -> Object:
    """A condition as of now."""
    now = rfc3339(now_s)
    return {
        "type": type,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def find(conditions: Sequence[Object], type: str) -> Object | None:
    return next((each for each in conditions if each["type"] == type), None)


def without(conditions: Sequence[Object], type: str) -> list[Object]:
    return [each for each in conditions if each["type"] != type]


def with_condition(conditions: Sequence[Object], condition: Object) -> list[Object]:
    """The conditions with this one; the same status for the same reason is no news."""
    known = find(conditions, condition["type"])
    if known is not None and known["status"] == condition["status"]:
        if known["reason"] == condition["reason"]:
            return list(conditions)
        condition = {**condition, "lastTransitionTime": known["lastTransitionTime"]}
    return [*without(conditions, condition["type"]), condition]


def paused_condition(deployment: Object, now_s: float) -> Object | None:
    """What is to be said when a Deployment has been paused or resumed, else None."""
    if deadline_s(deployment) is None:
        return None
    conditions = (deployment.get("status") or {}).get("conditions") or []
    reason = (find(conditions, "Progressing") or {}).get("reason")
    if reason == TIMED_OUT:
        return None
    paused = bool(deployment["spec"].get("paused"))
    if paused and reason != PAUSED:
        return made("Progressing", "Unknown", PAUSED, "Deployment is paused", now_s)
    if not paused and reason == PAUSED:
        return made("Progressing", "Unknown", RESUMED, "Deployment is resumed", now_s)
    return None


# ---- status ------------------------------------------------------------------------------------------------


def counted_status(
    deployment: Object, everyone: Sequence[Object], new: Object | None, now_s: float
) -> Object:
    """The status without what the rollout's progress adds to its conditions."""
    old = deployment.get("status") or {}
    available_now = available(everyone)
    counts = {
        "replicas": sum(reported(each, "replicas") for each in everyone),
        "updatedReplicas": reported(new, "replicas") if new is not None else 0,
        "readyReplicas": sum(reported(each, "readyReplicas") for each in everyone),
        "availableReplicas": available_now,
        "unavailableReplicas": max(0, total(everyone) - available_now),
    }
    minimum = wanted(deployment) - fenceposts(deployment).unavailable
    if available_now >= minimum:
        told = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        told = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    conditions = with_condition(old.get("conditions") or [], made("Available", *told, now_s))
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        **{name: count for name, count in counts.items() if count},
        "conditions": conditions,
    }
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    return status


def rollout_status(
    deployment: Object, everyone: Sequence[Object], new: Object | None, now_s: float
) -> Object:
    """The status with the conditions `Progressing` and `ReplicaFailure`."""
    status = counted_status(deployment, everyone, new, now_s)
    conditions = status["conditions"]
    current = find(conditions, "Progressing")
    has_deadline = deadline_s(deployment) is not None
    if not has_deadline:
        conditions = without(conditions, "Progressing")
    done_already = (
        status.get("replicas", 0) == status.get("updatedReplicas", 0)
        and current is not None
        and current["reason"] == AVAILABLE
    )
    if has_deadline and not done_already:
        conditions = _progress(deployment, status, conditions, new, now_s)
    conditions = without(conditions, "ReplicaFailure")
    failures = [found for each in _first(new, everyone) if (found := _failure(each)) is not None]
    if failures:
        known = find(status["conditions"], "ReplicaFailure") or {}
        same = (known.get("reason"), known.get("status")) == (failures[0]["reason"], failures[0]["status"])
        conditions.append(known if same else {**failures[0], "lastUpdateTime": rfc3339(now_s)})
    return {**status, "conditions": conditions}


def _first(new: Object | None, everyone: Sequence[Object]) -> list[Object]:
    others = [each for each in everyone if each is not new]
    return [new, *others] if new is not None else others


def _failure(replica_set: Object) -> Object | None:
    return find((replica_set.get("status") or {}).get("conditions") or [], "ReplicaFailure")


def _progress(
    deployment: Object, status: Object, conditions: list[Object], new: Object | None, now_s: float
) -> list[Object]:
    what = f'Deployment "{deployment["metadata"]["name"]}"'
    if new is not None:
        what = f'ReplicaSet "{new["metadata"]["name"]}"'
    current = find(conditions, "Progressing")
    if is_complete(deployment, status):
        message = f"{what} has successfully progressed."
        return with_condition(conditions, made("Progressing", "True", AVAILABLE, message, now_s))
    if _has_progressed(deployment.get("status") or {}, status):
        told = made("Progressing", "True", UPDATED, f"{what} is progressing.", now_s)
        if current is not None and current["status"] == "True":
            told["lastTransitionTime"] = current["lastTransitionTime"]
        return [*without(conditions, "Progressing"), told]
    if has_timed_out(deployment, status, now_s):
        message = f"{what} has timed out progressing."
        return with_condition(conditions, made("Progressing", "False", TIMED_OUT, message, now_s))
    return conditions


def is_complete(deployment: Object, status: Object) -> bool:
    """All replicas are new ones and available, and no old ones are left."""
    replicas = wanted(deployment)
    names = ("updatedReplicas", "replicas", "availableReplicas")
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return seen and all(status.get(name, 0) == replicas for name in names)


def _has_progressed(before: Object, now: Object) -> bool:
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    old_now = now.get("replicas", 0) - now.get("updatedReplicas", 0)
    rises = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_now < old_before or any(now.get(name, 0) > before.get(name, 0) for name in rises)


def has_timed_out(deployment: Object, status: Object, now_s: float) -> bool:
    """Nothing has moved for longer than the deadline."""
    deadline, current = deadline_s(deployment), find(status["conditions"], "Progressing")
    if deadline is None or current is None or current["reason"] == AVAILABLE:
        return False
    return current["reason"] == TIMED_OUT or seconds(current["lastUpdateTime"]) + deadline < now_s


def look_again_in(deployment: Object, status: Object, now_s: float) -> float | None:
    """After how many seconds the deadline may have passed; None if it cannot."""
    deadline, current = deadline_s(deployment), find(status["conditions"], "Progressing")
    if deadline is None or current is None or is_complete(deployment, status):
        return None
    if current["reason"] == TIMED_OUT:
        return None
    return max(0.0, seconds(current["lastUpdateTime"]) + deadline - now_s) + 1
