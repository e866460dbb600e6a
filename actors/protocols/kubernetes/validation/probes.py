"""Probes and lifecycle hooks of containers (k8s.io/kubernetes: pkg/apis/core/validation)."""

from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.validation.errors import FieldErrors

Object = dict[str, Any]

NOT_NEGATIVE = "must be greater than or equal to 0"
_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def probes(container: Object, field: str, errors: FieldErrors) -> None:
    """A container's three probes; those that kill it succeed at once."""
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is None:
            continue
        _probe(probe, f"{field}.{name}", errors)
        if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
            errors.invalid(f"{field}.{name}.successThreshold", probe["successThreshold"], "must be 1")
        if name == "readinessProbe" and probe.get("terminationGracePeriodSeconds") is not None:
            given = probe["terminationGracePeriodSeconds"]
            errors.invalid(
                f"{field}.{name}.terminationGracePeriodSeconds", given, "must not be set for readinessProbes"
            )


def _probe(probe: Object, field: str, errors: FieldErrors) -> None:
    _handler(probe, field, _PROBE_HANDLERS, errors)
    for name in _NUMBERS:
        if (probe.get(name) or 0) < 0:
            errors.invalid(f"{field}.{name}", probe[name], NOT_NEGATIVE)
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        errors.invalid(f"{field}.terminationGracePeriodSeconds", grace, "must be greater than 0")


def lifecycle(hooks: Object | None, field: str, errors: FieldErrors) -> None:
    """What is called after a container starts and before it stops."""
    for name in ("postStart", "preStop"):
        if (hook := (hooks or {}).get(name)) is not None:
            _handler(hook, f"{field}.{name}", _HOOK_HANDLERS, errors)


def _handler(handler: Object, field: str, known: tuple[str, ...], errors: FieldErrors) -> None:
    given = [name for name in known if handler.get(name) is not None]
    if not given:
        errors.required(field, "must specify a handler type")
    for name in given[1:]:
        errors.forbidden(f"{field}.{name}", "may not specify more than 1 handler type")
    for name in given[:1]:
        _CHECKS[name](handler[name], f"{field}.{name}", errors)


def _exec(action: Object, field: str, errors: FieldErrors) -> None:
    if not action.get("command"):
        errors.required(f"{field}.command")


def _http_get(action: Object, field: str, errors: FieldErrors) -> None:
    if not action.get("path"):
        errors.required(f"{field}.path")
    _port(action.get("port"), f"{field}.port", errors)
    if action.get("scheme") not in ("HTTP", "HTTPS"):
        errors.not_supported(f"{field}.scheme", action.get("scheme") or "", ("HTTP", "HTTPS"))


def _tcp_socket(action: Object, field: str, errors: FieldErrors) -> None:
    _port(action.get("port"), f"{field}.port", errors)


def _grpc(action: Object, field: str, errors: FieldErrors) -> None:
    port = action.get("port") or 0
    if not 1 <= port <= 65_535:
        errors.invalid(f"{field}.port", port, "must be between 1 and 65535, inclusive")


def _sleep(action: Object, field: str, errors: FieldErrors) -> None:
    if (action.get("seconds") or 0) <= 0:
        # The pod's grace period bounds it from above, which only the pod's validation knows.
        errors.invalid(f"{field}.seconds", action.get("seconds") or 0, "must be greater than 0")


def _port(port: Any, field: str, errors: FieldErrors) -> None:
    if isinstance(port, str) and port:
        errors.invalid_each(field, port, names.port_name_problems(port))
    elif not isinstance(port, int) or not 1 <= port <= 65_535:
        errors.invalid(field, port or 0, "must be between 1 and 65535, inclusive")


_CHECKS = {"exec": _exec, "httpGet": _http_get, "tcpSocket": _tcp_socket, "grpc": _grpc, "sleep": _sleep}
