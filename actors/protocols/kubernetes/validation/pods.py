"""Pods and pod templates, and what an update may change of a pod (k8s.io/kubernetes: pkg/apis/core/validation)."""

from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.validation.containers import containers
from actors.protocols.kubernetes.validation.errors import FieldErrors, Literal
from actors.protocols.kubernetes.validation.metadata import annotations, label_selector, labels
from actors.protocols.kubernetes.validation.probes import NOT_NEGATIVE

Object = dict[str, Any]

RESTART_POLICIES = ("Always", "Never", "OnFailure")
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod(value: Object, errors: FieldErrors) -> None:
    """A pod of its own."""
    pod_spec(value.get("spec") or {}, "spec", errors)


def pod_template(template: Object, field: str, errors: FieldErrors) -> None:
    """What a controller makes pods of."""
    metadata = template.get("metadata") or {}
    labels(metadata.get("labels"), f"{field}.labels", errors)
    annotations(metadata.get("annotations"), f"{field}.annotations", errors)
    pod_spec(template.get("spec") or {}, f"{field}.spec", errors)


def pod_spec(spec: Object, field: str, errors: FieldErrors) -> None:
    """Everything in a pod's spec; mistakes are told with the path of the spec in front."""
    volumes = _volumes(spec.get("volumes") or [], f"{field}.volumes", errors)
    containers(spec, field, volumes, errors)
    _policies(spec, field, errors)
    _times(spec, field, errors)
    labels(spec.get("nodeSelector"), f"{field}.nodeSelector", errors)
    tolerations(spec.get("tolerations") or [], f"{field}.tolerations", errors)
    for position, gate in enumerate(spec.get("readinessGates") or []):
        kind = gate.get("conditionType") or ""
        where = f"{field}.readinessGates[{position}].conditionType"
        errors.invalid_each(where, kind, names.qualified_name_problems(kind))
    for name in ("nodeName", "serviceAccountName", "priorityClassName"):
        if text := spec.get(name):
            errors.invalid_each(f"{field}.{name}", text, names.subdomain_problems(text))
    for name in ("hostname", "subdomain"):
        if text := spec.get(name):
            errors.invalid_each(f"{field}.{name}", text, names.label_problems(text))
    for position, each in enumerate(spec.get("topologySpreadConstraints") or []):
        _spread(each, f"{field}.topologySpreadConstraints[{position}]", errors)


def _policies(spec: Object, field: str, errors: FieldErrors) -> None:
    for name, known in (("restartPolicy", RESTART_POLICIES), ("dnsPolicy", DNS_POLICIES)):
        if not spec.get(name):
            errors.required(f"{field}.{name}")
        elif spec[name] not in known:
            errors.not_supported(f"{field}.{name}", spec[name], known)
    if spec.get("dnsPolicy") == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        text = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        errors.required(f"{field}.dnsConfig.nameservers", text)


def _times(spec: Object, field: str, errors: FieldErrors) -> None:
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is None:
        errors.required(f"{field}.terminationGracePeriodSeconds")
    elif grace < 0:
        errors.invalid(f"{field}.terminationGracePeriodSeconds", grace, NOT_NEGATIVE)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        text = "must be between 1 and 2147483647, inclusive"
        errors.invalid(f"{field}.activeDeadlineSeconds", deadline, text)
    for list_name in ("initContainers", "containers"):
        for position, container in enumerate(spec.get(list_name) or []):
            for hook in ("postStart", "preStop"):
                action = ((container.get("lifecycle") or {}).get(hook) or {}).get("sleep") or {}
                seconds = action.get("seconds") or 0
                if grace is not None and seconds > max(grace, 0):
                    where = f"{field}.{list_name}[{position}].lifecycle.{hook}.sleep.seconds"
                    text = f"must be greater than 0 and less than terminationGracePeriodSeconds ({grace})"
                    errors.invalid(where, seconds, text)


def _volumes(given: list[Object], field: str, errors: FieldErrors) -> dict[str, Object]:
    found: dict[str, Object] = {}
    for position, volume in enumerate(given):
        where, name = f"{field}[{position}]", volume.get("name") or ""
        if not name:
            errors.required(f"{where}.name")
        else:
            errors.invalid_each(f"{where}.name", name, names.label_problems(name))
        if name in found:
            errors.duplicate(f"{where}.name", name)
        found[name] = volume
        sources = sorted(key for key, source in volume.items() if key != "name" and source is not None)
        if not sources:
            errors.required(where, "must specify a volume type")
        for extra in sources[1:]:
            errors.forbidden(f"{where}.{extra}", "may not specify more than 1 volume type")
        _volume_source(volume, where, errors)
    return found


