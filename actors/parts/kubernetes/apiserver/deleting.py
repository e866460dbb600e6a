"""Deleting objects: at once, gracefully (pods), or when the last finalizer is gone.

The rules are those of k8s.io/apiserver: pkg/registry/rest/delete.go, pkg/registry/generic/registry/store.go.
"""

from typing import NamedTuple

from actors.parts.kubernetes.apiserver.admission import check_delete
from actors.parts.kubernetes.apiserver.bodies import read_part
from actors.parts.kubernetes.apiserver.errors import conflict
from actors.parts.kubernetes.apiserver.options import refused
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Request, Target
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.timestamps import rfc3339, unix_s

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_FINALIZER_OF = {"Orphan": ORPHAN, "Foreground": FOREGROUND}
POLICIES = ("Foreground", "Background", "Orphan")


class DeleteOptions(NamedTuple):
    """How to delete; None is for what was not said."""

    grace_s: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    policy: str | None = None
    dry_run: bool = False

    @classmethod
    def of(cls, request: Request) -> "DeleteOptions":
        """From the body, or from the query. Raises `ApiError` 422."""
        body: Object = {} if request.body is None else read_part("DeleteOptions", request.body)
        grace = body.get("gracePeriodSeconds", request.number("gracePeriodSeconds"))
        policy = body.get("propagationPolicy") or request.query.get("propagationPolicy") or None
        if policy is None and isinstance(orphans := body.get("orphanDependents"), bool):
            policy = "Orphan" if orphans else "Background"
        if policy not in (None, *POLICIES):
            said = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
            raise refused("DeleteOptions", "propagationPolicy", "FieldValueNotSupported", said)
        wanted = body.get("preconditions") or {}
        dry_run = request.dry_run or body.get("dryRun") == ["All"]
        return cls(grace, wanted.get("uid"), wanted.get("resourceVersion"), policy, dry_run)


def delete(registry: Registry, target: Target, options: DeleteOptions) -> tuple[bool, Object]:
    """Delete the object, or begin to. Returns whether it is gone, and its last state."""
    current = registry.current(target)
    check_delete(target.resource, current)
    _check_preconditions(target.resource, current, options)
    kind = target.resource.kind
    value = {**current, "metadata": dict(current["metadata"])}
    _set_finalizers(value["metadata"], options.policy)
    if kind == "Pod":
        waits = _begin_gracefully(registry, value, options)
    elif kind == "Namespace":
        waits = _begin_to_terminate(registry, value)
    else:
        waits = False
    if value["metadata"].get("finalizers"):
        _mark(registry, value)
        waits = True
    if options.dry_run:
        return not waits, value
    if value != current:
        value = registry.store.put(kind, value) if waits or kind == "Pod" else value
    return (False, value) if waits else (True, registry.store.delete(kind, value))


def _check_preconditions(resource: Resource, current: Object, options: DeleteOptions) -> None:
    metadata = current["metadata"]
    name = metadata["name"]
    if options.uid is not None and options.uid != metadata["uid"]:
        why = f"the UID in the precondition ({options.uid}) does not match the UID in record ({metadata['uid']})."
        raise conflict(resource, name, f"{why} The object might have been deleted and then recreated")
    version = options.resource_version
    if version is not None and version != metadata["resourceVersion"]:
        own = metadata["resourceVersion"]
        why = f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record"
        raise conflict(resource, name, f"{why} ({own}). The object might have been modified")


def _set_finalizers(metadata: Object, policy: str | None) -> None:
    """What is to become of dependents stands in the object as a finalizer of the garbage collector."""
    if policy is None:
        return
    others = [each for each in metadata.get("finalizers") or () if each not in (ORPHAN, FOREGROUND)]
    finalizers = [*others, *([_FINALIZER_OF[policy]] if policy in _FINALIZER_OF else [])]
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers


def _begin_gracefully(registry: Registry, pod: Object, options: DeleteOptions) -> bool:
    """Set when the pod must be gone; returns whether that is later than now."""
    metadata, left = pod["metadata"], pod["metadata"].get("deletionGracePeriodSeconds")
    if "deletionTimestamp" in metadata:
        if options.grace_s is not None and left is not None and options.grace_s < left:
            begun_s = unix_s(metadata["deletionTimestamp"]) - left
            left = max(options.grace_s, 0)
            metadata["deletionTimestamp"] = rfc3339(begun_s + left)
            metadata["deletionGracePeriodSeconds"] = left
        return bool(left)
    grace_s = _grace(pod, options)
    metadata["deletionTimestamp"] = registry.now(after_s=grace_s)
    metadata["deletionGracePeriodSeconds"] = grace_s
    return grace_s > 0


def _grace(pod: Object, options: DeleteOptions) -> int:
    """The grace period: none for a pod that no node has, or that has ended already."""
    grace_s = options.grace_s
    if grace_s is None:
        grace_s = pod["spec"].get("terminationGracePeriodSeconds", 30)
    if not pod["spec"].get("nodeName") or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    return 1 if grace_s < 0 else int(grace_s)


def _begin_to_terminate(registry: Registry, namespace: Object) -> bool:
    """Returns whether there are finalizers to wait for."""
    if "deletionTimestamp" not in namespace["metadata"]:
        namespace["metadata"]["deletionTimestamp"] = registry.now()
        namespace["status"] = {**namespace.get("status", {}), "phase": "Terminating"}
    return bool(namespace.get("spec", {}).get("finalizers"))


def _mark(registry: Registry, value: Object) -> None:
    metadata = value["metadata"]
    if "deletionTimestamp" not in metadata:
        metadata["deletionTimestamp"] = registry.now()
        metadata["deletionGracePeriodSeconds"] = 0
        if "generation" in metadata:
            metadata["generation"] = metadata["generation"] + 1
