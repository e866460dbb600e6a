"""Whom the kubelet's events are about."""

from actors.protocols.kubelet.containers import Container, Object


def reference(pod: Object, container: Container | None = None) -> Object:
    """`involvedObject` of an event about a pod, or about one of its containers."""
    metadata = pod["metadata"]
    found = {
        "kind": "Pod",
        "apiVersion": "v1",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    if container is not None:
        field = "initContainers" if container.is_init else "containers"
        found["fieldPath"] = f"spec.{field}{{{container.name}}}"
    return found
