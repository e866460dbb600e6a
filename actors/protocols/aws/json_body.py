"""JSON bodies (the protocol `json`: ACM): values to JSON and back. Times are seconds since 1970 there."""

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from actors.protocols.aws import scalars
from actors.protocols.aws.scalars import Unreadable

if TYPE_CHECKING:
    from botocore.model import Shape

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
}


def write(shape: "Shape | None", value: dict[str, Any]) -> bytes:
    return json.dumps({} if shape is None else _out(shape, value), separators=(",", ":")).encode()


def _out(shape: "Shape", value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return {
            inner.serialization.get("name", member): _out(inner, value[member])
            for member, inner in shape.members.items()
            if value.get(member) is not None
        }
    if kind == "list":
        return [_out(shape.member, one) for one in value]
    if kind == "map":
        return {key: _out(shape.value, one) for key, one in value.items()}
    if kind == "timestamp":
        return scalars.unix(value)
    if kind == "blob":
        return base64.b64encode(value).decode()
    return value


def read(body: bytes, shape: "Shape | None") -> dict[str, Any]:
    """The parameters of a request, in botocore's shape. Raises `Unreadable`."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable("Start of structure or map found where not expected.")
    if shape is None:
        return {}
    found = _in(shape, value, "")
    assert isinstance(found, dict)
    return found


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _in(shape: "Shape", value: Any, where: str) -> Any:
    kind = shape.type_name
    if not _is(kind, value):
        raise Unreadable(f"{type(value).__name__} can not be converted to {kind}", where)
    if kind == "structure":
        return _members(shape, value, where)
    if kind == "list":
        return [_in(shape.member, one, f"{where}.{n}") for n, one in enumerate(value, 1)]
    if kind == "map":
        return {key: _in(shape.value, one, f"{where}.{key}") for key, one in value.items()}
    try:
        if kind == "timestamp":
            return scalars.iso(value)
        return base64.b64decode(value, validate=True) if kind == "blob" else value
    except (ValueError, OverflowError, OSError, binascii.Error):
        raise Unreadable(f"{value!r} is no {kind}", where) from None


def _members(shape: "Shape", value: dict[str, Any], where: str) -> dict[str, Any]:
    names = {inner.serialization.get("name", member): member for member, inner in shape.members.items()}
    found = {}
    for name, one in value.items():
        path = f"{where}.{name}" if where else name
        if name not in names:
            raise Unreadable(f"Unexpected field {name}", path)
        if one is not None:
            found[names[name]] = _in(shape.members[names[name]], one, path)
    return found
