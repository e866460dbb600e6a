"""Putting an object in the place of another: optimistic locking, what may change where, and what changes nothing."""

from typing import Any

from actors.parts.kubernetes.apiserver import admission
from actors.parts.kubernetes.apiserver.bodies import read_body
from actors.parts.kubernetes.apiserver.errors import MODIFIED, conflict
from actors.parts.kubernetes.apiserver.options import Options, Written
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.parts.kubernetes.apiserver.strategies import OF_THE_SERVER, strategy_of, wants_something_else
from actors.protocols.kubernetes.defaults import set_defaults
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.server_side_apply import track_update
from actors.protocols.kubernetes.validation import validate_update, warnings_for
from actors.protocols.kubernetes.validation.errors import FieldErrors, Literal


def replace(registry: Registry, target: Target, body: Any, options: Options) -> Written:
    """Put what was sent in the place of what is there, as PUT and PATCH do. Raises `ApiError`.

    The body may be changed, unless the target is a status: then it may share parts with what is stored."""
    current = registry.current(target)
    if target.subresource == "status" and isinstance(body, dict):
        # what else was sent is ignored; not to look at it makes the kubelets' most frequent write a third cheaper
        body = {name: body[name] for name in ("apiVersion", "kind", "metadata", "status") if name in body}
    value, warnings = read_body(target, body, options.field_validation)
    check_version(target.resource, current, value["metadata"], strategy_of(target.resource).unconditional)
    return store_next(registry, target, current, value, options, warnings)


def store_next(
    registry: Registry,
    target: Target,
    current: Object,
    value: Object,
    options: Options,
    warnings: tuple[str, ...],
    *,
    tracks: bool = True,
) -> Written:
    """Complete, check and store the next version of an object. `tracks` False: its managedFields are made already."""
    resource = target.resource
    managed = value["metadata"].get("managedFields")
    is_status = target.subresource == "status"
    if is_status:
        value = _status_only(resource, current, value)
    else:
        value = _all_but_status(registry, resource, current, value)
        warnings = (*warnings, *warnings_for(resource.kind, value))
    validate_update(resource.kind, current, value)
    if tracks:
        managed = _tracked(registry, target, current, value, managed, options)
    value["metadata"].pop("managedFields", None)
    if managed:
        value["metadata"]["managedFields"] = managed
    return Written(finish(registry, target, current, value, options.dry_run), warnings)


def _tracked(
    registry: Registry, target: Target, current: Object, value: Object, sent: Any, options: Options
) -> list[Object]:
    """Who owns what after this write; an empty list that was sent gives up all ownership."""
    if sent is not None and not sent:
        value = {**value, "metadata": {**value["metadata"], "managedFields": []}}
    resource = target.resource
    version, part = resource.group_version, target.subresource or ""
    return track_update(current, value, resource.definition, options.manager, registry.now(), version, part)


def finish(registry: Registry, target: Target, current: Object, value: Object, dry_run: bool) -> Object:
    """Store the next version of an object, unless it is the same; one that waits only for finalizers goes now."""
    kind, metadata = target.resource.kind, value["metadata"]
    metadata["resourceVersion"] = current["metadata"]["resourceVersion"]
    if dry_run:
        return value
    if _may_go(value):
        return registry.store.delete(kind, value)
    return current if value == current else registry.store.put(kind, value)


def _may_go(value: Object) -> bool:
    """Whether an object is to be deleted and nothing holds it any more."""
    metadata = value["metadata"]
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
        and not (value["kind"] == "Namespace" and value["spec"].get("finalizers"))
    )


def check_version(resource: Resource, current: Object, metadata: Object, unconditional: bool = True) -> None:
    """Optimistic locking: what the writer has seen must be what is there. Raises `ApiError` 409 or 422."""
    name, own = current["metadata"]["name"], current["metadata"]
    version = metadata.get("resourceVersion")
    if not version and not unconditional:
        errors = FieldErrors()
        errors.invalid("metadata.resourceVersion", Literal("0x0"), "must be specified for an update")
        errors.check(resource.kind, name)
    if version and version != own["resourceVersion"]:
        raise conflict(resource, name, MODIFIED)
    if metadata.get("uid") and metadata["uid"] != own["uid"]:
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {own['uid']}"
        raise conflict(resource, name, why)


def _kept(current: Object, metadata: Object) -> Object:
    """Metadata as written, but with what only the server writes as it was; empty fields are left out."""
    kept = {name: current["metadata"][name] for name in OF_THE_SERVER if name in current["metadata"]}
    written = {
        name: value
        for name, value in metadata.items()
        if name not in OF_THE_SERVER and name != "selfLink" and value not in (None, {}, [], "")
    }
    return {**written, **kept}


def _all_but_status(registry: Registry, resource: Resource, current: Object, value: Object) -> Object:
    strategy = strategy_of(resource)
    value["metadata"] = _kept(current, value["metadata"])
    if strategy.owns_status:
        value.pop("status", None)
        if "status" in current:
            value["status"] = current["status"]
    set_defaults(resource.kind, value)
    admission.allocate_for(registry, resource, value, current)
    if strategy.counts_generations and wants_something_else(current, value):
        value["metadata"]["generation"] = current["metadata"].get("generation", 0) + 1
    return value


def _status_only(resource: Resource, current: Object, value: Object) -> Object:
    status = {"status": value["status"]} if value.get("status") is not None else {}
    metadata = dict(current["metadata"])
    if strategy_of(resource).status_owns_metadata:
        written = _kept(current, value["metadata"])
        for name in ("labels", "annotations"):
            metadata.pop(name, None)
            if name in written:
                metadata[name] = written[name]
    rest = {key: item for key, item in current.items() if key not in ("status", "metadata")}
    return {**rest, "metadata": metadata, **status}
