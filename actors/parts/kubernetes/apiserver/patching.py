"""PATCH: which kind of patch by its Content-Type, and the object that comes out of it."""

from typing import Any

from actors.parts.kubernetes.apiserver.bodies import read_body
from actors.parts.kubernetes.apiserver.creating import store_new
from actors.parts.kubernetes.apiserver.errors import bad_request
from actors.parts.kubernetes.apiserver.options import Options, Written, refused
from actors.parts.kubernetes.apiserver.registry import Registry, clone
from actors.parts.kubernetes.apiserver.replacing import check_version, replace, store_next
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.protocols.kubernetes.json_patch import json_patch
from actors.protocols.kubernetes.merge_patch import merge_patch
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.server_side_apply import apply
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.strategic_merge import strategic_merge

JSON, MERGE = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"


def patch(registry: Registry, target: Target, sent: Any, content_type: str, options: Options) -> Written:
    """Patch an object, or apply a configuration. Raises `ApiError`."""
    check_type(target.resource, content_type)
    if content_type == APPLY:
        return _apply(registry, target, sent, options)
    if options.force is not None:
        words = "Forbidden: may not be specified for non-apply patch"
        raise refused("PatchOptions", "force", "FieldValueForbidden", words)
    patched = apply_patch(target.resource, registry.current(target), sent, content_type)
    return replace(registry, target, patched if target.subresource else clone(patched), options)


def check_type(resource: Resource, content_type: str) -> None:
    """Raises `ApiError` 415. Custom resources have no strategic merge patch."""
    types = (JSON, MERGE, APPLY) if resource.definition is None else (JSON, MERGE, STRATEGIC, APPLY)
    if content_type not in types:
        message = "the body of the request was in an unknown format - accepted media types include: "
        raise ApiError(415, message + ", ".join(types), "UnsupportedMediaType")


def apply_patch(resource: Resource, current: Object, sent: Any, content_type: str) -> Object:
    """What a patch makes of an object; the two may share parts. Raises `ApiError`."""
    if content_type == JSON:
        patched = json_patch(current, sent)
    elif not isinstance(sent, dict):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}"
        )
    elif content_type == MERGE or resource.definition is None:
        patched = merge_patch(current, sent)
    else:
        patched = strategic_merge(current, sent, resource.definition)
    if not isinstance(patched, dict):
        raise bad_request(f"the patch leaves no object of kind {resource.kind}")
    return patched


def _apply(registry: Registry, target: Target, sent: Any, options: Options) -> Written:
    if not options.named:
        words = "Required value: is required for apply patch"
        raise refused("PatchOptions", "fieldManager", "FieldValueRequired", words)
    config = _configuration(target, sent)
    resource = target.resource
    config, warnings = read_body(target, config, options.field_validation)
    stored = registry.store.stored(resource.kind, *target.place)
    current = None if stored is None else stored.object
    if current is not None:
        check_version(resource, current, config["metadata"])
    elif target.subresource:
        current = registry.current(target)
    version, part = resource.group_version, target.subresource or ""
    now, force = registry.now(), bool(options.force)
    value = clone(
        apply(
            current,
            config,
            resource.definition,
            options.manager,
            force=force,
            now=now,
            api_version=version,
            subresource=part,
        )
    )
    if current is None:
        return store_new(registry, resource, value, options, warnings)
    return store_next(registry, target, current, value, options, warnings, tracks=False)


def _configuration(target: Target, sent: Any) -> Object:
    """An applied configuration says itself what it is."""
    if not isinstance(sent, dict):
        raise bad_request("error decoding YAML: the configuration is no object")
    resource = target.resource
    given = (sent.get("apiVersion"), sent.get("kind"))
    if given != (resource.group_version, resource.kind):
        wanted = f"{resource.group_version}, Kind={resource.kind}"
        raise bad_request(f"invalid object type: {given[0] or ''}, Kind={given[1] or ''}; expected {wanted}")
    return sent
