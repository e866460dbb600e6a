"""What becomes of a node that is not heard of, and of the pods on it.

The rules are those of k8s.io/kubernetes: pkg/controller/nodelifecycle and pkg/controller/tainteviction.
"""

from collections.abc import Sequence
from typing import Any

from actors.protocols.kubernetes.taints import NOT_READY, UNREACHABLE, UNSCHEDULABLE, tolerates
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.pods import seconds

Object = dict[str, Any]

GRACE_S = 50.0
"""A node that has not been heard of for so long is unknown: --node-monitor-grace-period, which was 40 s before 1.32
(kubernetes/kubernetes#127352 has the reasons, and wants still more)."""
MONITOR_S = 5.0

_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_PRESSURES = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_MANAGED = (NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values())


def unknown_conditions(node: Object, now_s: float) -> list[Object]:
    """The conditions of a node that is silent."""
    conditions = list((node.get("status") or {}).get("conditions") or ())
    known = {each["type"]: each for each in conditions}
    now = rfc3339(now_s)
    unknown = {"status": "Unknown", "lastTransitionTime": now}
    found = []
    for each in conditions:
        if each["type"] in _CONDITIONS and each["status"] != "Unknown":
            why = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
            found.append({**each, **unknown, **why})
        else:
            found.append(each)
    for name in _CONDITIONS:
        if name not in known:
            why = {"reason": "NodeStatusNeverUpdated", "message": "Kubelet never posted node status."}
            made = {"type": name, **unknown, **why}
            found.append({**made, "lastHeartbeatTime": node["metadata"]["creationTimestamp"]})
    return found


def ready_status(node: Object) -> str:
    """True, False or Unknown."""
    for each in (node.get("status") or {}).get("conditions") or ():
        if each["type"] == "Ready":
            return str(each["status"])
    return "Unknown"


def taints_for(node: Object, now_s: float) -> list[Object]:
    """The taints that the node's state asks for, in the place of those it has; others stay."""
    wanted = []
    ready = ready_status(node)
    if ready != "True":
        key = NOT_READY if ready == "False" else UNREACHABLE
        wanted += [(key, "NoSchedule"), (key, "NoExecute")]
    for each in (node.get("status") or {}).get("conditions") or ():
        if each["type"] in _PRESSURES and each["status"] == "True":
            wanted.append((_PRESSURES[each["type"]], "NoSchedule"))
    if (node.get("spec") or {}).get("unschedulable"):
        wanted.append((UNSCHEDULABLE, "NoSchedule"))
    old = (node.get("spec") or {}).get("taints") or []
    kept = [each for each in old if each["key"] not in _MANAGED or (each["key"], each["effect"]) in wanted]
    there = {(each["key"], each["effect"]) for each in kept}
    now = rfc3339(now_s)
    new = [
        {"key": key, "effect": effect, "timeAdded": now}
        for key, effect in wanted
        if (key, effect) not in there
    ]
    return [*kept, *new]


def evict_in(pod: Object, taints: Sequence[Object], now_s: float) -> float | None:
    """After how many seconds the pod must leave because of the node's taints; None if it may stay for ever."""
    driving = [taint for taint in taints if taint["effect"] == "NoExecute"]
    if not driving:
        return None
    tolerations = pod["spec"].get("tolerations") or ()
    limits = []
    for taint in driving:
        using = [each for each in tolerations if tolerates(each, taint)]
        if not using:
            return 0.0
        since = seconds(taint["timeAdded"]) if taint.get("timeAdded") else now_s
        limits += [
            max(0.0, since + max(0, each["tolerationSeconds"]) - now_s)
            for each in using
            if each.get("tolerationSeconds") is not None
        ]
    return min(limits, default=None)
