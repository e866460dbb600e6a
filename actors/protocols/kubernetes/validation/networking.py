"""Ingresses and endpoint slices (k8s.io/kubernetes: pkg/apis/networking/validation, pkg/apis/discovery/validation)."""

import ipaddress
from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.validation.containers import PORTS, PROTOCOLS
from actors.protocols.kubernetes.validation.errors import IMMUTABLE, FieldErrors

Object = dict[str, Any]

PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
MOST_ENDPOINTS, MOST_ADDRESSES, MOST_PORTS = 1000, 100, 20000
_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_AT_ENDS = ("/..", "/.")


def ingress(value: Object, errors: FieldErrors) -> None:
    spec = value.get("spec") or {}
    rules, default = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and default is None:
        errors.invalid("spec", [], "either `defaultBackend` or `rules` must be specified")
    if default is not None:
        _backend(default, "spec.defaultBackend", errors)
    for position, rule in enumerate(rules):
        _rule(rule, f"spec.rules[{position}]", errors)
    if name := spec.get("ingressClassName"):
        errors.invalid_each("spec.ingressClassName", name, names.subdomain_problems(name))
    for position, each in enumerate(spec.get("tls") or []):
        for index, host in enumerate(each.get("hosts") or []):
            _host(host, f"spec.tls[{position}].hosts[{index}]", errors)


def _rule(rule: Object, field: str, errors: FieldErrors) -> None:
    if host := rule.get("host"):
        _host(host, f"{field}.host", errors)
    if (http := rule.get("http")) is None:
        return
    if not http.get("paths"):
        errors.required(f"{field}.http.paths")
    for position, path in enumerate(http.get("paths") or []):
        where = f"{field}.http.paths[{position}]"
        _path(path, where, errors)
        _backend(path.get("backend") or {}, f"{where}.backend", errors)


def _host(host: str, field: str, errors: FieldErrors) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        errors.invalid(field, host, "must be a DNS name, not an IP address")
        return
    if host.startswith("*."):
        problems = names.subdomain_problems(host[2:])
    else:
        problems = names.subdomain_problems(host)
    errors.invalid_each(field, host, problems)


def _path(given: Object, field: str, errors: FieldErrors) -> None:
    kind, path = given.get("pathType"), given.get("path") or ""
    if kind is None:
        errors.required(f"{field}.pathType", "pathType must be specified")
        return
    if kind not in PATH_TYPES:
        errors.not_supported(f"{field}.pathType", kind, PATH_TYPES)
        return
    if kind == "ImplementationSpecific":
        if path and not path.startswith("/"):
            errors.invalid(f"{field}.path", path, "must be an absolute path")
        return
    if not path.startswith("/"):
        errors.invalid(f"{field}.path", path, "must be an absolute path")
    for sequence in _IN_PATHS:
        if sequence in path:
            errors.invalid(f"{field}.path", path, f"must not contain '{sequence}'")
    for ending in _AT_ENDS:
        if path.endswith(ending):
            errors.invalid(f"{field}.path", path, f"cannot end with '{ending}'")


def _backend(backend: Object, field: str, errors: FieldErrors) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        errors.invalid(field, "", "cannot set both resource and service backends")
        return
    if resource is not None:
        if not resource.get("kind"):
            errors.required(f"{field}.resource.kind")
        if not resource.get("name"):
            errors.required(f"{field}.resource.name")
        return
    if service is None:
        errors.required(field, "a service or a resource must be specified")
        return
    _service_backend(service, field, errors)


def _service_backend(service: Object, field: str, errors: FieldErrors) -> None:
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        errors.required(f"{field}.service.name")
    else:
        errors.invalid_each(f"{field}.service.name", name, names.dns_1035_problems(name))
    by_name, number = port.get("name") or "", port.get("number") or 0
    if by_name and number:
        errors.invalid(field, by_name, "cannot set both port name & port number")
    elif by_name:
        errors.invalid_each(f"{field}.service.port.name", by_name, names.port_name_problems(by_name))
    elif number:
        if not 1 <= number <= 65_535:
            errors.invalid(f"{field}.service.port.number", number, PORTS)
    else:
        errors.required(field, "port name or number is required")


