"""A container's environment, `$(VARIABLES)` in its command line, and what an app is to know of its pod. Sans-IO."""

import re
from collections.abc import Iterable
from typing import Any

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


def service_links(pod: Object, services: Iterable[Object]) -> dict[str, str]:
    """`SHOP_SERVICE_HOST`, `SHOP_SERVICE_PORT`, `SHOP_SERVICE_PORT_HTTP` for each Service of the pod's namespace that
    has an address of its own, unless `enableServiceLinks` is false. (The older `SHOP_PORT_80_TCP_...` are left out.)"""
    found: dict[str, str] = {}
    if pod["spec"].get("enableServiceLinks") is False:
        return found
    own = [each for each in services if each["metadata"]["namespace"] == pod["metadata"]["namespace"]]
    for service in sorted(own, key=lambda each: str(each["metadata"]["name"])):
        address, ports = service["spec"].get("clusterIP"), service["spec"].get("ports") or []
        if address in (None, "", "None") or not ports:
            continue
        name = _variable(service["metadata"]["name"])
        found[f"{name}_SERVICE_HOST"] = address
        found[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        for port in ports:
            if port.get("name"):
                found[f"{name}_SERVICE_PORT_{_variable(port['name'])}"] = str(port["port"])
    return found


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def app_place(pod: Object, container: Object, folder: str | None) -> dict[str, Any]:
    """What a pod's process is told of an app besides its name: an `AppPlace`."""
    ports = [
        each["containerPort"] for each in container.get("ports") or () if each.get("protocol", "TCP") == "TCP"
    ]
    aliases = pod["spec"].get("hostAliases") or ()
    return {
        "folder": folder,
        "hosts": {name: each["ip"] for each in aliases for name in each.get("hostnames") or ()},
        "nameservers": list((pod["spec"].get("dnsConfig") or {}).get("nameservers") or ()),
        **({"ports": list(dict.fromkeys(ports))} if ports else {}),
    }


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
