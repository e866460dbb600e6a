"""Fields that ordinary manifests have, although nothing here acts on them, or the kubelet refuses them: with a warning.

A warning comes back with the answer (the HTTP header `Warning`), and kubectl prints it.
"""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

NOT_EMULATED = {
    "ephemeralContainers": "they are not started",
    "hostIPC": "pods share nothing with their node; the kubelet refuses the pod",
    "hostNetwork": "every pod has a network of its own; the kubelet refuses the pod",
    "hostPID": "pods share nothing with their node; the kubelet refuses the pod",
    "hostUsers": "pods have no users",
    "hostname": "pods have no host names",
    "imagePullSecrets": "images are not pulled from a registry",
    "priorityClassName": "pods do not pre-empt each other",
    "resourceClaims": "there are no devices to claim",
    "resources": "the scheduler counts what containers request",
    "runtimeClassName": "there is one runtime",
    "schedulingGates": "the scheduler does not wait",
    "setHostnameAsFQDN": "pods have no host names",
    "shareProcessNamespace": "containers have no processes to share; the kubelet refuses the pod",
    "subdomain": "pods have no names in DNS",
    "volumes": "containers have no file system",
}
"""Fields of a pod's spec, each with why it does nothing."""

NOT_EMULATED_IN_CONTAINERS = {
    "envFrom": "the kubelet reads no config maps and secrets, and does not start the container",
    "resizePolicy": "resources are counted by the scheduler alone",
    "stdin": "containers have no terminal",
    "tty": "containers have no terminal",
    "volumeDevices": "containers have no file system",
    "volumeMounts": "containers have no file system",
    "workingDir": "containers have no file system",
}

_PATHS = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
}


def warnings_for(kind: str, value: Object) -> list[str]:
    """Warnings for what an object asks for in vain, such as `spec.affinity: this emulator does not act on it: ...`."""
    if kind == "Service":
        return list(_service(value.get("spec") or {}))
    path = _PATHS.get(kind)
    if path is None:
        return []
    spec: Any = value
    for name in path:
        spec = spec.get(name) if isinstance(spec, dict) else None
    return list(_pod_spec(spec, ".".join(path))) if isinstance(spec, dict) else []


def _pod_spec(spec: Object, field: str) -> Iterator[str]:
    for name, why in NOT_EMULATED.items():
        if spec.get(name):
            yield _warning(f"{field}.{name}", why)
    for name in ("options", "searches"):
        if (spec.get("dnsConfig") or {}).get(name):
            yield _warning(
                f"{field}.dnsConfig.{name}", "names are asked for as they stand, of the nameservers"
            )
    for name in ("podAffinity", "podAntiAffinity"):
        if (spec.get("affinity") or {}).get(name):
            yield _warning(f"{field}.affinity.{name}", "the scheduler knows node affinity only")
    if any((spec.get("securityContext") or {}).values()):
        yield _warning(f"{field}.securityContext", "containers have no users or capabilities")
    if spec.get("serviceAccountName") not in (None, "", "default"):
        yield _warning(f"{field}.serviceAccountName", "there are no service accounts")
    for list_name in ("initContainers", "containers"):
        for position, container in enumerate(spec.get(list_name) or []):
            if isinstance(container, dict):
                yield from _container(container, f"{field}.{list_name}[{position}]")


def _container(container: Object, field: str) -> Iterator[str]:
    for name, why in NOT_EMULATED_IN_CONTAINERS.items():
        if container.get(name):
            yield _warning(f"{field}.{name}", why)
    if any((container.get("securityContext") or {}).values()):
        yield _warning(f"{field}.securityContext", "containers have no users or capabilities")
    for position, variable in enumerate(container.get("env") or []):
        source = variable.get("valueFrom") if isinstance(variable, dict) else None
        if source and not source.get("fieldRef"):
            yield _warning(f"{field}.env[{position}].valueFrom", "the kubelet does not start the container")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if (container.get(name) or {}).get("grpc") is not None:
            yield _warning(
                f"{field}.{name}.grpc", "containers do not speak gRPC; the kubelet refuses the pod"
            )
    hooks = container.get("lifecycle") or {}
    for name in ("postStart", "preStop"):
        if (hooks.get(name) or {}).get("tcpSocket") is not None:
            yield _warning(f"{field}.lifecycle.{name}.tcpSocket", "Kubernetes does not do so either")
    for position, port in enumerate(container.get("ports") or []):
        if isinstance(port, dict) and port.get("hostPort"):
            yield _warning(
                f"{field}.ports[{position}].hostPort",
                "ports of the node lead to no pod; the kubelet refuses it",
            )


def _service(spec: Object) -> Iterator[str]:
    if spec.get("type") == "LoadBalancer":
        yield _warning(
            "spec.type", "nobody makes a Network Load Balancer; its node ports work, and an Ingress does"
        )
    if spec.get("externalIPs"):
        yield _warning("spec.externalIPs", "no router leads these addresses to a node")


def _warning(field: str, why: str) -> str:
    return f"{field}: this emulator does not act on it: {why}"
