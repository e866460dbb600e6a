"""Subresources that are no objects of their own: a pod's binding and eviction, and the scale of what has replicas."""

from actors.parts.kubernetes.apiserver.bodies import read_part
from actors.parts.kubernetes.apiserver.deleting import DeleteOptions, delete
from actors.parts.kubernetes.apiserver.errors import conflict, method_not_allowed
from actors.parts.kubernetes.apiserver.logs import read_log
from actors.parts.kubernetes.apiserver.options import Options
from actors.parts.kubernetes.apiserver.patching import JSON, MERGE, apply_patch, check_type
from actors.parts.kubernetes.apiserver.registry import Registry, clone
from actors.parts.kubernetes.apiserver.replacing import check_version, finish
from actors.parts.kubernetes.apiserver.requests import Object, Request, Response, Target
from actors.protocols.kubernetes.selectors import object_text
from actors.protocols.kubernetes.server_side_apply import track_update
from actors.protocols.kubernetes.validation.errors import FieldErrors

_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


async def answer(registry: Registry, request: Request, target: Target) -> Response:
    """Any verb on a subresource but `status`. Raises `ApiError`."""
    options = Options.of(request)
    match target.subresource, request.method:
        case "binding", "POST":
            return Response(201, bind(registry, target, request.body, options))
        case "eviction", "POST":
            return Response(201, evict(registry, target, request.body, request))
        case "log", "GET":
            return Response(200, await read_log(registry, request))
        case "scale", "GET":
            return Response(200, scale_of(registry.current(target)))
        case "scale", "PUT":
            return Response(200, rescale(registry, target, request.body, options))
        case "scale", "PATCH":
            scale = _patched_scale(registry, target, request)
            return Response(200, rescale(registry, target, scale, options))
    raise method_not_allowed(target.resource, request.method.lower())


def bind(registry: Registry, target: Target, body: Object, options: Options) -> Object:
    """Give a pod its node: what the scheduler's Binding does (pkg/registry/core/pod/storage)."""
    binding = read_part("Binding", body)
    metadata, node = binding.get("metadata") or {}, (binding.get("target") or {}).get("name")
    if not node:
        errors = FieldErrors()
        errors.required("target", "the name of a node is needed")
        errors.check("Binding", "")
    current = registry.current(target)
    check_version(target.resource, current, {"uid": metadata.get("uid")})
    name = current["metadata"]["name"]
    if "deletionTimestamp" in current["metadata"]:
        raise conflict(
            target.resource, f"{name}", f"pod {name} is being deleted, cannot be assigned to a host"
        )
    if bound := current["spec"].get("nodeName"):
        raise conflict(target.resource, name, f'pod {name} is already assigned to node "{bound}"')
    pod = clone(current)
    pod["spec"]["nodeName"] = node
    if annotations := metadata.get("annotations"):
        pod["metadata"]["annotations"] = {**pod["metadata"].get("annotations", {}), **annotations}
    conditions = [each for each in pod["status"].get("conditions", ()) if each["type"] != "PodScheduled"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    conditions.append({**scheduled, "lastTransitionTime": registry.now()})
    pod["status"]["conditions"] = conditions
    finish(registry, target, current, pod, options.dry_run)
    return {**_SUCCESS, "code": 201}


def evict(registry: Registry, target: Target, body: Object, request: Request) -> Object:
    """Ask for a pod to go, as `kubectl drain` does. There are no disruption budgets that could object."""
    wanted = read_part("Eviction", body).get("deleteOptions")
    asked = Request("DELETE", request.path, request.query, wanted, user=request.user)
    delete(registry, target, DeleteOptions.of(asked))
    return {**_SUCCESS, "code": 201}


def scale_of(value: Object) -> Object:
    """The Scale of a Deployment or ReplicaSet."""
    metadata = value["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": value.get("status", {}).get("replicas", 0)}
    if value["spec"].get("selector"):
        status["selector"] = object_text(value["spec"]["selector"])
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": value["spec"].get("replicas", 1)},
        "status": status,
    }


def _patched_scale(registry: Registry, target: Target, request: Request) -> Object:
    """A Scale is so flat that a strategic merge patch of it is a merge patch."""
    check_type(target.resource, request.content_type)
    kind = JSON if request.content_type == JSON else MERGE
    return apply_patch(target.resource, scale_of(registry.current(target)), request.body, kind)


def rescale(registry: Registry, target: Target, scale: Object, options: Options) -> Object:
    """Set the replicas of what is scaled; returns its new Scale."""
    current = registry.current(target)
    scale = read_part("Scale", scale)
    check_version(target.resource, current, scale.get("metadata") or {})
    replicas = _wanted_replicas(target, scale)
    value = clone(current)
    if current["spec"].get("replicas") != replicas:
        metadata, resource = value["metadata"], target.resource
        value["spec"]["replicas"] = replicas
        metadata["generation"] = metadata.get("generation", 0) + 1
        version, manager = resource.group_version, options.manager
        metadata["managedFields"] = track_update(
            current, value, resource.definition, manager, registry.now(), version, "scale"
        )
    return scale_of(finish(registry, target, current, value, options.dry_run))


def _wanted_replicas(target: Target, scale: Object) -> int:
    replicas: int = (scale.get("spec") or {}).get("replicas", 0)
    errors = FieldErrors()
    if replicas < 0:
        errors.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
    errors.check("Scale", target.name or "")
    return replicas
