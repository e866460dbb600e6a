"""Requests of the protocol `rest-xml` (Route 53): the operation is a method and a path, parameters are in both."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from actors.protocols.aws import scalars, xml_body
from actors.protocols.aws.scalars import Unreadable

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

_HOLE = re.compile(r"\\{(\w+)(\\\+)?\\}")


class Route(NamedTuple):
    """Which operation a method and a path stand for."""

    operation: str
    method: str
    path: re.Pattern[str]
    fixed_query: str


def routes(service: "ServiceModel") -> list[Route]:
    """All of a service, the paths with the fewest variable parts first."""
    found = []
    for name in service.operation_names:
        http = service.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern = _HOLE.sub(
            lambda hole: f"(?P<{hole[1]}>{'.+' if hole[2] else '[^/]+'})", re.escape(path.rstrip("/"))
        )
        found.append((path.count("{"), Route(name, http["method"], re.compile(pattern + "/?"), query)))
    return [route for _, route in sorted(found, key=lambda each: each[0])]


def find(table: list[Route], method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The operation, and the variable parts of its path."""
    for route in table:
        if route.method == method and (match := route.path.fullmatch(path)):
            return route.operation, {name: unquote(text) for name, text in match.groupdict().items()}
    return None


def read_request(
    operation: "OperationModel", parts: dict[str, str], query: Iterable[tuple[str, str]], body: bytes
) -> dict[str, Any]:
    """The parameters, in botocore's shape. Raises `Unreadable`."""
    shape = operation.input_shape
    if shape is None:
        return {}
    found = _elsewhere(shape, parts, list(query))
    payload = shape.serialization.get("payload")
    if payload is not None:
        if body:
            found[payload] = xml_body.read_members(shape.members[payload], xml_body.parse(body))
    elif body:
        found |= xml_body.read_members(shape, xml_body.parse(body))
    return found


def _elsewhere(shape: "Shape", parts: dict[str, str], query: list[tuple[str, str]]) -> dict[str, Any]:
    """What is in the path and in the query."""
    found: dict[str, Any] = {}
    known = set()
    for member, inner in shape.members.items():
        where, name = inner.serialization.get("location"), inner.serialization.get("name", member)
        if where == "uri":
            found[member] = scalars.read(inner, parts[name], name)
        elif where == "querystring":
            known.add(name)
            texts = [text for key, text in query if key == name]
            if texts and inner.type_name == "list":
                found[member] = [scalars.read(inner.member, text, name) for text in texts]
            elif texts:
                found[member] = scalars.read(inner, texts[0], name)
    for key, _ in query:
        if key not in known and not key.startswith("X-Amz-"):
            raise Unreadable(f"unexpected query parameter {key}", key)
    return found
