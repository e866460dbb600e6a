"""Targets in AWS's words: what RegisterTargets, DeregisterTargets and DescribeTargetHealth take, refuse and answer."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from actors.element import CallFailed
from actors.protocols.balancing import Reason, Target, TargetId
from actors.wire.addresses import Prefix, ip_bytes, ip_text
from actors.wire.malformed import Malformed

TARGETS_PER_GROUP = 1000
"""AWS's quota: Elastic Load Balancing, quotas for Application Load Balancers."""
PRIVATE = tuple(
    Prefix.parse(text) for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
)
"""RegisterTargets takes addresses of these ranges only (API reference, TargetDescription)."""

_DESCRIPTIONS = {
    Reason.REGISTRATION_IN_PROGRESS: "Target registration is in progress",
    Reason.INITIAL_HEALTH_CHECKING: "Initial health checks in progress",
    Reason.RESPONSE_CODE_MISMATCH: "Health checks failed with these codes: [{code}]",
    Reason.TIMEOUT: "Request timed out",
    Reason.FAILED_HEALTH_CHECKS: "Health checks failed",
    Reason.NOT_REGISTERED: "Target is not registered to the target group",
    Reason.DEREGISTRATION_IN_PROGRESS: "Target deregistration is in progress",
}


class Health(NamedTuple):
    """How a target is; `target` is None for one that is not registered. `code` is the last that a check got."""

    id: TargetId
    target: Target | None
    check_port: int | None
    code: int | None


def targets_of(targets: Any, port: int) -> list[TargetId]:
    """What `[{"Id", "Port"}]` names, in AWS's spelling; `port` is for those without. Raises `CallFailed`."""
    return [TargetId(address, port if own is None else own) for address, own in _parsed(targets)]


def registered_as(targets: Any, registered: Iterable[TargetId]) -> list[TargetId]:
    """The registered ones among these targets; one without `Port` is meant on every port. Raises `CallFailed`."""
    known = list(registered)
    return [
        target_id
        for address, port in _parsed(targets)
        for target_id in known
        if target_id.address == address and port in (None, target_id.port)
    ]


def _parsed(targets: Any) -> list[tuple[bytes, int | None]]:
    if not isinstance(targets, list) or not targets:
        raise CallFailed("ValidationError: At least one target must be specified")
    return [_target(target) for target in targets]


def _target(target: Any) -> tuple[bytes, int | None]:
    if not isinstance(target, Mapping) or not isinstance(target.get("Id"), str):
        raise CallFailed(f"ValidationError: a target is {{Id, Port}}, not {target!r}")
    if unknown := [key for key in target if key not in ("Id", "Port", "AvailabilityZone")]:
        raise CallFailed(f"ValidationError: Unknown parameter in Targets: {unknown[0]!r}")
    if (zone := target.get("AvailabilityZone")) is not None:
        raise CallFailed(f"ValidationError: AvailabilityZone {zone!r}: all targets here are inside the VPC")
    try:
        address = ip_bytes(target["Id"])
    except (ValueError, Malformed):
        raise CallFailed(
            f"ValidationError: The IP address '{target['Id']}' is not a valid IPv4 address"
        ) from None
    if not any(address in prefix for prefix in PRIVATE):
        raise CallFailed(
            f"ValidationError: The IP address '{target['Id']}' is publicly routable; use a private one"
        )
    port = target.get("Port")
    if port is not None and not (type(port) is int and 1 <= port <= 65535):
        raise CallFailed(f"ValidationError: Port {port!r} must lie between 1 and 65535")
    return address, port


def check_quota(group: str, together: Collection[TargetId]) -> None:
    """Raises `CallFailed` when these are more targets than a group may have."""
    if len(together) > TARGETS_PER_GROUP:
        raise CallFailed(
            f"TooManyTargets: target group {group!r} would have {len(together)}; it may have {TARGETS_PER_GROUP}"
        )


def answer(healths: Iterable[Health]) -> dict[str, Any]:
    """What DescribeTargetHealth answers."""
    return {"TargetHealthDescriptions": [_described(health) for health in healths]}


def _described(health: Health) -> dict[str, Any]:
    port = {} if health.check_port is None else {"HealthCheckPort": str(health.check_port)}
    return {
        "Target": {"Id": ip_text(health.id.address), "Port": health.id.port},
        **port,
        "TargetHealth": _state(health),
    }


def _state(health: Health) -> dict[str, str]:
    target = health.target
    state, reason = ("unused", Reason.NOT_REGISTERED) if target is None else (target.state, target.reason)
    if reason is Reason.NONE:
        return {"State": str(state)}
    description = _DESCRIPTIONS[reason].format(code=health.code)
    return {"State": str(state), "Reason": str(reason), "Description": description}
