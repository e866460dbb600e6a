"""A container's environment, and `$(VARIABLES)` in its command line. Sans-IO."""

import re

from actors.protocols.kubelet.containers import Object

_USE = re.compile(r"\$(?:\$|\(([A-Za-z_][\w.-]*)\))")


def environment(pod: Object, container: Object, host_ip: str, pod_ip: str) -> dict[str, str]:
    """What the container's `env` comes to; a value may use those before it."""
    found: dict[str, str] = {}
    for each in container.get("env", ()):
        field = (each.get("valueFrom") or {}).get("fieldRef")
        if field is not None:
            found[each["name"]] = _field(pod, field["fieldPath"], host_ip, pod_ip)
        else:
            found[each["name"]] = expanded(each.get("value", ""), found)
    return found


def expanded(text: str, variables: dict[str, str]) -> str:
    """`$(NAME)` replaced by its value; `$$(NAME)` stays `$(NAME)`, and so does a name that nobody knows."""

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return variables.get(match[1], match[0])

    return _USE.sub(replace, text)


def not_emulated(container: Object) -> str | None:
    """Where else the container wants values from."""
    if container.get("envFrom"):
        return "envFrom"
    for each in container.get("env", ()):
        source = each.get("valueFrom") or {"fieldRef": {}}
        if "fieldRef" not in source:
            return f"env valueFrom.{next(iter(source), 'nothing')}"
    return None


def _field(pod: Object, path: str, host_ip: str, pod_ip: str) -> str:
    metadata, spec = pod["metadata"], pod["spec"]
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": host_ip,
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
    }
    match = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if match is not None:
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    return known.get(path, "")
