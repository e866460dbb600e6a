"""Fields that are accepted because ordinary manifests have them, although nothing here acts on them: with a warning.

A warning comes back with the answer (the HTTP header `Warning`), and kubectl prints it.
"""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

NOT_EMULATED = {
    "activeDeadlineSeconds": "pods are not stopped after a time",
    "affinity": "the scheduler knows nodeName, nodeSelector, tolerations and resources",
    "dnsConfig": "pods resolve no names",
    "ephemeralContainers": "they are not started",
    "hostAliases": "pods have no /etc/hosts",
    "hostIPC": "pods share nothing with their node",
    "hostNetwork": "every pod has a network of its own",
    "hostPID": "pods share nothing with their node",
    "hostUsers": "pods have no users",
    "imagePullSecrets": "images are not pulled from a registry",
    "overhead": "the scheduler counts what containers request",
    "priorityClassName": "pods do not pre-empt each other",
    "resourceClaims": "there are no devices to claim",
    "resources": "the scheduler counts what containers request",
    "runtimeClassName": "there is one runtime",
    "schedulingGates": "the scheduler does not wait",
    "setHostnameAsFQDN": "pods have no host names",
    "shareProcessNamespace": "containers have no processes to share",
    "subdomain": "pods have no names in DNS",
    "topologySpreadConstraints": "the scheduler spreads by load alone",
    "volumes": "containers have no file system",
}
"""Fields of a pod's spec, each with why it does nothing."""

NOT_EMULATED_IN_CONTAINERS = {
    "envFrom": "containers run nothing that reads it",
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
    if any((spec.get("securityContext") or {}).values()):
        yield _warning(f"{field}.securityContext", "containers have no users or capabilities")
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
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if (container.get(name) or {}).get("grpc") is not None:
            yield _warning(f"{field}.{name}.grpc", "containers do not speak gRPC, so the probe fails")
    hooks = container.get("lifecycle") or {}
    if hooks.get("postStart") is not None:
        yield _warning(f"{field}.lifecycle.postStart", "nothing is called when a container has started")
    if (hooks.get("preStop") or {}).get("tcpSocket") is not None:
        yield _warning(
            f"{field}.lifecycle.preStop.tcpSocket", "it is deprecated, and nothing in Kubernetes either"
        )
    for position, port in enumerate(container.get("ports") or []):
        if isinstance(port, dict) and port.get("hostPort"):
            yield _warning(f"{field}.ports[{position}].hostPort", "ports of the node lead to no pod")


def _service(spec: Object) -> Iterator[str]:
    if spec.get("sessionAffinity") == "ClientIP":
        yield _warning("spec.sessionAffinity", "there is no kube-proxy; load balancers go to pods directly")
    if spec.get("type") in ("LoadBalancer", "NodePort"):
        yield _warning("spec.type", "there is no kube-proxy; use an Ingress, whose targets are pods")
    if spec.get("externalIPs"):
        yield _warning("spec.externalIPs", "there is no kube-proxy")


def _warning(field: str, why: str) -> str:
    return f"{field}: this emulator does not act on it: {why}"
