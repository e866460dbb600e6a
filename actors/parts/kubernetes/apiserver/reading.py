"""Getting and listing: selectors, pages, and lists as of a resource version."""

import base64
import binascii
import json
from typing import NamedTuple

from actors.parts.kubernetes.apiserver.errors import bad_request, expired
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Request, Target
from actors.parts.kubernetes.apiserver.selection import selection_of
from actors.parts.kubernetes.apiserver.store import Gone, place_of
from actors.parts.kubernetes.apiserver.watching import parse_revision
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.status import ApiError


class _Place(NamedTuple):
    """Where the next page begins: after this key, in the list as of this revision."""

    revision: int
    after: tuple[str, str]


def list_objects(registry: Registry, target: Target, request: Request) -> Object:
    """The collection as a List. Raises `ApiError` 400, 410 or 504."""
    selection = selection_of(target, request.query)
    page = _page(request)
    revision = _revision(registry, request, page)
    try:
        values = registry.store.objects_at(revision, target.resource.kind, target.namespace)
    except Gone as gone:
        if page is not None:
            raise ApiError(410, _CONTINUE_EXPIRED, "Expired") from None
        raise expired(gone.revision, gone.oldest) from None
    if page is not None:
        values = [value for value in values if place_of(value) > page.after]
    chosen = [value for value in values if selection.has(value)] if selection.matches else values
    limit = request.number("limit") or 0
    metadata: Object = {"resourceVersion": str(revision)}
    if 0 < limit < len(chosen):
        left = len(chosen) - limit
        chosen = chosen[:limit]
        metadata["continue"] = _token(revision, place_of(chosen[-1]))
        if selection.matches is None:
            metadata["remainingItemCount"] = left
    return list_of(target.resource, chosen, metadata)


def list_of(resource: Resource, values: list[Object], metadata: Object) -> Object:
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.group_version}
    return {**head, "metadata": metadata, "items": values}


_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter."
)


def _revision(registry: Registry, request: Request, page: _Place | None) -> int:
    """As of which revision to list."""
    latest = registry.store.revision
    match = request.query.get("resourceVersionMatch", "")
    asked = parse_revision(request.query.get("resourceVersion", ""))
    if match and (page is not None or asked is None):
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise bad_request(f"resourceVersionMatch: Forbidden: {why}")
    if match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(
            f'resourceVersionMatch: Unsupported value: "{match}": supported values: "Exact", "NotOlderThan"'
        )
    if page is not None:
        if asked:
            raise bad_request("specifying resource version is not allowed when using continue")
        return page.revision
    if asked is not None and asked > latest:
        message = f"Too large resource version: {asked}, current: {latest}"
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        raise ApiError(504, f"Timeout: {message}", "Timeout", {"causes": causes, "retryAfterSeconds": 1})
    return asked if match == "Exact" and asked else latest


def _token(revision: int, after: tuple[str, str]) -> str:
    said = {"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(after)}
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def _page(request: Request) -> _Place | None:
    token = request.query.get("continue", "")
    if not token:
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = said["start"].partition("/")
        return _Place(int(said["rv"]), (namespace, name))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise bad_request("continue key is not valid: incorrect encoded start key") from None
