"""PATCH: which kind of patch by its Content-Type, and the object that comes out of it."""

from typing import Any

from actors.parts.kubernetes.apiserver.interim import merge_patch
from actors.parts.kubernetes.apiserver.registry import Registry, clone
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.parts.kubernetes.apiserver.writing import Options, replace
from actors.protocols.kubernetes.status import ApiError

JSON, MERGE = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
TYPES = (JSON, MERGE, STRATEGIC, APPLY)


def patch(
    registry: Registry, target: Target, patch: Any, content_type: str, options: Options
) -> tuple[bool, Object]:
    """Patch an object; returns whether it was created, and the object as stored."""
    if content_type not in TYPES:
        message = "the body of the request was in an unknown format - accepted media types include: "
        raise ApiError(415, message + ", ".join(TYPES), "UnsupportedMediaType")
    current = registry.current(target)
    if content_type not in (MERGE, STRATEGIC):
        raise ApiError(415, f"{content_type} is not there yet")
    return False, replace(registry, target, clone(merge_patch(current, patch)), options)
