"""The errors that the API's users know, word for word (k8s.io/apimachinery: pkg/api/errors)."""

from typing import Any

from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.status import ApiError


def _details(resource: Resource, name: str, **more: Any) -> dict[str, Any]:
    group = {"group": resource.group} if resource.group else {}
    return {"name": name, **group, "kind": resource.plural, **more}


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(404, f'{resource.qualified} "{name}" not found', "", _details(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, message, "AlreadyExists", _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, message, "Conflict", _details(resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def forbidden(
    resource: Resource, name: str, why: str, causes: list[dict[str, str]] | None = None
) -> ApiError:
    """An admission plugin's refusal."""
    message = f'{resource.qualified} "{name}" is forbidden: {why}'
    more = {"causes": causes} if causes else {}
    return ApiError(403, message, "Forbidden", _details(resource, name, **more))


def method_not_allowed(resource: Resource, verb: str) -> ApiError:
    """As client-go's users see it: which verb, on which resource."""
    details = _details(resource, "")
    details.pop("name")
    message = f'{verb} is not supported on resources of kind "{resource.qualified}"'
    return ApiError(405, message, "MethodNotAllowed", details)


def expired(revision: int, oldest: int) -> ApiError:
    return ApiError(410, f"too old resource version: {revision} ({oldest})", "Expired")


def bad_request(message: str) -> ApiError:
    return ApiError(400, message)


NO_PATH = ApiError(404, "the server could not find the requested resource", "NotFound", {})
