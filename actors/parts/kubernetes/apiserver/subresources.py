"""Subresources that are no objects of their own: a pod's binding and eviction, and the scale of what has replicas."""

from actors.parts.kubernetes.apiserver.deleting import DeleteOptions, delete
from actors.parts.kubernetes.apiserver.errors import bad_request, cause, conflict, invalid, method_not_allowed
from actors.parts.kubernetes.apiserver.interim import merge_patch
from actors.parts.kubernetes.apiserver.logs import read_log
from actors.parts.kubernetes.apiserver.registry import Registry, clone
from actors.parts.kubernetes.apiserver.requests import Object, Request, Response, Target
from actors.parts.kubernetes.apiserver.writing import Options, check_version, finish
from actors.protocols.kubernetes.resources import BY_KIND

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
            scale = merge_patch(scale_of(registry.current(target)), request.body)
            return Response(200, rescale(registry, target, scale, options))
    raise method_not_allowed(target.resource, request.method.lower())


def bind(registry: Registry, target: Target, body: Object, options: Options) -> Object:
    """Give a pod its node: what the scheduler's Binding does (pkg/registry/core/pod/storage)."""
    node = (body.get("target") or {}).get("name") if isinstance(body, dict) else None
    if not node:
        words = "Required value"
        raise invalid(BY_KIND["Pod"], target.name or "", [cause("target", words, "FieldValueRequired")])
    current = registry.current(target)
    check_version(target.resource, current, {**(body.get("metadata") or {}), "resourceVersion": None})
    name = current["metadata"]["name"]
    if "deletionTimestamp" in current["metadata"]:
        raise conflict(
            target.resource, f"{name}", f"pod {name} is being deleted, cannot be assigned to a host"
        )
    if bound := current["spec"].get("nodeName"):
        raise conflict(target.resource, name, f'pod {name} is already assigned to node "{bound}"')
    pod = clone(current)
    pod["spec"]["nodeName"] = node
    annotations = (body.get("metadata") or {}).get("annotations")
    if annotations:
        pod["metadata"]["annotations"] = {**pod["metadata"].get("annotations", {}), **annotations}
    conditions = [each for each in pod["status"].get("conditions", ()) if each["type"] != "PodScheduled"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    conditions.append({**scheduled, "lastTransitionTime": registry.now()})
    pod["status"]["conditions"] = conditions
    finish(registry, target, current, pod, options)
    return {**_SUCCESS, "code": 201}


def evict(registry: Registry, target: Target, body: Object, request: Request) -> Object:
    """Ask for a pod to go, as `kubectl drain` does. There are no disruption budgets that could object."""
    if not isinstance(body, dict) or body.get("kind", "Eviction") != "Eviction":
        raise bad_request("the object provided is unrecognized (must be of type Eviction)")
    asked = Request("DELETE", request.path, request.query, body.get("deleteOptions"), user=request.user)
    delete(registry, target, DeleteOptions.of(asked))
    return {**_SUCCESS, "code": 201}


def scale_of(value: Object) -> Object:
    """The Scale of a Deployment or ReplicaSet."""
    metadata = value["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": value.get("status", {}).get("replicas", 0)}
    if selector := selector_text(value["spec"].get("selector") or {}):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": value["spec"].get("replicas", 1)},
        "status": status,
    }


def selector_text(selector: Object) -> str:
    """A label selector as `kubectl -l` takes it."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or ():
        key, values = each["key"], ",".join(each.get("values") or ())
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(words.get(each["operator"], f"!{key}"))
    return ",".join(parts)


def rescale(registry: Registry, target: Target, scale: Object, options: Options) -> Object:
    """Set the replicas of what is scaled; returns its new Scale."""
    current = registry.current(target)
    if not isinstance(scale, dict) or scale.get("kind", "Scale") != "Scale":
        raise bad_request("the object provided is unrecognized (must be of type Scale)")
    check_version(target.resource, current, scale.get("metadata") or {})
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if type(replicas) is not int:
        raise bad_request(
            f"json: cannot unmarshal {replicas!r} into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        words = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(BY_KIND[target.resource.kind], target.name or "", [cause("spec.replicas", words)])
    value = clone(current)
    if current["spec"].get("replicas") != replicas:
        value["spec"]["replicas"] = replicas
        value["metadata"]["generation"] = current["metadata"].get("generation", 0) + 1
    return scale_of(finish(registry, target, current, value, options))
