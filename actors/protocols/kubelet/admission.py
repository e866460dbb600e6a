"""Whether a node takes a pod that was bound to it (kubernetes pkg/kubelet/lifecycle/predicate.go). Sans-IO."""

from collections.abc import Iterable
from typing import NamedTuple

from actors.protocols.kubelet import environment
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubernetes import quantity


class Refused(NamedTuple):
    """Why the pod will not run here: its `status.reason`, and what comes after "Pod was rejected: "."""

    reason: str
    message: str


class Room(NamedTuple):
    """Pods, thousandths of CPUs and bytes of memory: what a node can give, or what pods ask for."""

    pods: int
    cpu: int
    memory: int


def requested(pod: Object) -> Room:
    """What a pod asks for: the sum of its containers and sidecars, or an init container that wants more."""
    spec = pod["spec"]
    running = [_requests(each) for each in spec["containers"]]
    first: list[tuple[int, int]] = []
    sidecars = (0, 0)
    for each in spec.get("initContainers", ()):
        cpu, memory = _requests(each)
        if each.get("restartPolicy") == "Always":
            sidecars = (sidecars[0] + cpu, sidecars[1] + memory)
            first.append(sidecars)
        else:
            first.append((sidecars[0] + cpu, sidecars[1] + memory))
    total = tuple(sum(each[index] for each in running) + sidecars[index] for index in (0, 1))
    cpu, memory = (max([total[index], *(each[index] for each in first)]) for index in (0, 1))
    return Room(1, cpu, memory)


def _requests(container: Object) -> tuple[int, int]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return quantity.parse(asked.get("cpu", "0")).milli, quantity.parse(asked.get("memory", "0")).whole


def admit(pod: Object, labels: dict[str, str], allocatable: Room, others: Iterable[Object]) -> Refused | None:
    """Whether there is room for the pod beside the others, and all that it wants can be had here."""
    if (missing := _not_emulated(pod)) is not None:
        return Refused("UnexpectedAdmissionError", f"this kubelet has no {missing}")
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return Refused("NodeAffinity", "Predicate NodeAffinity failed")
    used = [requested(each) for each in others]
    wanted = requested(pod)
    for index, name in enumerate(("pods", "cpu", "memory")):
        taken = sum(each[index] for each in used)
        if wanted[index] and taken + wanted[index] > allocatable[index]:
            return Refused(
                f"OutOf{name}",
                f"Node didn't have enough resource: {name}, requested: {wanted[index]}, used: {taken}, "
                f"capacity: {allocatable[index]}",
            )
    return None


def _not_emulated(pod: Object) -> str | None:
    """What the pod wants and nobody here does."""
    spec = pod["spec"]
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(name):
            return name
    for container in [*spec.get("initContainers", ()), *spec["containers"]]:
        if (missing := _not_emulated_in(container)) is not None:
            return f"{missing} (container {container['name']})"
    kinds = {kind for volume in spec.get("volumes", ()) for kind in volume if kind != "name"}
    strange = sorted(kinds - {"emptyDir", "projected"})  # the latter is the token that every pod has
    return f"{strange[0]} volume" if strange else None


def _not_emulated_in(container: Object) -> str | None:
    if any(port.get("hostPort") for port in container.get("ports", ())):
        return "hostPort"
    probes = [container.get(name) or {} for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    hooks = [each or {} for each in (container.get("lifecycle") or {}).values()]
    if any("grpc" in probe for probe in probes):
        return "grpc probe"
    if any("tcpSocket" in hook for hook in hooks):
        return "tcpSocket hook"
    if any((each.get("httpGet") or {}).get("scheme", "HTTP") != "HTTP" for each in [*probes, *hooks]):
        return "httpGet with scheme HTTPS"
    return environment.not_emulated(container)
