"""Creating objects (k8s.io/apiserver: pkg/registry/rest/create.go)."""

from typing import Any

from actors.parts.kubernetes.apiserver import admission
from actors.parts.kubernetes.apiserver.bodies import read_body
from actors.parts.kubernetes.apiserver.errors import already_exists
from actors.parts.kubernetes.apiserver.options import Options, Written
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.parts.kubernetes.apiserver.strategies import OF_THE_SERVER, strategy_of
from actors.protocols.kubernetes.defaults import set_defaults
from actors.protocols.kubernetes.names import generate_name, uid
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.server_side_apply import track_update
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.validation import validate_create, warnings_for
from actors.protocols.kubernetes.validation.errors import FieldErrors

GENERATED_NAME_TRIES = 8


def create(registry: Registry, target: Target, body: Any, options: Options) -> Written:
    """Create an object from what was sent, which may be changed. Raises `ApiError`."""
    value, warnings = read_body(target, body, options.field_validation)
    value["metadata"].pop("managedFields", None)
    if target.name is None and value["metadata"].get("resourceVersion"):
        raise ApiError(500, "resourceVersion should not be set on objects to be created", "Unknown")
    return store_new(registry, target.resource, value, options, warnings)


def store_new(
    registry: Registry, resource: Resource, value: Object, options: Options, warnings: tuple[str, ...]
) -> Written:
    """Complete, check and store an object. Its managedFields are made, unless it has some (server-side apply)."""
    kind, metadata = resource.kind, value["metadata"]
    _set_metadata(registry, resource, value)
    admission.check_create(registry, resource, value)
    strategy_of(resource).create(value)
    set_defaults(kind, value)
    validate_create(kind, value)
    admission.allocate_for(registry, resource, value)
    if not metadata.get("managedFields"):
        version = resource.group_version
        metadata["managedFields"] = track_update(
            None, value, resource.definition, options.manager, registry.now(), version
        )
    stored = value if options.dry_run else registry.store.put(kind, value)
    return Written(stored, (*warnings, *warnings_for(kind, value)), created=True)


def _set_metadata(registry: Registry, resource: Resource, value: Object) -> None:
    """What the server says about a new object. Raises `ApiError` 409 or 422."""
    metadata = value["metadata"]
    for name in (*OF_THE_SERVER, "selfLink", "resourceVersion"):
        metadata.pop(name, None)
    for name in [name for name, given in metadata.items() if given in (None, "", {}, [])]:
        del metadata[name]
    _set_name(registry, resource, metadata)
    metadata["uid"] = uid(registry.random)
    metadata["creationTimestamp"] = registry.now()
    if strategy_of(resource).counts_generations:
        metadata["generation"] = 1


def _set_name(registry: Registry, resource: Resource, metadata: Object) -> None:
    """Give the object a name that is its own."""
    place, prefix = metadata.get("namespace", ""), str(metadata.get("generateName", ""))
    generates = not metadata.get("name")
    if generates and not prefix:
        errors = FieldErrors()
        errors.required("metadata.name", "name or generateName is required")
        errors.check(resource.kind, "")
    for _ in range(GENERATED_NAME_TRIES if generates else 1):
        if generates:
            metadata["name"] = generate_name(prefix, registry.random)
        if registry.store.stored(resource.kind, place, metadata["name"]) is None:
            return
    raise already_exists(resource, metadata["name"])
