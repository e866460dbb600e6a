"""The row of a pod, with its STATUS, which no field holds: it is worked out here."""

from typing import Any

from actors.protocols.kubernetes.printers.common import (
    AGE,
    NAME,
    NONE,
    Column,
    Object,
    Printer,
    age,
    name_of,
    since,
    spec,
    status,
    wide,
)

COLUMNS = (
    NAME,
    Column("Ready", description="The aggregate readiness state of this pod for accepting traffic."),
    Column("Status", description="The aggregate status of the containers in this pod."),
    Column("Restarts", description="The number of times the containers in this pod have been restarted and when the"
           " last container in this pod has restarted."),
    AGE,
    wide("IP", "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated."),
    wide("Node", "NodeName indicates in which node this pod is scheduled."),
    wide("Nominated Node", "nominatedNodeName is set only when this pod preempts other pods on the node."),
    wide("Readiness Gates", "If specified, all readiness gates will be evaluated for pod readiness."),
)  # fmt: skip


def cells(pod: Object, now: float) -> list[Any]:
    of_spec, of_status = spec(pod), status(pod)
    ready, total, restarts, last_restart = _counts(of_spec, of_status)
    restarts_text = str(restarts)
    if restarts and last_restart:
        restarts_text = f"{restarts} ({since(last_restart, now)} ago)"
    addresses = [each["ip"] for each in of_status.get("podIPs") or [] if each.get("ip")]
    return [
        name_of(pod),
        f"{ready}/{total}",
        status_text(pod),
        restarts_text,
        age(pod, now),
        addresses[0] if addresses else of_status.get("podIP") or NONE,
        of_spec.get("nodeName") or NONE,
        of_status.get("nominatedNodeName") or NONE,
        _gates(of_spec, of_status),
    ]


def _restartable(container: Object) -> bool:
    return container.get("restartPolicy") == "Always"


def _counts(of_spec: Object, of_status: Object) -> tuple[int, int, int, str]:
    """Ready containers, all containers, restarts, and when the last of those was."""
    sidecars = {each["name"] for each in of_spec.get("initContainers") or [] if _restartable(each)}
    inits = list(of_status.get("initContainerStatuses") or [])
    mains = of_status.get("containerStatuses") or []
    counted = mains + [each for each in inits if each.get("name") in sidecars]
    if _initializing(of_spec, of_status):
        counted_restarts = inits
    else:
        counted_restarts = counted
    finished = [
        ((each.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""
        for each in counted_restarts
    ]
    ready = sum(bool(each.get("ready")) and "running" in (each.get("state") or {}) for each in mains)
    ready += sum(bool(each.get("ready")) for each in inits if each.get("name") in sidecars)
    total = len(of_spec.get("containers") or []) + len(sidecars)
    restarts = sum(each.get("restartCount") or 0 for each in counted_restarts)
    return ready, total, restarts, max(finished, default="")


def status_text(pod: Object) -> str:
    """What `kubectl get pods` shows as STATUS."""
    of_spec, of_status = spec(pod), status(pod)
    reason = of_status.get("reason") or of_status.get("phase") or "Unknown"
    conditions = {each.get("type"): each for each in of_status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False" and scheduled.get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    initializing = _init_reason(of_spec, of_status)
    if initializing:
        reason = initializing
    if not initializing or _condition_true(conditions.get("Initialized")):
        reason = _main_reason(of_status, conditions, reason)
    if pod["metadata"].get("deletionTimestamp"):
        if of_status.get("reason") == "NodeLost":
            return "Unknown"
        if of_status.get("phase") not in ("Failed", "Succeeded"):
            return "Terminating"
    return reason


def _condition_true(condition: Object | None) -> bool:
    return bool(condition and condition.get("status") == "True")


def _initializing(of_spec: Object, of_status: Object) -> bool:
    conditions = {each.get("type"): each for each in of_status.get("conditions") or []}
    return bool(_init_reason(of_spec, of_status)) and not _condition_true(conditions.get("Initialized"))


def _init_reason(of_spec: Object, of_status: Object) -> str:
    """What the first init container that is not through says; empty if all are."""
    given = {each["name"]: each for each in of_spec.get("initContainers") or []}
    for position, each in enumerate(of_status.get("initContainerStatuses") or []):
        state = each.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode") == 0:
            continue
        if _restartable(given.get(each.get("name"), {})) and each.get("started"):
            continue
        if terminated is not None:
            return "Init:" + (terminated.get("reason") or _exit(terminated))
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}"
        return f"Init:{position}/{len(given)}"
    return ""


def _exit(terminated: Object) -> str:
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _main_reason(of_status: Object, conditions: dict[Any, Object], reason: str) -> str:
    """The first container that has something to say decides: the last one in the loop is the first in the list."""
    running = False
    for each in reversed(of_status.get("containerStatuses") or []):
        state = each.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated is not None:
            reason = terminated.get("reason") or _exit(terminated)
        elif each.get("ready") and "running" in state:
            running = True
    if reason == "Completed" and running:
        return "Running" if _condition_true(conditions.get("Ready")) else "NotReady"
    return reason


def _gates(of_spec: Object, of_status: Object) -> str:
    gates = of_spec.get("readinessGates") or []
    if not gates:
        return NONE
    true = {each.get("type") for each in of_status.get("conditions") or [] if each.get("status") == "True"}
    return f"{sum(each['conditionType'] in true for each in gates)}/{len(gates)}"


POD = Printer(COLUMNS, cells)
