"""How big each ReplicaSet of a Deployment is to be.

The arithmetic is that of k8s.io/kubernetes: pkg/controller/deployment/rolling.go, sync.go, and
util/deployment_util.go. ReplicaSets are objects as the API has them.
"""

from collections.abc import Sequence
from math import floor
from typing import Any, NamedTuple

Object = dict[str, Any]

DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"


class Step(NamedTuple):
    """Give the ReplicaSet of that name this size."""

    name: str
    size: int


class Fenceposts(NamedTuple):
    """How many pods more and how many available pods fewer than wanted there may be."""

    surge: int
    unavailable: int


def wanted(value: Object) -> int:
    """`spec.replicas` of a Deployment or ReplicaSet."""
    replicas = value["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def reported(replica_set: Object, name: str) -> int:
    """A number of its status: `replicas`, `readyReplicas`, `availableReplicas`."""
    return int((replica_set.get("status") or {}).get(name) or 0)


def total(replica_sets: Sequence[Object]) -> int:
    return sum(map(wanted, replica_sets))


def available(replica_sets: Sequence[Object]) -> int:
    return sum(reported(each, "availableReplicas") for each in replica_sets)


def active(replica_sets: Sequence[Object]) -> list[Object]:
    """Those that are to have pods."""
    return [each for each in replica_sets if wanted(each) > 0]


def oldest_first(replica_sets: Sequence[Object]) -> list[Object]:
    return sorted(replica_sets, key=_age)


def _age(replica_set: Object) -> tuple[str, str]:
    metadata = replica_set["metadata"]
    return metadata["creationTimestamp"], metadata["name"]


def scaled(value: int | str, whole: int, *, up: bool) -> int:
    """A number, or a percentage of the whole rounded up or down."""
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * whole
    return -(-share // 100) if up else share // 100


def is_rolling(deployment: Object) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"


def fenceposts(deployment: Object) -> Fenceposts:
    """maxSurge rounds up, maxUnavailable down; when both come out as 0, one pod may be unavailable."""
    if not is_rolling(deployment):
        return Fenceposts(0, 0)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    replicas = wanted(deployment)
    surge = scaled(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Fenceposts(surge, min(unavailable, replicas))


def new_size(deployment: Object, everyone: Sequence[Object], new: Object) -> int:
    """How big the new ReplicaSet may be by now."""
    replicas, own = wanted(deployment), wanted(new)
    if not is_rolling(deployment) or own > replicas:
        return replicas
    room = replicas + fenceposts(deployment).surge - total(everyone)
    return own if room <= 0 else own + min(room, replicas - own)


def old_steps(deployment: Object, old: Sequence[Object], new: Object) -> list[Step]:
    """How the old ReplicaSets shrink now: first what is not available anyway, then the oldest."""
    if total(old) == 0:
        return []
    minimum = wanted(deployment) - fenceposts(deployment).unavailable
    new_unavailable = wanted(new) - reported(new, "availableReplicas")
    most = total(old) + wanted(new) - minimum - new_unavailable
    if most <= 0:
        return []
    sizes = {each["metadata"]["name"]: wanted(each) for each in old}
    steps = []
    for each in oldest_first(old):
        name = each["metadata"]["name"]
        unhealthy = sizes[name] - reported(each, "availableReplicas")
        if most > 0 and sizes[name] and unhealthy > 0:
            down = min(most, unhealthy)
            most, sizes[name] = most - down, sizes[name] - down
            steps.append(Step(name, sizes[name]))
    # Pods that a ReplicaSet has been told to delete do not count, although its status may not say so yet: Kubernetes
    # itself looks at the status alone, and goes below the minimum when the ReplicaSet controller is slow.
    spare = sum(min(reported(each, "availableReplicas"), wanted(each)) for each in (*old, new)) - minimum
    for each in oldest_first(old):
        name = each["metadata"]["name"]
        if spare > 0 and sizes[name]:
            down = min(spare, sizes[name])
            spare, sizes[name] = spare - down, sizes[name] - down
            steps.append(Step(name, sizes[name]))
    return steps


# ---- a Deployment that is scaled ---------------------------------------------------------------------------


def scaling_steps(deployment: Object, new: Object | None, old: Sequence[Object]) -> list[Step]:
    """What scaling the Deployment means for its ReplicaSets; in the middle of a rollout all get their share."""
    everyone = [*old, *([new] if new is not None else [])]
    replicas = wanted(deployment)
    only = _active_or_latest(new, old)
    if only is not None:
        return [Step(only["metadata"]["name"], replicas)]
    if new is not None and _is_saturated(deployment, new):
        return [Step(each["metadata"]["name"], 0) for each in oldest_first(active(old))]
    if not is_rolling(deployment):
        return []
    return _shares(deployment, active(everyone))


def _active_or_latest(new: Object | None, old: Sequence[Object]) -> Object | None:
    everyone = [*old, *([new] if new is not None else [])]
    actives = active(everyone)
    if len(actives) > 1 or not everyone:
        return None
    if actives:
        return actives[0]
    return new if new is not None else oldest_first(old)[-1]


def _is_saturated(deployment: Object, new: Object) -> bool:
    replicas = wanted(deployment)
    annotated = annotated_number(new, DESIRED)
    return wanted(new) == annotated == replicas == reported(new, "availableReplicas")


def annotated_number(value: Object, name: str) -> int | None:
    text = str((value["metadata"].get("annotations") or {}).get(name, ""))
    return int(text) if text.isascii() and text.isdigit() else None


def _shares(deployment: Object, actives: Sequence[Object]) -> list[Step]:
    """The proportional part of each in what is to be added or taken; the biggest one gets what is left over."""
    replicas = wanted(deployment)
    allowed = replicas + fenceposts(deployment).surge if replicas else 0
    change = allowed - total(actives)
    newest_first = list(reversed(oldest_first(actives)))
    by_age = newest_first if change > 0 else oldest_first(actives)
    ordered = sorted(by_age, key=wanted, reverse=True)
    added, sizes = 0, {}
    for each in ordered:
        share = _share(deployment, each, change, added)
        sizes[each["metadata"]["name"]] = wanted(each) + share
        added += share
    if change and ordered:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + change - added)
    return [Step(name, size) for name, size in sizes.items()]


def _share(deployment: Object, replica_set: Object, change: int, added: int) -> int:
    own, replicas = wanted(replica_set), wanted(deployment)
    if not own or change in (0, added):
        return 0
    left = change - added
    if replicas == 0:
        fraction = -own
    else:
        before = annotated_number(replica_set, MOST) or reported(deployment, "replicas") or replicas
        most = replicas + fenceposts(deployment).surge
        fraction = floor(own * most / before + 0.5) - own
    return min(fraction, left) if change > 0 else max(fraction, left)
