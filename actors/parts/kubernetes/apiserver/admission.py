"""What must hold beyond one object's own validity, and what the server fills in from elsewhere (admission plugins)."""

from actors.parts.kubernetes.apiserver.errors import forbidden, not_found
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object
from actors.protocols.kubernetes.resources import BY_KIND, Resource


def create(registry: Registry, resource: Resource, value: Object) -> None:
    """Before an object is created. Raises `ApiError` 403, 404 or 422."""
    if resource.namespaced:
        _check_namespace(registry, resource, value)


def update(registry: Registry, resource: Resource, current: Object, value: Object) -> None:
    """Before an object takes the place of another. Raises `ApiError`."""


def _check_namespace(registry: Registry, resource: Resource, value: Object) -> None:
    """The namespace must be there, and not about to go (plugin NamespaceLifecycle)."""
    name = value["metadata"]["namespace"]
    namespace = registry.store.get("Namespace", "", name)
    if namespace is None:
        raise not_found(BY_KIND["Namespace"], name)
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {name} because it is being terminated"
        terminating = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise forbidden(resource, value["metadata"]["name"], why, [terminating])
