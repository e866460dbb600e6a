"""Containers of a pod: names, images, ports, environment, mounts, resources (k8s: pkg/apis/core/validation)."""

import re
from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.quantity import compare, parse
from actors.protocols.kubernetes.validation.errors import FieldErrors
from actors.protocols.kubernetes.validation.probes import lifecycle, probes

Object = dict[str, Any]

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("SCTP", "TCP", "UDP")
PORTS = "must be between 1 and 65535, inclusive"
_STANDARD = ("cpu", "ephemeral-storage", "memory")
_ENV_NAME = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_FIELD_PATHS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip


def containers(spec: Object, field: str, volumes: dict[str, Object], errors: FieldErrors) -> None:
    """All containers of a pod, whose names are unique among the init containers too."""
    if not spec.get("containers"):
        errors.required(f"{field}.containers")
    seen: set[str] = set()
    for list_name in ("initContainers", "containers"):
        for position, each in enumerate(spec.get(list_name) or []):
            where = f"{field}.{list_name}[{position}]"
            name = each.get("name") or ""
            if name in seen:
                errors.duplicate(f"{where}.name", name)
            seen.add(name)
            _container(each, where, volumes, errors)
            restarts = each.get("restartPolicy")
            if list_name == "containers":
                _unique_host_ports(each, where, errors)
                if restarts is not None:
                    errors.forbidden(f"{where}.restartPolicy", "may not be set for non-init containers")
            elif restarts is not None and restarts != "Always":
                errors.not_supported(f"{where}.restartPolicy", restarts, ["Always"])
            if list_name == "initContainers" and restarts != "Always":
                _plain_init_container(each, where, errors)


def _plain_init_container(container: Object, field: str, errors: FieldErrors) -> None:
    for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            errors.forbidden(
                f"{field}.{name}", "may not be set for init containers without restartPolicy=Always"
            )


def _container(container: Object, field: str, volumes: dict[str, Object], errors: FieldErrors) -> None:
    name, image = container.get("name") or "", container.get("image") or ""
    if not name:
        errors.required(f"{field}.name")
    else:
        errors.invalid_each(f"{field}.name", name, names.label_problems(name))
    if not image:
        errors.required(f"{field}.image")
    elif image != image.strip():
        errors.invalid(f"{field}.image", image, "must not have leading or trailing whitespace")
    policy = container.get("imagePullPolicy")
    if policy and policy not in PULL_POLICIES:
        errors.not_supported(f"{field}.imagePullPolicy", policy, PULL_POLICIES)
    policy = container.get("terminationMessagePolicy")
    if policy and policy not in ("File", "FallbackToLogsOnError"):
        errors.not_supported(f"{field}.terminationMessagePolicy", policy, ("FallbackToLogsOnError", "File"))
    _ports(container.get("ports") or [], f"{field}.ports", errors)
    _environment(container.get("env") or [], f"{field}.env", errors)
    _mounts(container.get("volumeMounts") or [], f"{field}.volumeMounts", volumes, errors)
    probes(container, field, errors)
    lifecycle(container.get("lifecycle"), f"{field}.lifecycle", errors)
    resources(container.get("resources") or {}, f"{field}.resources", errors)