def ingress_class(value: Object, errors: FieldErrors) -> None:
    controller = (value.get("spec") or {}).get("controller") or ""
    if len(controller) > 250:
        errors.too_long("spec.controller", 250)
    domain, slash, path = controller.partition("/")
    if not slash or not path or names.subdomain_problems(domain):
        text = 'must be a domain-prefixed path (such as "acme.io/foo")'
        errors.invalid("spec.controller", controller, text)


def ingress_class_update(old: Object, new: Object, errors: FieldErrors) -> None:
    was, now = (old.get("spec") or {}).get("controller"), (new.get("spec") or {}).get("controller")
    if was != now:
        errors.invalid("spec.controller", now, IMMUTABLE)


def endpoint_slice(value: Object, errors: FieldErrors) -> None:
    kind = value.get("addressType") or ""
    if not kind:
        errors.required("addressType")
    elif kind not in ADDRESS_TYPES:
        errors.not_supported("addressType", kind, ADDRESS_TYPES)
    endpoints = value.get("endpoints") or []
    if len(endpoints) > MOST_ENDPOINTS:
        errors.too_many("endpoints", len(endpoints), MOST_ENDPOINTS)
    for position, each in enumerate(endpoints):
        _endpoint(each, kind, f"endpoints[{position}]", errors)
    _slice_ports(value.get("ports") or [], errors)


def _endpoint(endpoint: Object, kind: str, field: str, errors: FieldErrors) -> None:
    addresses = endpoint.get("addresses") or []
    if not addresses:
        errors.required(f"{field}.addresses", "must contain at least 1 address")
    if len(addresses) > MOST_ADDRESSES:
        errors.too_many(f"{field}.addresses", len(addresses), MOST_ADDRESSES)
    for position, address in enumerate(addresses):
        where = f"{field}.addresses[{position}]"
        if kind == "FQDN":
            errors.invalid_each(where, address, names.subdomain_problems(address))
        else:
            _address(address, kind, where, errors)
    if (name := endpoint.get("nodeName")) is not None:
        errors.invalid_each(f"{field}.nodeName", name, names.subdomain_problems(name))


def _address(text: str, kind: str, field: str, errors: FieldErrors) -> None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        errors.invalid(field, text, f"must be a valid {kind} address")
        return
    if kind == f"IPv{10 - address.version}":
        errors.invalid(field, text, f"must be a valid {kind} address")
    for bad, told in ((address.is_loopback, "loopback"), (address.is_unspecified, "unspecified")):
        if bad:
            errors.invalid(field, text, f"may not be in the {told} range (127.0.0.0/8, ::1/128)")


def _slice_ports(ports: list[Object], errors: FieldErrors) -> None:
    seen: set[str] = set()
    for position, port in enumerate(ports):
        where, name = f"ports[{position}]", port.get("name") or ""
        if name:
            errors.invalid_each(f"{where}.name", name, names.label_problems(name))
        if name in seen:
            errors.duplicate(f"{where}.name", name)
        seen.add(name)
        if port.get("protocol") not in PROTOCOLS:
            errors.not_supported(f"{where}.protocol", port.get("protocol") or "", PROTOCOLS)


def endpoint_slice_update(old: Object, new: Object, errors: FieldErrors) -> None:
    if old.get("addressType") != new.get("addressType"):
        errors.invalid("addressType", new.get("addressType"), IMMUTABLE)


def endpoints(value: Object, errors: FieldErrors) -> None:
    for position, subset in enumerate(value.get("subsets") or []):
        field = f"subsets[{position}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.required(field, "must specify `addresses` or `notReadyAddresses`")
        for name in ("addresses", "notReadyAddresses"):
            for index, each in enumerate(subset.get(name) or []):
                _address(each.get("ip") or "", "", f"{field}.{name}[{index}].ip", errors)
        for index, port in enumerate(subset.get("ports") or []):
            if not 1 <= (port.get("port") or 0) <= 65_535:
                errors.invalid(f"{field}.ports[{index}].port", port.get("port") or 0, PORTS)
