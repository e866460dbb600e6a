"""Nodes and leases (k8s.io/kubernetes: pkg/apis/core/validation, pkg/apis/coordination/validation)."""

from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.quantity import parse
from actors.protocols.kubernetes.validation.errors import FieldErrors

Object = dict[str, Any]

EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")


def node(value: Object, errors: FieldErrors) -> None:
    seen: set[tuple[Any, Any]] = set()
    for position, taint in enumerate((value.get("spec") or {}).get("taints") or []):
        field = f"spec.taints[{position}]"
        key, effect = taint.get("key") or "", taint.get("effect") or ""
        errors.invalid_each(f"{field}.key", key, names.qualified_name_problems(key))
        errors.invalid_each(
            f"{field}.value", taint.get("value") or "", names.label_value_problems(taint.get("value") or "")
        )
        if not effect:
            errors.required(f"{field}.effect")
        elif effect not in EFFECTS:
            errors.not_supported(f"{field}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            errors.duplicate(field, {"key": key, "effect": effect})
            errors.found[-1] = errors.found[-1]._replace(
                message=f"{errors.found[-1].message}: taints must be unique by key and effect pair"
            )
        seen.add((key, effect))
    _amounts(value.get("status") or {}, errors)


def _amounts(status: Object, errors: FieldErrors) -> None:
    for part in ("capacity", "allocatable"):
        for name, amount in (status.get(part) or {}).items():
            if parse(amount).value < 0:
                text = "must be greater than or equal to 0"
                errors.invalid(f"status.{part}[{name}]", str(parse(amount)), text)


def node_update(old: Object, new: Object, errors: FieldErrors) -> None:
    """The instance behind a node and its addresses for pods are set once."""
    was, now = old.get("spec") or {}, new.get("spec") or {}
    if was.get("providerID") and was["providerID"] != now.get("providerID"):
        errors.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')
    if was.get("podCIDR") and was["podCIDR"] != now.get("podCIDR"):
        errors.forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')


def lease(value: Object, errors: FieldErrors) -> None:
    spec = value.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        errors.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0")
    if transitions is not None and transitions < 0:
        errors.invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0")
    if spec.get("holderIdentity") == "":
        errors.invalid("spec.holderIdentity", "", "must not be empty")