def _ports(ports: list[Object], field: str, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for position, port in enumerate(ports):
        where, name = f"{field}[{position}]", port.get("name") or ""
        if name:
            problems = names.port_name_problems(name)
            errors.invalid_each(f"{where}.name", name, problems)
            if not problems and name in seen:
                errors.duplicate(f"{where}.name", name)
            seen.add(name)
        number = port.get("containerPort") or 0
        if number == 0:
            errors.required(f"{where}.containerPort")
        elif not 1 <= number <= 65_535:
            errors.invalid(f"{where}.containerPort", number, PORTS)
        on_host = port.get("hostPort") or 0
        if on_host and not 1 <= on_host <= 65_535:
            errors.invalid(f"{where}.hostPort", on_host, PORTS)
        protocol = port.get("protocol") or ""
        if not protocol:
            errors.required(f"{where}.protocol")
        elif protocol not in PROTOCOLS:
            errors.not_supported(f"{where}.protocol", protocol, PROTOCOLS)


def _unique_host_ports(container: Object, field: str, errors: FieldErrors) -> None:
    seen: set[tuple[Any, ...]] = set()
    for position, port in enumerate(container.get("ports") or []):
        if not port.get("hostPort"):
            continue
        used = (port.get("protocol"), port.get("hostIP"), port["hostPort"])
        if used in seen:
            errors.duplicate(f"{field}.ports[{position}].hostPort", f"{used[0]}/{used[1] or ''}/{used[2]}")
        seen.add(used)


def _environment(variables: list[Object], field: str, errors: FieldErrors) -> None:
    for position, each in enumerate(variables):
        where, name = f"{field}[{position}]", each.get("name") or ""
        if not name:
            errors.required(f"{where}.name")
        elif not re.fullmatch(_ENV_NAME, name):
            errors.invalid(
                f"{where}.name",
                name,
                "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.',"
                " and must not start with a digit (e.g. 'my.env-name', or 'MY_ENV.NAME', or 'MyEnvName1',"
                f" regex used for validation is '{_ENV_NAME}')",
            )
        if (source := each.get("valueFrom")) is not None:
            _value_from(each, source, f"{where}.valueFrom", errors)


def _value_from(variable: Object, source: Object, field: str, errors: FieldErrors) -> None:
    given = [name for name in _ENV_SOURCES if source.get(name) is not None]
    if not given:
        errors.invalid(
            field,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        )
    elif len(given) > 1:
        errors.invalid(field, "", "may not have more than one field specified at a time")
    elif variable.get("value"):
        errors.invalid(field, "", "may not be specified when `value` is not empty")
    path = (source.get("fieldRef") or {}).get("fieldPath")
    if source.get("fieldRef") is not None:
        keyed = isinstance(path, str) and re.fullmatch(r"metadata\.(labels|annotations)\['[^']+'\]", path)
        if not path:
            errors.required(f"{field}.fieldRef.fieldPath")
        elif path not in _FIELD_PATHS and not keyed:
            errors.not_supported(f"{field}.fieldRef.fieldPath", path, _FIELD_PATHS)
    for name in ("configMapKeyRef", "secretKeyRef"):
        if source.get(name) is not None and not source[name].get("key"):
            errors.required(f"{field}.{name}.key")


def _mounts(mounts: list[Object], field: str, volumes: dict[str, Object], errors: FieldErrors) -> None:
    paths: set[str] = set()
    for position, each in enumerate(mounts):
        where, name, path = f"{field}[{position}]", each.get("name") or "", each.get("mountPath") or ""
        if not name:
            errors.required(f"{where}.name")
        elif name not in volumes:
            errors.not_found(f"{where}.name", name)
        if not path:
            errors.required(f"{where}.mountPath")
        if path in paths:
            errors.invalid(f"{where}.mountPath", path, "must be unique")
        paths.add(path)
        below = each.get("subPath") or ""
        if below.startswith("/"):
            errors.invalid(f"{where}.subPath", below, "must be a relative path")
        if ".." in below.split("/"):
            errors.invalid(f"{where}.subPath", below, "must not contain '..'")


def resources(given: Object, field: str, errors: FieldErrors) -> None:
    """Requests and limits: known names, no negative amounts, requests not above limits."""
    requests, limits = given.get("requests") or {}, given.get("limits") or {}
    for part, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            _resource(name, amount, f"{field}.{part}", errors)
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is not None and compare(amount, limit) > 0:
            text = f"must be less than or equal to {name} limit of {parse(limit)}"
            errors.invalid(f"{field}.requests", str(parse(amount)), text)


def _resource(name: str, amount: Any, field: str, errors: FieldErrors) -> None:
    problems = names.qualified_name_problems(name)
    errors.invalid_each(f"{field}[{name}]" if problems else field, name, problems)
    if not problems and "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
        errors.invalid(field, name, "must be a standard resource type or fully qualified")
        errors.invalid(field, name, "must be a standard resource for containers")
    if parse(amount).value < 0:
        errors.invalid(f"{field}[{name}]", str(parse(amount)), "must be greater than or equal to 0")
    elif name not in _STANDARD and parse(amount).value % 1:
        errors.invalid(f"{field}[{name}]", str(parse(amount)), "must be an integer")
