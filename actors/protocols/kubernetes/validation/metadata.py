"""The metadata that all objects have (k8s.io/apimachinery: pkg/api/validation, pkg/apis/meta/v1/validation)."""

from typing import Any

from actors.protocols.kubernetes import names
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.validation.errors import IMMUTABLE, FieldErrors, Literal, go_map, told

Object = dict[str, Any]

ANNOTATIONS_SIZE = 256 * 1024
_LABEL_NAMES = frozenset(("Namespace",))
_DNS_1035_NAMES = frozenset(("Service",))
_ON_UPDATE = ("name", "namespace", "uid", "creationTimestamp")


def object_metadata(kind: str, value: Object, errors: FieldErrors) -> None:
    """Names, labels, annotations, owners and finalizers of any object."""
    metadata = value.get("metadata") or {}
    _names(kind, metadata, errors)
    labels(metadata.get("labels"), "metadata.labels", errors)
    annotations(metadata.get("annotations"), "metadata.annotations", errors)
    _owners(metadata.get("ownerReferences") or [], errors)
    for position, finalizer in enumerate(metadata.get("finalizers") or []):
        problems = names.qualified_name_problems(finalizer)
        errors.invalid_each(f"metadata.finalizers[{position}]", finalizer, problems)
        if (
            not problems
            and "/" not in finalizer
            and finalizer not in ("orphan", "foregroundDeletion", "kubernetes")
        ):
            errors.invalid(
                f"metadata.finalizers[{position}]",
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            )


def _names(kind: str, metadata: Object, errors: FieldErrors) -> None:
    if kind in _LABEL_NAMES:
        check = names.label_problems
    elif kind in _DNS_1035_NAMES:
        check = names.dns_1035_problems
    else:
        check = names.subdomain_problems
    name, prefix = metadata.get("name") or "", metadata.get("generateName") or ""
    if prefix:
        masked = prefix[:-1] + "a" if prefix.endswith("-") else prefix
        errors.invalid_each("metadata.generateName", prefix, check(masked))
    if not name:
        errors.required("metadata.name", "name or generateName is required")
    else:
        errors.invalid_each("metadata.name", name, check(name))
    resource, namespace = BY_KIND.get(kind), metadata.get("namespace") or ""
    if resource is None or resource.namespaced:
        if not namespace:
            errors.required("metadata.namespace")
        else:
            errors.invalid_each("metadata.namespace", namespace, names.label_problems(namespace))
    elif namespace:
        errors.forbidden("metadata.namespace", "not allowed on this type")


def labels(given: dict[str, str] | None, field: str, errors: FieldErrors) -> None:
    """Keys and values of labels."""
    for key, value in (given or {}).items():
        errors.invalid_each(field, key, names.qualified_name_problems(key))
        errors.invalid_each(field, value, names.label_value_problems(value or ""))


def annotations(given: dict[str, str] | None, field: str, errors: FieldErrors) -> None:
    """Keys of annotations, and their size together."""
    size = 0
    for key, value in (given or {}).items():
        errors.invalid_each(field, key, names.qualified_name_problems(key.lower()))
        size += len(key.encode()) + len((value or "").encode())
    if size > ANNOTATIONS_SIZE:
        errors.too_long(field, ANNOTATIONS_SIZE)


def _owners(owners: list[Object], errors: FieldErrors) -> None:
    controllers = []
    for position, owner in enumerate(owners):
        field = f"metadata.ownerReferences[{position}]"
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                errors.invalid(f"{field}.{name}", owner.get(name) or "", f"{_spoken(name)} must not be empty")
        if owner.get("kind") == "Event" and owner.get("apiVersion") in ("v1", "events.k8s.io/v1"):
            errors.invalid(
                field, owner["kind"], f"{owner['apiVersion']}, Kind=Event is disallowed from being an owner"
            )
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        text = 'Only one reference can have Controller set to true. Found "true" in references for '
        errors.invalid("metadata.ownerReferences", Literal("[]"), text + " and ".join(controllers))


def _spoken(name: str) -> str:
    return "version" if name == "apiVersion" else name


def metadata_update(old: Object, new: Object, errors: FieldErrors) -> None:
    """What no update may change, and what it may not add to an object that is being deleted."""
    was, now = old.get("metadata") or {}, new.get("metadata") or {}
    for name in _ON_UPDATE:
        if was.get(name) != now.get(name):
            errors.invalid(f"metadata.{name}", now.get(name), IMMUTABLE)
    if was.get("deletionTimestamp"):
        added = [each for each in now.get("finalizers") or [] if each not in (was.get("finalizers") or [])]
        if added:
            shown = ", ".join(told(each) for each in added)
            errors.forbidden(
                "metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{"
                f"{shown}}}",
            )
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        if was.get(name) != now.get(name):
            errors.invalid(f"metadata.{name}", now.get(name), IMMUTABLE)


def label_selector(selector: Object | None, field: str, errors: FieldErrors) -> None:
    """The keys, operators and values of a LabelSelector."""
    if selector is None:
        return
    labels(selector.get("matchLabels"), f"{field}.matchLabels", errors)
    for position, each in enumerate(selector.get("matchExpressions") or []):
        _expression(each, f"{field}.matchExpressions[{position}]", errors)


def _expression(each: Object, field: str, errors: FieldErrors) -> None:
    operator, values = each.get("operator"), each.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            errors.required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.forbidden(
                f"{field}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            )
    else:
        errors.invalid(f"{field}.operator", operator, "not a valid selector operator")
    key = each.get("key") or ""
    errors.invalid_each(f"{field}.key", key, names.qualified_name_problems(key))
    for position, value in enumerate(values):
        errors.invalid_each(f"{field}.values[{position}]", value, names.label_value_problems(value))


__all__ = ["annotations", "go_map", "label_selector", "labels", "metadata_update", "object_metadata"]
