"""A pod's `status` as the kubelet writes it: phase, conditions, container statuses. Sans-IO.

Sources: kubernetes pkg/kubelet/kubelet_pods.go (getPhase, convertStatusToAPIStatus), pkg/kubelet/status/generate.go.
"""

from collections.abc import Callable, Iterable
from typing import Any

from actors.protocols.kubelet.containers import Container, Exited, Object, Running, Waiting
from actors.protocols.kubelet.pod import PodMachine
from actors.protocols.kubelet.texts import api_time

EPOCH = "1970-01-01T00:00:00Z"
"""Since when a container has run whose program never did."""

TERMINAL = ("Succeeded", "Failed")

UnixNs = Callable[[int], int]


def phase_of(machine: PodMachine, before: str) -> str:
    """The phase. A terminal one stays; nothing goes back to Pending."""
    if before in TERMINAL:
        return before
    found = _phase(machine)
    return before if found == "Pending" and before == "Running" else found


def _phase(machine: PodMachine) -> str:
    if machine.failure is not None or machine.init_failed:
        return "Failed"
    containers = machine.containers
    if machine.terminating and not machine.any_running:
        return "Succeeded" if all(map(_has_succeeded, containers)) else "Failed"
    if not machine.initialized and not machine.any_begun:
        return "Pending"
    if any(isinstance(each.state, Waiting) and each.exited is None for each in containers):
        return "Pending"
    if not machine.finished:
        return "Running"
    return "Succeeded" if all(map(_has_succeeded, containers)) else "Failed"


def _has_succeeded(container: Container) -> bool:
    return container.exited is not None and container.exited.exit_code == 0


def pod_status(
    machine: PodMachine, pod: Object, host_ip: str, start_ns: int, unix_ns: UnixNs, now_ns: int
) -> Object:
    """The whole status, as it is now. Conditions that have not changed keep their `lastTransitionTime` from `pod`."""
    before = pod.get("status", {})
    phase = phase_of(machine, before.get("phase", "Pending"))
    status: Object = {"phase": phase}
    for key, text in zip(("reason", "message"), machine.failure or (), strict=False):
        if text:
            status[key] = text
    now = api_time(unix_ns(now_ns))
    found = _conditions(machine, pod, phase)
    status["conditions"] = with_transition_times(found, before.get("conditions", ()), now)
    status["hostIP"], status["hostIPs"] = host_ip, [{"ip": host_ip}]
    if machine.sandbox is not None and machine.sandbox.address:
        address = machine.sandbox.address.partition("/")[0]
        status["podIP"], status["podIPs"] = address, [{"ip": address}]
    status["startTime"] = before.get("startTime") or api_time(unix_ns(start_ns))
    if machine.failure is not None and not machine.had_sandbox:
        return status  # it has never had any containers here
    if machine.init:
        status["initContainerStatuses"] = [container_status(each, unix_ns) for each in machine.init]
    status["containerStatuses"] = [container_status(each, unix_ns) for each in machine.containers]
    return status


# ---- conditions ------------------------------------------------------------------------------------------------


def with_transition_times(found: Iterable[Object], before: Iterable[Object], now: str) -> list[Object]:
    """The conditions, each with the time since when it is as it is."""
    known = {each["type"]: each for each in before}
    timed = []
    for condition in found:
        was = known.get(condition["type"])
        same = was is not None and was["status"] == condition["status"]
        since = was["lastTransitionTime"] if same and was and was.get("lastTransitionTime") else now
        timed.append({**condition, "lastProbeTime": None, "lastTransitionTime": since})
    return timed


def _conditions(machine: PodMachine, pod: Object, phase: str) -> list[Object]:
    ready = _containers_ready(machine, phase)
    return [
        _condition(
            "PodReadyToStartContainers", machine.sandbox is not None and bool(machine.sandbox.address)
        ),
        _initialized(machine, phase),
        _pod_ready(ready, pod),
        {**ready, "type": "ContainersReady"},
        _condition("PodScheduled", True),
    ]


def _condition(kind: str, status: bool, reason: str = "", message: str = "") -> Object:
    condition: Object = {"type": kind, "status": "True" if status else "False"}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _initialized(machine: PodMachine, phase: str) -> Object:
    if phase == "Succeeded":
        return _condition("Initialized", True, "PodCompleted")
    incomplete = [each.name for each in machine.init if not each.initialized]
    if not incomplete or (machine.any_begun and phase == "Running"):
        return _condition("Initialized", True)
    message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return _condition("Initialized", False, "ContainersNotInitialized", message)


