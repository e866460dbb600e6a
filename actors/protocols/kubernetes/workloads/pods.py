"""What controllers look at in a pod (k8s.io/kubernetes: pkg/api/v1/pod, pkg/controller/controller_utils.go)."""

from functools import lru_cache
from typing import Any

from actors.protocols.kubernetes.timestamps import unix_s

Object = dict[str, Any]

ENDED = ("Succeeded", "Failed")


@lru_cache(8192)
def seconds(text: str) -> float:
    """An API timestamp as seconds since 1970."""
    return unix_s(text)


def condition(value: Object, type: str) -> Object | None:
    """The condition of that type in an object's status."""
    for each in (value.get("status") or {}).get("conditions") or ():
        if each["type"] == type:
            return dict(each)
    return None


def phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def is_terminating(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def has_ended(pod: Object) -> bool:
    """It has run to its end, one way or the other."""
    return phase(pod) in ENDED


def is_active(pod: Object) -> bool:
    """It counts as a replica: neither ended nor on its way out."""
    return not is_terminating(pod) and not has_ended(pod)


def is_ready(pod: Object) -> bool:
    for each in (pod.get("status") or {}).get("conditions") or ():
        if each["type"] == "Ready":
            return bool(each["status"] == "True")
    return False


def ready_since(pod: Object) -> float | None:
    """Since when it is ready (seconds since 1970), None if it is not."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    return seconds(ready["lastTransitionTime"]) if ready.get("lastTransitionTime") else None


def available_in(pod: Object, min_ready_s: int, now_s: float) -> float | None:
    """After how many more seconds it is available (0: it is), None if it is not even ready."""
    if not is_ready(pod):
        return None
    if not min_ready_s:
        return 0.0
    since = ready_since(pod)
    return None if since is None else max(0.0, since + min_ready_s - now_s)


def restarts(pod: Object) -> int:
    """How often one of its containers has been restarted, at most."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((each.get("restartCount", 0) for each in statuses), default=0)


def node_of(pod: Object) -> str:
    """The node that it is bound to, empty if to none."""
    return str(pod["spec"].get("nodeName") or "")
