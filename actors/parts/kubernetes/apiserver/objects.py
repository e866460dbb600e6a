"""The verbs on collections and on objects."""

from actors.parts.kubernetes.apiserver.creating import create
from actors.parts.kubernetes.apiserver.deleting import DeleteOptions, delete
from actors.parts.kubernetes.apiserver.errors import method_not_allowed
from actors.parts.kubernetes.apiserver.options import Options, Written
from actors.parts.kubernetes.apiserver.patching import patch
from actors.parts.kubernetes.apiserver.reading import list_objects, list_of
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.replacing import replace
from actors.parts.kubernetes.apiserver.representation import (
    PARTIAL,
    PARTIAL_LIST,
    TABLE,
    Form,
    as_table,
    negotiate,
    partial,
)
from actors.parts.kubernetes.apiserver.requests import Object, Request, Response, Target
from actors.parts.kubernetes.apiserver.strategies import strategy_of
from actors.protocols.kubernetes.resources import Resource

SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def answer_collection(registry: Registry, request: Request, target: Target) -> Response:
    """List, create or delete all. Raises `ApiError`."""
    form = negotiate(request.accept, TABLE, PARTIAL_LIST if request.method == "GET" else PARTIAL)
    if request.method == "GET":
        listed = list_objects(registry, target, request)
        return _formed(registry, request, target.resource, form, Written(listed))
    if request.method == "POST" and (target.namespace is not None or not target.resource.namespaced):
        written = create(registry, target, request.body, Options.of(request))
        return _formed(registry, request, target.resource, form, written)
    if request.method == "DELETE" and (target.namespace is not None or not target.resource.namespaced):
        return Response(200, _delete_collection(registry, request, target))
    raise method_not_allowed(
        target.resource, "create" if request.method == "POST" else request.method.lower()
    )


def answer_object(registry: Registry, request: Request, target: Target) -> Response:
    """Get, put, patch or delete an object or its status. Raises `ApiError`."""
    form = negotiate(request.accept, TABLE, PARTIAL)
    if request.method == "GET":
        written = Written(registry.current(target))
    elif request.method == "PUT":
        written = _put(registry, request, target)
    elif request.method == "PATCH":
        written = patch(registry, target, request.body, request.content_type, Options.of(request))
    elif request.method == "DELETE" and target.subresource is None:
        written = Written(_delete(registry, request, target))
    else:
        raise method_not_allowed(target.resource, request.method.lower())
    return _formed(registry, request, target.resource, form, written)


def _formed(
    registry: Registry, request: Request, resource: Resource, form: Form, written: Written
) -> Response:
    value, warnings, created = written
    if form.kind and value.get("kind") != "Status":
        is_table = form.kind == TABLE
        value = (
            as_table(resource, value, form, registry.now_ns(), request) if is_table else partial(value, form)
        )
    return Response(201 if created else 200, value, warnings, form.content_type)


def _put(registry: Registry, request: Request, target: Target) -> Written:
    options = Options.of(request)
    absent = registry.store.stored(target.resource.kind, *target.place) is None
    if absent and strategy_of(target.resource).creates_on_update and target.subresource is None:
        return create(registry, target, request.body, options)
    return replace(registry, target, request.body, options)


def _delete(registry: Registry, request: Request, target: Target) -> Object:
    gone, value = delete(registry, target, DeleteOptions.of(request))
    if not gone or target.resource.kind == "Pod":
        return value
    group = {"group": target.resource.group} if target.resource.group else {}
    details = {"name": target.name, **group, "kind": target.resource.plural, "uid": value["metadata"]["uid"]}
    return {**SUCCESS, "details": details}


def _delete_collection(registry: Registry, request: Request, target: Target) -> Object:
    options = DeleteOptions.of(request)
    chosen = list_objects(registry, target, request)
    values = []
    for value in chosen["items"]:
        metadata = value["metadata"]
        one = Target(target.resource, metadata.get("namespace"), metadata["name"])
        values.append(delete(registry, one, options)[1])
    return list_of(target.resource, values, {"resourceVersion": str(registry.store.revision)})