def _containers_ready(machine: PodMachine, phase: str) -> Object:
    if phase == "Succeeded":
        return _condition("ContainersReady", False, "PodCompleted")
    if phase == "Failed":
        return _condition("ContainersReady", False, "PodFailed")
    counted = [*(each for each in machine.init if each.is_sidecar), *machine.containers]
    unready = [each.name for each in counted if not each.ready]
    if not unready:
        return _condition("ContainersReady", True)
    message = f"containers with unready status: [{' '.join(unready)}]"
    return _condition("ContainersReady", False, "ContainersNotReady", message)


def _pod_ready(containers: Object, pod: Object) -> Object:
    if containers["status"] != "True":
        return {**containers, "type": "Ready"}
    known = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())}
    messages = []
    for gate in pod["spec"].get("readinessGates", ()):
        kind = gate["conditionType"]
        if kind not in known:
            messages.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif known[kind] != "True":
            messages.append(f'the status of pod readiness gate "{kind}" is not "True", but {known[kind]}')
    if messages:
        return _condition("Ready", False, "ReadinessGatesNotReady", ", ".join(messages))
    return _condition("Ready", True)


# ---- containers ------------------------------------------------------------------------------------------------


def container_status(container: Container, unix_ns: UnixNs) -> Object:
    """One element of `containerStatuses`."""
    state = container.state
    status: Object = {
        "name": container.name,
        "state": _state(state, unix_ns),
        "lastState": {} if container.last is None else _state(container.last, unix_ns),
        "ready": container.ready or (container.is_init and not container.is_sidecar and container.succeeded),
        "restartCount": container.restarts,
        "image": container.image,
        "imageID": container.image_id,
        "started": container.started,
    }
    shown = state if not isinstance(state, Waiting) else container.exited
    if shown is not None and shown.id:
        status["containerID"] = f"containerd://{shown.id}"
    return status


def _state(state: Any, unix_ns: UnixNs) -> Object:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        case Running(_, started_ns):
            return {"running": {"startedAt": api_time(unix_ns(started_ns))}}
        case Exited():
            return {"terminated": _terminated(state, unix_ns)}
    raise TypeError(state)


def _terminated(ended: Exited, unix_ns: UnixNs) -> Object:
    terminated: Object = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": EPOCH if ended.started_ns is None else api_time(unix_ns(ended.started_ns)),
        "finishedAt": api_time(unix_ns(ended.finished_ns)),
    }
    if ended.message:
        terminated["message"] = ended.message
    if ended.id:
        terminated["containerID"] = f"containerd://{ended.id}"
    return terminated


# ---- what is written -------------------------------------------------------------------------------------------

OWN_CONDITIONS = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)


def status_patch(status: Object, before: Object, uid: str) -> Object | None:
    """The strategic merge patch that makes a pod's status so; None if it is so already.

    Conditions of others (readiness gates) are left alone; so is what the kubelet has nothing to say about."""
    changed: Object = {}
    for key, value in status.items():
        if key == "conditions":
            known = {each["type"]: each for each in before.get("conditions", ())}
            news = [each for each in value if not _same(each, known.get(each["type"]))]
            if news:
                changed["conditions"] = [_cleared(each, known.get(each["type"])) for each in news]
        elif value != before.get(key):
            changed[key] = [{"$patch": "replace"}, *value] if key in ("podIPs", "hostIPs") else value
    for key in ("podIP", "podIPs", "reason", "message"):
        if key in before and key not in status and status["phase"] not in TERMINAL:
            changed[key] = None
    if not changed:
        return None
    return {"metadata": {"uid": uid}, "status": changed}


def _same(condition: Object, known: Object | None) -> bool:
    names = ("status", "reason", "message")
    return known is not None and all(condition.get(name) == known.get(name) for name in names)


def _cleared(condition: Object, known: Object | None) -> Object:
    """With null for what was there and is no longer, as a patch says it."""
    gone: Object = {
        name: None for name in ("reason", "message") if known and name in known and name not in condition
    }
    return {**condition, **gone}