def _volume_source(volume: Object, field: str, errors: FieldErrors) -> None:
    required = {
        "configMap": "name",
        "secret": "secretName",
        "hostPath": "path",
        "persistentVolumeClaim": "claimName",
    }
    for source, key in required.items():
        if volume.get(source) is not None and not volume[source].get(key):
            errors.required(f"{field}.{source}.{key}")


def tolerations(given: list[Object], field: str, errors: FieldErrors) -> None:
    """Which taints a pod bears with."""
    for position, each in enumerate(given):
        where = f"{field}[{position}]"
        key, operator, effect = (
            each.get("key") or "",
            each.get("operator") or "Equal",
            each.get("effect") or "",
        )
        if key:
            errors.invalid_each(f"{where}.key", key, names.qualified_name_problems(key))
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.invalid(f"{where}.operator", each.get("operator") or "", text)
        if operator == "Exists" and each.get("value"):
            text = "value must be empty when `operator` is 'Exists'"
            errors.invalid(f"{where}.operator", Literal(f'core.Toleration{{Key:"{key}"}}'), text)
        elif operator not in ("Equal", "Exists"):
            errors.not_supported(f"{where}.operator", operator, ("Equal", "Exists"))
        if effect and effect not in _EFFECTS:
            errors.not_supported(f"{where}.effect", effect, _EFFECTS)
        if each.get("tolerationSeconds") is not None and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.invalid(f"{where}.effect", effect, text)


def _spread(constraint: Object, field: str, errors: FieldErrors) -> None:
    if (constraint.get("maxSkew") or 0) <= 0:
        errors.invalid(f"{field}.maxSkew", constraint.get("maxSkew") or 0, "must be greater than zero")
    if not constraint.get("topologyKey"):
        errors.required(f"{field}.topologyKey", "can not be empty")
    known = ("DoNotSchedule", "ScheduleAnyway")
    if constraint.get("whenUnsatisfiable") not in known:
        errors.not_supported(f"{field}.whenUnsatisfiable", constraint.get("whenUnsatisfiable") or "", known)
    label_selector(constraint.get("labelSelector"), f"{field}.labelSelector", errors)


def pod_update(old: Object, new: Object, errors: FieldErrors) -> None:
    """A pod's spec stays as it is, but for images, its deadline, and tolerations that are added."""
    was, now = old.get("spec") or {}, new.get("spec") or {}
    if was == now:
        return
    if [len(now.get(name) or []) for name in _LISTS] != [len(was.get(name) or []) for name in _LISTS]:
        errors.forbidden("spec.containers", "pod updates may not add or remove containers")
        return
    _deadline_update(was, now, errors)
    kept = was.get("tolerations") or []
    added = now.get("tolerations") or []
    if any(each not in added for each in kept):
        errors.forbidden(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )
    if _without_changeable(was) != _without_changeable(now):
        differing = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
        errors.forbidden(
            "spec", f"{_MAY_CHANGE}\n(what differs: {', '.join(f'`spec.{each}`' for each in differing)})"
        )


_LISTS = ("containers", "initContainers")


def _deadline_update(was: Object, now: Object, errors: FieldErrors) -> None:
    old, new = was.get("activeDeadlineSeconds"), now.get("activeDeadlineSeconds")
    if old is None or old == new:
        return
    if new is None:
        errors.invalid(
            "spec.activeDeadlineSeconds", new, "must not update from a positive integer to nil value"
        )
    elif new > old:
        text = "must be less than or equal to previous value"
        errors.invalid("spec.activeDeadlineSeconds", new, text)


def _without_changeable(spec: Object) -> Object:
    left = {key: value for key, value in spec.items() if key not in ("activeDeadlineSeconds", "tolerations")}
    if (left.get("terminationGracePeriodSeconds") or 0) < 0:
        left["terminationGracePeriodSeconds"] = 1
    for name in _LISTS:
        if left.get(name):
            left[name] = [{key: each for key, each in item.items() if key != "image"} for item in left[name]]
    return left
