"""Taints of nodes and tolerations of pods (k8s.io/component-helpers: scheduling/corev1)."""

from collections.abc import Iterable, Sequence
from typing import Any

Object = dict[str, Any]

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
KEEPS_OFF = ("NoSchedule", "NoExecute")


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether a toleration is for a taint: an empty key is for all, an empty effect for all of a key."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") in ("", "Equal"):
        return bool(toleration.get("value", "") == taint.get("value", ""))
    return bool(toleration["operator"] == "Exists")


def untolerated(
    taints: Iterable[Object], tolerations: Sequence[Object], effects: Sequence[str] = KEEPS_OFF
) -> Object | None:
    """The first taint of those effects that nothing tolerates."""
    for taint in taints:
        if taint["effect"] in effects and not any(tolerates(each, taint) for each in tolerations):
            return taint
    return None
