"""Services (k8s.io/kubernetes: pkg/apis/core/validation, ValidateService)."""

import ipaddress
from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.validation.containers import PORTS, PROTOCOLS
from actors.protocols.kubernetes.validation.errors import FieldErrors
from actors.protocols.kubernetes.validation.metadata import labels

Object = dict[str, Any]

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
NODE_PORTS = range(30_000, 32_768)
_POLICIES = ("Cluster", "Local")


def service(value: Object, errors: FieldErrors) -> None:
    spec = value.get("spec") or {}
    kind = spec.get("type") or ""
    if not kind:
        errors.required("spec.type")
    elif kind not in TYPES:
        errors.not_supported("spec.type", kind, TYPES)
    headless = spec.get("clusterIP") == "None"
    if not spec.get("ports") and not headless and kind != "ExternalName":
        errors.required("spec.ports")
    _ports(spec, kind, errors)
    _addresses(spec, kind, errors)
    _policies(spec, errors)
    labels(spec.get("selector"), "spec.selector", errors)


def _ports(spec: Object, kind: str, errors: FieldErrors) -> None:
    ports = spec.get("ports") or []
    seen_names: set[str] = set()
    seen: set[tuple[Any, Any]] = set()
    for position, port in enumerate(ports):
        where, name = f"spec.ports[{position}]", port.get("name") or ""
        if not name and len(ports) > 1:
            errors.required(f"{where}.name")
        elif name:
            errors.invalid_each(f"{where}.name", name, names.label_problems(name))
            if name in seen_names:
                errors.duplicate(f"{where}.name", name)
            seen_names.add(name)
        _port(port, where, kind, errors)
        used = (port.get("protocol"), port.get("port"))
        if used in seen:
            errors.duplicate(where, {"port": port.get("port"), "protocol": port.get("protocol")})
        seen.add(used)


def _port(port: Object, field: str, kind: str, errors: FieldErrors) -> None:
    number = port.get("port") or 0
    if not 1 <= number <= 65_535:
        errors.invalid(f"{field}.port", number, PORTS)
    protocol = port.get("protocol") or ""
    if not protocol:
        errors.required(f"{field}.protocol")
    elif protocol not in PROTOCOLS:
        errors.not_supported(f"{field}.protocol", protocol, PROTOCOLS)
    target = port.get("targetPort")
    if isinstance(target, str):
        errors.invalid_each(f"{field}.targetPort", target, names.port_name_problems(target))
    elif target is not None and not 1 <= target <= 65_535:
        errors.invalid(f"{field}.targetPort", target, PORTS)
    on_node = port.get("nodePort") or 0
    if on_node and kind in ("ClusterIP", "ExternalName"):
        errors.forbidden(f"{field}.nodePort", "may not be used when `type` is 'ClusterIP'")
    elif on_node and on_node not in NODE_PORTS:
        text = f"provided port is not in the valid range. The range of valid ports is {NODE_PORTS[0]}-{NODE_PORTS[-1]}"
        errors.invalid(f"{field}.nodePort", on_node, text)


def _addresses(spec: Object, kind: str, errors: FieldErrors) -> None:
    address = spec.get("clusterIP") or ""
    if kind == "ExternalName":
        if address:
            errors.forbidden("spec.clusterIP", "may not be set when `type` is 'ExternalName'")
        external = (spec.get("externalName") or "").removesuffix(".")
        if external:
            errors.invalid_each("spec.externalName", external, names.subdomain_problems(external))
        else:
            errors.required("spec.externalName")
        return
    if address == "None" and kind in ("LoadBalancer", "NodePort"):
        errors.invalid("spec.clusterIPs[0]", address, f"may not be set to 'None' for {kind} services")
    elif address not in ("", "None"):
        _address(address, "spec.clusterIPs[0]", errors)
    for position, each in enumerate(spec.get("externalIPs") or []):
        _address(each, f"spec.externalIPs[{position}]", errors)


def _address(text: str, field: str, errors: FieldErrors) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        errors.invalid(field, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")


def _policies(spec: Object, errors: FieldErrors) -> None:
    affinity = spec.get("sessionAffinity")
    if affinity not in ("ClientIP", "None"):
        errors.not_supported("spec.sessionAffinity", affinity or "", ("ClientIP", "None"))
    for name in ("internalTrafficPolicy", "externalTrafficPolicy"):
        policy = spec.get(name)
        if policy is not None and policy not in _POLICIES:
            errors.not_supported(f"spec.{name}", policy, _POLICIES)
    for position, family in enumerate(spec.get("ipFamilies") or []):
        if family not in ("IPv4", "IPv6"):
            errors.not_supported(f"spec.ipFamilies[{position}]", family, ("IPv4", "IPv6"))


def service_update(old: Object, new: Object, errors: FieldErrors) -> None:
    """The cluster's address of a service stays as it is while it is one that has one."""
    was, now = old.get("spec") or {}, new.get("spec") or {}
    if "ExternalName" in (was.get("type"), now.get("type")):
        return
    if was.get("clusterIP") and was["clusterIP"] != now.get("clusterIP"):
        errors.invalid("spec.clusterIPs[0]", [now.get("clusterIP") or ""], "may not change once set")
