"""Targets in AWS's words: what DescribeTargetHealth is asked and answers."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from actors.element import CallFailed
from actors.protocols.balancing import Reason, State

_DESCRIPTIONS = {
    Reason.REGISTRATION_IN_PROGRESS: "Target registration is in progress",
    Reason.INITIAL_HEALTH_CHECKING: "Initial health checks in progress",
    Reason.RESPONSE_CODE_MISMATCH: "Health checks failed with these codes: [{code}]",
    Reason.TIMEOUT: "Request timed out",
    Reason.FAILED_HEALTH_CHECKS: "Health checks failed",
    Reason.NOT_REGISTERED: "Target is not registered to the target group",
    Reason.DEREGISTRATION_IN_PROGRESS: "Target deregistration is in progress",
}
NOT_IN_USE = "Target.NotInUse"
_NOT_IN_USE = "Target is in an Availability Zone that is not enabled for the load balancer"


class Asked(NamedTuple):
    """A target as a caller names it; None is any port."""

    id: str
    port: int | None


class Health(NamedTuple):
    """How a target is. `code` is the last that a check got; `anomaly` says what anomaly detection found, if asked."""

    id: str
    port: int
    state: State
    reason: str
    check_port: int | None = None
    code: int | None = None
    anomaly: dict[str, str] | None = None


def asked_of(targets: Any) -> list[Asked]:
    """What `[{"Id", "Port"}]` names. Raises `CallFailed`."""
    if not isinstance(targets, list) or not targets:
        raise CallFailed("ValidationError: At least one target must be specified")
    asked = []
    for target in targets:
        if not isinstance(target, Mapping) or not isinstance(target.get("Id"), str):
            raise CallFailed(f"ValidationError: a target is {{Id, Port}}, not {target!r}")
        port = target.get("Port")
        if port is not None and not (type(port) is int and 1 <= port <= 65535):
            raise CallFailed(f"ValidationError: Port {port!r} must lie between 1 and 65535")
        asked.append(Asked(target["Id"], port))
    return asked


def answer(healths: Iterable[Health]) -> dict[str, Any]:
    """What DescribeTargetHealth answers."""
    return {"TargetHealthDescriptions": [_described(health) for health in healths]}


def _described(health: Health) -> dict[str, Any]:
    port = {} if health.check_port is None else {"HealthCheckPort": str(health.check_port)}
    anomaly = {} if health.anomaly is None else {"AnomalyDetection": health.anomaly}
    return {
        "Target": {"Id": health.id, "Port": health.port},
        **port,
        "TargetHealth": _state(health),
        **anomaly,
    }


def _state(health: Health) -> dict[str, str]:
    if not health.reason:
        return {"State": str(health.state)}
    if health.reason == NOT_IN_USE:
        description = _NOT_IN_USE
    else:
        description = _DESCRIPTIONS[Reason(health.reason)].format(code=health.code)
    return {"State": str(health.state), "Reason": str(health.reason), "Description": description}
