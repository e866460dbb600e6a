"""What makes an object valid: `structure` for fields and types, a module for each group of kinds for their meaning."""

from collections.abc import Callable
from typing import Any

from actors.protocols.kubernetes.validation import apps, metadata, networking, nodes, others, pods, services
from actors.protocols.kubernetes.validation.errors import FieldErrors
from actors.protocols.kubernetes.validation.not_emulated import NOT_EMULATED, warnings_for
from actors.protocols.kubernetes.validation.structure import check_structure, validate_structure

Object = dict[str, Any]

_CREATE: dict[str, Callable[[Object, FieldErrors], None]] = {
    "ConfigMap": others.config_map,
    "ControllerRevision": others.controller_revision,
    "DaemonSet": apps.daemon_set,
    "Deployment": apps.deployment,
    "EndpointSlice": networking.endpoint_slice,
    "Endpoints": networking.endpoints,
    "Event": others.event,
    "Ingress": networking.ingress,
    "IngressClass": networking.ingress_class,
    "IngressClassParams": others.ingress_class_params,
    "Lease": nodes.lease,
    "Node": nodes.node,
    "Pod": pods.pod,
    "ReplicaSet": apps.replica_set,
    "Service": services.service,
    "TargetGroupBinding": others.target_group_binding,
}
_UPDATE: dict[str, Callable[[Object, Object, FieldErrors], None]] = {
    "ConfigMap": others.config_map_update,
    "ControllerRevision": others.controller_revision_update,
    "DaemonSet": apps.selector_update,
    "Deployment": apps.selector_update,
    "EndpointSlice": networking.endpoint_slice_update,
    "IngressClass": networking.ingress_class_update,
    "Node": nodes.node_update,
    "Pod": pods.pod_update,
    "ReplicaSet": apps.selector_update,
    "Service": services.service_update,
    "TargetGroupBinding": others.target_group_binding_update,
}


def validate_create(kind: str, value: Object) -> None:
    """Check a new object, with its defaults filled in. Raises `ApiError` 422 that tells all that is wrong."""
    errors = FieldErrors()
    metadata.object_metadata(kind, value, errors)
    _CREATE.get(kind, _nothing)(value, errors)
    errors.check(kind, _name(value))


def validate_update(kind: str, old: Object, new: Object) -> None:
    """Check an object that takes the place of another. Raises `ApiError` 422 that tells all that is wrong."""
    errors = FieldErrors()
    metadata.object_metadata(kind, new, errors)
    metadata.metadata_update(old, new, errors)
    if new.get("spec") != old.get("spec") or "spec" not in new:
        # What was valid stays so: a change of the status or of the labels alone does not pay for the rest.
        _CREATE.get(kind, _nothing)(new, errors)
    _UPDATE.get(kind, _nothing_new)(old, new, errors)
    errors.check(kind, _name(new))


def _nothing(value: Object, errors: FieldErrors) -> None:
    """Kinds of which only the metadata are checked."""


def _nothing_new(old: Object, new: Object, errors: FieldErrors) -> None:
    """Kinds that may become anything that is valid."""


def _name(value: Object) -> str:
    name = value.get("metadata", {}).get("name")
    return name if isinstance(name, str) else ""


__all__ = [
    "NOT_EMULATED",
    "check_structure",
    "validate_create",
    "validate_structure",
    "validate_update",
    "warnings_for",
]
