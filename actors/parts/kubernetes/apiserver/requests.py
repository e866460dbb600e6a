"""A request to the API and its answer, however they travel, and what a path means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from actors.protocols.kubernetes.resources import BY_PLURAL, Resource
from actors.protocols.kubernetes.status import ApiError

Object = dict[str, Any]


class User(NamedTuple):
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True)
class Request:
    """`body` is what was decoded from JSON or YAML; `accept` and those that follow are headers."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    user: User = ANONYMOUS
    accept: str = ""
    user_agent: str = ""
    if_none_match: str = ""

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false, as Go's ParseBool has it."""
        return self.query.get(name, "").lower() in ("1", "t", "true")

    def number(self, name: str) -> int | None:
        """A query parameter that is a number. Raises `ApiError` 400."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            message = f'unable to decode query: strconv.ParseInt: parsing "{text}": invalid syntax'
            raise ApiError(400, message) from None

    @property
    def dry_run(self) -> bool:
        """Raises `ApiError` for a value that is not `All`."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            message = f'dryRun: Unsupported value: "{value}": supported values: "All"'
            raise ApiError(422, f'.meta.k8s.io "" is invalid: {message}', "Invalid")
        return value == "All"


@dataclass(frozen=True)
class Response:
    """A code and an object, or a text; `warnings` become Warning headers."""

    code: int
    body: Any
    warnings: tuple[str, ...] = ()
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Target(NamedTuple):
    """What a path leads to: a collection (`name` None), an object, or a subresource of one."""

    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Namespace and name as the store has them."""
        return self.namespace or "", self.name or ""


def target_of(path: str) -> Target | None:
    """The target of `/api/v1/namespaces/default/pods/nginx/log` and its like; None if no resource has that path."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and (group or rest[2] not in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource = BY_PLURAL.get((group, version, rest[0]))
    if resource is None or len(rest) > 3 or (namespace is not None and not resource.namespaced):
        return None
    if len(rest) > 1 and resource.namespaced and namespace is None:
        return None
    return Target(resource, namespace, *rest[1:])


def verb_of(method: str, target: Target, watches: bool) -> str:
    """The verb of authorisation and of metrics: `list`, `deletecollection`, `update`."""
    if target.name is None:
        verbs = {"GET": "watch" if watches else "list", "POST": "create", "DELETE": "deletecollection"}
    else:
        verbs = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    return verbs.get(method, method.lower())
