"""Deployments, replica sets and daemon sets (k8s.io/kubernetes: pkg/apis/apps/validation)."""

import re
from typing import Any

from actors.protocols.kubernetes.selectors import match_object
from actors.protocols.kubernetes.validation.errors import IMMUTABLE, FieldErrors, go_map, go_selector
from actors.protocols.kubernetes.validation.metadata import label_selector
from actors.protocols.kubernetes.validation.pods import pod_template
from actors.protocols.kubernetes.validation.probes import NOT_NEGATIVE

Object = dict[str, Any]

_PERCENT = re.compile("[0-9]+%")


def deployment(value: Object, errors: FieldErrors) -> None:
    spec = value.get("spec") or {}
    _counts(spec, ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"), errors)
    _selector_and_template(spec, errors)
    _strategy(spec.get("strategy") or {}, errors)
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if deadline is not None and 0 <= deadline <= ready:
        errors.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def replica_set(value: Object, errors: FieldErrors) -> None:
    spec = value.get("spec") or {}
    _counts(spec, ("replicas", "minReadySeconds"), errors)
    _selector_and_template(spec, errors)


def daemon_set(value: Object, errors: FieldErrors) -> None:
    spec = value.get("spec") or {}
    _counts(spec, ("minReadySeconds", "revisionHistoryLimit"), errors)
    _selector_and_template(spec, errors, "DaemonSet")
    strategy = spec.get("updateStrategy") or {}
    kind = strategy.get("type")
    if kind not in ("OnDelete", "RollingUpdate"):
        errors.not_supported("spec.updateStrategy.type", kind or "", ("OnDelete", "RollingUpdate"))
    elif kind == "RollingUpdate":
        _daemon_set_rolling(strategy.get("rollingUpdate"), errors)


def _daemon_set_rolling(rolling: Object | None, errors: FieldErrors) -> None:
    field = "spec.updateStrategy.rollingUpdate"
    if rolling is None:
        errors.required(field)
        return
    gone, more = (_bound(rolling, name, field, errors) for name in ("maxUnavailable", "maxSurge"))
    if gone and more:
        errors.invalid(
            f"{field}.maxSurge", rolling["maxSurge"], "may not be set when maxUnavailable is non-zero"
        )
    elif gone == 0 and more == 0:
        errors.required(f"{field}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def _counts(spec: Object, names: tuple[str, ...], errors: FieldErrors) -> None:
    for name in names:
        if (spec.get(name) or 0) < 0:
            errors.invalid(f"spec.{name}", spec[name], NOT_NEGATIVE)


def _selector_and_template(spec: Object, errors: FieldErrors, kind: str = "ReplicaSet") -> None:
    """What owns pods; messages speak of replica sets and deployments alike, whichever of the two it is."""
    selector, spoken = spec.get("selector"), "daemonset" if kind == "DaemonSet" else "deployment"
    before = len(errors.found)
    if selector is None:
        errors.required("spec.selector")
    else:
        label_selector(selector, "spec.selector", errors)
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            errors.invalid("spec.selector", go_selector(selector), f"empty selector is invalid for {spoken}")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    # An absent selector selects nothing, so the API says both that it is required and that it does not match.
    well_formed = selector is None or len(errors.found) == before
    if well_formed and not match_object(selector, labels):
        text = "`selector` does not match template `labels`"
        errors.invalid("spec.template.metadata.labels", go_map(labels), text)
    pod_template(template, "spec.template", errors)
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy in ("Never", "OnFailure"):
        errors.not_supported("spec.template.spec.restartPolicy", policy, ["Always"])
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        errors.forbidden(
            "spec.template.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported"
        )


def _strategy(strategy: Object, errors: FieldErrors) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            errors.forbidden("spec.strategy.rollingUpdate", text)
    elif kind != "RollingUpdate":
        errors.not_supported("spec.strategy.type", kind or "", ("Recreate", "RollingUpdate"))
    elif rolling is None:
        errors.required("spec.strategy.rollingUpdate", "this should be defaulted and never be nil")
    else:
        field = "spec.strategy.rollingUpdate"
        gone, more = (_bound(rolling, name, field, errors) for name in ("maxUnavailable", "maxSurge"))
        if gone == 0 and more == 0:
            text = "may not be 0 when `maxSurge` is 0"
            errors.invalid(f"{field}.maxUnavailable", rolling["maxUnavailable"], text)


def _bound(rolling: Object, name: str, field: str, errors: FieldErrors) -> int | None:
    """A count or a percentage: its number, or None if it is neither."""
    value, where = rolling.get(name, 0), f"{field}.{name}"
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            text = (
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%',"
                " regex used for validation is '[0-9]+%')"
            )
            errors.invalid(where, value, text)
            return None
        percent = int(value[:-1])
        if name == "maxUnavailable" and percent > 100:
            errors.invalid(where, value, "must not be greater than 100%")
        return percent
    if value < 0:
        errors.invalid(where, value, NOT_NEGATIVE)
    number: int = value
    return number


def selector_update(old: Object, new: Object, errors: FieldErrors) -> None:
    """The selector of what owns pods stays as it is."""
    was, now = (old.get("spec") or {}).get("selector"), (new.get("spec") or {}).get("selector")
    if was != now:
        errors.invalid("spec.selector", go_selector(now or {}), IMMUTABLE)
