"""What was sent, as an object of the kind and place that the path names."""

from typing import Any

from actors.parts.kubernetes.apiserver.errors import bad_request
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.protocols.kubernetes.schema import Shape, definition_of, shape
from actors.protocols.kubernetes.validation import check_structure


def read_body(target: Target, body: Any, field_validation: str) -> tuple[Object, tuple[str, ...]]:
    """The object, and warnings about fields that its kind does not have. Raises `ApiError` 400.

    The body may be changed."""
    value = _of_kind(target, body)
    kind = target.resource.kind
    warnings = check_structure(kind, value, field_validation)
    if warnings or field_validation == "Ignore" or _has_null(value):
        value = decoded(value, shape(definition_of(kind)))
    _check_place(target, value["metadata"])
    return value, tuple(warnings)


def _of_kind(target: Target, body: Any) -> Object:
    resource = target.resource
    if not isinstance(body, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind})")
    version, kind = body.get("apiVersion") or resource.group_version, body.get("kind") or resource.kind
    if version != resource.group_version:
        wanted = f"does not match the expected API version ({resource.group_version})"
        raise bad_request(f"the API version in the data ({version}) {wanted}")
    if kind != resource.kind:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {resource.kind}')
    metadata = {} if body.get("metadata") is None else body["metadata"]
    metadata = dict(metadata) if isinstance(metadata, dict) else metadata
    return {**body, "apiVersion": version, "kind": kind, "metadata": metadata}


def _check_place(target: Target, metadata: Object) -> None:
    """The namespace and name of the object are those of the path."""
    if target.resource.namespaced:
        if metadata.get("namespace") not in (None, "", target.namespace):
            words = "the namespace of the provided object does not match the namespace sent on the request"
            raise bad_request(words)
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    if target.name is not None and (metadata.get("name") or target.name) != target.name:
        given = metadata["name"]
        raise bad_request(
            f"the name of the object ({given}) does not match the name on the URL ({target.name})"
        )
    if target.name is not None:
        metadata["name"] = target.name


def read_part(kind: str, body: Any) -> Object:
    """The body as a kind that is not stored: a Scale, a Binding. Raises `ApiError` 400."""
    if not isinstance(body, dict) or body.get("kind", kind) != kind:
        raise bad_request(f"the object provided is unrecognized (must be of type {kind})")
    check_structure(kind, body)
    read = decoded(body, shape(definition_of(kind)))
    assert isinstance(read, dict)
    return read


def decoded(value: Any, at: Shape) -> Any:
    """The value as Go's decoder would leave it: without fields that its schema does not know, and without nulls."""
    if isinstance(value, dict) and at.type == "object":
        return {
            name: decoded(each, at.fields[name])
            for name, each in value.items()
            if name in at.fields and each is not None
        }
    if isinstance(value, dict) and at.type == "map":
        return {name: decoded(each, at.values) for name, each in value.items() if each is not None}
    if isinstance(value, list) and at.type == "array":
        zero = _ZEROS.get(at.items.type)
        return [zero if each is None else decoded(each, at.items) for each in value]
    return value


_ZEROS: dict[str, Any] = {"object": {}, "map": {}, "array": [], "string": "", "integer": 0, "boolean": False}


def _has_null(value: Any) -> bool:
    each: Any
    for each in value.values() if isinstance(value, dict) else value:
        if each is None or (isinstance(each, dict | list) and _has_null(each)):
            return True
    return False
