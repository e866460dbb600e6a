"""What must hold beyond one object's own validity, and what the server fills in from elsewhere (admission plugins)."""

from actors.parts.kubernetes.apiserver.errors import forbidden, not_found
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object
from actors.parts.kubernetes.apiserver.services import allocate
from actors.protocols.kubernetes.resources import BY_KIND, Resource

SYSTEM_PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
IMMORTAL_NAMESPACES = ("default", "kube-public", "kube-system")


def check_create(registry: Registry, resource: Resource, value: Object) -> None:
    """Before anything is filled in. Raises `ApiError` 403 or 404."""
    if resource.namespaced:
        _check_namespace(registry, resource, value)
    if resource.kind == "Pod":
        _set_priority(resource, value)


def check_delete(resource: Resource, value: Object) -> None:
    """Raises `ApiError` 403 for what must stay (plugin NamespaceLifecycle)."""
    name = value["metadata"]["name"]
    if resource.kind == "Namespace" and name in IMMORTAL_NAMESPACES:
        raise forbidden(resource, name, "this namespace may not be deleted")


def allocate_for(registry: Registry, resource: Resource, value: Object, old: Object | None = None) -> None:
    """Give an object that is otherwise complete what only the server can give. Raises `ApiError` 422."""
    if resource.kind == "Service":
        allocate(registry, value, old)


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


def _set_priority(resource: Resource, pod: Object) -> None:
    """Plugin Priority; there are only the two classes that every cluster has."""
    spec = pod.get("spec") or {}
    name = spec.get("priorityClassName")
    if name and name not in SYSTEM_PRIORITIES:
        raise forbidden(resource, pod["metadata"]["name"], f"no PriorityClass with name {name} was found")
    if name:
        spec["priority"] = SYSTEM_PRIORITIES[name]
