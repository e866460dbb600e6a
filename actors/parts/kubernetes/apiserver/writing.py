"""Creating and replacing objects: metadata, strategies, optimistic locking, what changes nothing."""

from typing import NamedTuple

from actors.parts.kubernetes.apiserver import admission
from actors.parts.kubernetes.apiserver.errors import (
    MODIFIED,
    already_exists,
    bad_request,
    cause,
    conflict,
    invalid,
)
from actors.parts.kubernetes.apiserver.interim import generate_name, uid
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Request, Target
from actors.parts.kubernetes.apiserver.strategies import strategy_of, wants_something_else
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.status import ApiError

GENERATED_NAME_TRIES = 8
_OF_THE_SERVER = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


class Options(NamedTuple):
    """How a write is to be done."""

    manager: str
    dry_run: bool

    @classmethod
    def of(cls, request: Request) -> "Options":
        agent = request.user_agent.split("/")[0] or request.user.name
        return cls(request.query.get("fieldManager") or agent, request.dry_run)


def create(registry: Registry, target: Target, body: Object, options: Options) -> Object:
    """Create an object from what was sent; returns it as stored. The body may be changed."""
    resource = target.resource
    value = check_body(target, body)
    metadata = value["metadata"]
    if metadata.get("resourceVersion"):
        raise ApiError(500, "resourceVersion should not be set on objects to be created", "Unknown")
    for name in (*_OF_THE_SERVER, "selfLink", "resourceVersion", "managedFields"):
        metadata.pop(name, None)
    generates = not metadata.get("name") and metadata.get("generateName")
    if not generates and not metadata.get("name"):
        words = "Required value: name or generateName is required"
        raise invalid(resource, "", [cause("metadata.name", words, "FieldValueRequired")])
    _name(registry, resource, metadata)
    metadata["uid"] = uid(registry.random)
    metadata["creationTimestamp"] = registry.now()
    strategy = strategy_of(resource)
    if strategy.counts_generations:
        metadata["generation"] = 1
    admission.check_create(registry, resource, value)
    strategy.create(value)
    admission.allocate_for(registry, resource, value)
    return value if options.dry_run else registry.store.put(resource.kind, value)


def _name(registry: Registry, resource: Resource, metadata: Object) -> None:
    """Give the object a name of its own. Raises `ApiError` 409."""
    place = metadata.get("namespace", "")
    generates = not metadata.get("name")
    for _ in range(GENERATED_NAME_TRIES if generates else 1):
        if generates:
            metadata["name"] = generate_name(metadata["generateName"], registry.random)
        if registry.store.stored(resource.kind, place, metadata["name"]) is None:
            return
    raise already_exists(resource, metadata["name"])


def check_body(target: Target, body: Object) -> Object:
    """The body as an object of the target's kind and place. Raises `ApiError` 400."""
    resource = target.resource
    if not isinstance(body, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind})")
    version, kind = body.get("apiVersion", resource.group_version), body.get("kind", resource.kind)
    if version != resource.group_version:
        wanted = f"does not match the expected API version ({resource.group_version})"
        raise bad_request(f"the API version in the data ({version}) {wanted}")
    if kind != resource.kind:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {resource.kind}')
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request("metadata: Invalid value: must be an object")
    if resource.namespaced:
        if metadata.get("namespace") not in (None, "", target.namespace):
            words = "the namespace of the provided object does not match the namespace sent on the request"
            raise bad_request(words)
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    if target.name is not None and metadata.setdefault("name", target.name) != target.name:
        given = metadata["name"]
        raise bad_request(
            f"the name of the object ({given}) does not match the name on the URL ({target.name})"
        )
    return {**body, "apiVersion": version, "kind": kind, "metadata": metadata}


def replace(registry: Registry, target: Target, value: Object, options: Options) -> Object:
    """Put an object in the place of the one there, as PUT and PATCH do; returns it as stored.

    `value` may be changed, and must share nothing with what is stored."""
    resource = target.resource
    current = registry.current(target)
    value = check_body(target, value)
    check_version(resource, current, value["metadata"], strategy_of(resource).unconditional)
    if target.subresource == "status":
        value = _status_only(resource, current, value)
    else:
        value = _all_but_status(registry, resource, current, value)
    return finish(registry, target, current, value, options)


def finish(registry: Registry, target: Target, current: Object, value: Object, options: Options) -> Object:
    """Store the next version of an object, unless it is the same; one that waits only for finalizers goes now."""
    resource, metadata = target.resource, value["metadata"]
    metadata["resourceVersion"] = current["metadata"]["resourceVersion"]
    goes = (
        metadata.get("deletionTimestamp")
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
        and not (value.get("spec") or {}).get("finalizers")
    )
    if options.dry_run:
        return value
    if goes:
        return registry.store.delete(resource.kind, value)
    if value == current:
        return current
    return registry.store.put(resource.kind, value)


def check_version(resource: Resource, current: Object, metadata: Object, unconditional: bool = True) -> None:
    """Optimistic locking: what the writer has seen must be what is there. Raises `ApiError` 409 or 422."""
    name, own = current["metadata"]["name"], current["metadata"]
    version = metadata.get("resourceVersion")
    if not version and not unconditional:
        words = "Invalid value: 0x0: must be specified for an update"
        raise invalid(resource, name, [cause("metadata.resourceVersion", words)])
    if version and version != own["resourceVersion"]:
        raise conflict(resource, name, MODIFIED)
    if metadata.get("uid") and metadata["uid"] != own["uid"]:
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {own['uid']}"
        raise conflict(resource, name, why)


def _keep_the_servers(current: Object, metadata: Object) -> Object:
    """Metadata as written, but with what only the server writes as it was; empty maps are left out."""
    kept = {name: current["metadata"][name] for name in _OF_THE_SERVER if name in current["metadata"]}
    written = {
        name: value
        for name, value in metadata.items()
        if name not in _OF_THE_SERVER and value not in (None, {}, [], "")
    }
    return {**written, **kept}


def _all_but_status(registry: Registry, resource: Resource, current: Object, value: Object) -> Object:
    strategy = strategy_of(resource)
    value["metadata"] = _keep_the_servers(current, value["metadata"])
    if strategy.owns_status:
        value.pop("status", None)
        if "status" in current:
            value["status"] = current["status"]
    admission.allocate_for(registry, resource, value, current)
    if strategy.counts_generations and wants_something_else(current, value):
        value["metadata"]["generation"] = current["metadata"].get("generation", 0) + 1
    return value


def _status_only(resource: Resource, current: Object, value: Object) -> Object:
    status = {"status": value["status"]} if value.get("status") is not None else {}
    metadata = dict(current["metadata"])
    if strategy_of(resource).status_owns_metadata:
        written = _keep_the_servers(current, value["metadata"])
        for name in ("labels", "annotations"):
            metadata.pop(name, None)
            if name in written:
                metadata[name] = written[name]
    rest = {key: item for key, item in current.items() if key not in ("status", "metadata")}
    return {**rest, "metadata": metadata, **status}
