"""JSON patch (RFC 6902), with the errors of the API server."""

import copy
from typing import Any

from actors.protocols.kubernetes.status import ApiError

MOST_OPERATIONS = 10_000
_REFUSED = "the server rejected our request due to an error in our request"
_MISSING = object()


class _Refused(Exception):
    pass


def json_patch(current: Any, patch: Any) -> Any:
    """What the patch makes of a document; neither is changed.

    Raises `ApiError` 400 for what is no patch, 413 for one too long, 422 for one that does not fit the document.
    """
    operations = _read(patch)
    document = copy.deepcopy(current)
    for operation in operations:
        try:
            document = _OPERATIONS[operation["op"]](document, operation)
        except _Refused as refusal:
            cause = {
                "reason": "UnexpectedServerResponse",
                "message": str(refusal),
                "field": operation["path"],
            }
            raise ApiError(422, _REFUSED, details={"causes": [cause]}) from None
    return document


def _read(patch: Any) -> list[dict[str, Any]]:
    if not isinstance(patch, list):
        kind = "object" if isinstance(patch, dict) else type(patch).__name__
        raise ApiError(400, f"json: cannot unmarshal {kind} into Go value of type jsonpatch.Patch")
    if len(patch) > MOST_OPERATIONS:
        raise ApiError(
            413,
            f"Request entity too large: The allowed maximum operations in a JSON patch is {MOST_OPERATIONS},"
            f" got {len(patch)}",
        )
    for position, operation in enumerate(patch):
        _check(position, operation)
    return patch


def _check(position: int, operation: Any) -> None:
    where = f"operation {position} of the JSON patch"
    if not isinstance(operation, dict):
        raise ApiError(400, f"{where} is no object")
    if not isinstance(operation.get("op"), str) or operation["op"] not in _OPERATIONS:
        raise ApiError(400, f"{where}: Unexpected kind: {operation.get('op', 'unknown')}")
    for name in ("path", "from") if operation["op"] in ("copy", "move") else ("path",):
        pointer = operation.get(name)
        if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
            raise ApiError(400, f'{where}: "{name}" must be a JSON pointer such as "/spec/replicas"')
    if operation["op"] in ("add", "replace", "test") and "value" not in operation:
        raise ApiError(400, f'{where}: "value" is missing')


def _tokens(pointer: str) -> list[str]:
    return [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]


def _step(container: Any, token: str) -> Any:
    if isinstance(container, dict):
        return container.get(token, _MISSING)
    if isinstance(container, list) and token.isdecimal() and int(token) < len(container):
        return container[int(token)]
    return _MISSING


def _find(document: Any, tokens: list[str]) -> Any:
    for token in tokens:
        document = _step(document, token)
    return document


def _put(document: Any, pointer: str, value: Any) -> Any:
    """Add as RFC 6902, section 4.1 has it: into an object, or between the items of an array."""
    if not pointer:
        return value
    *way, last = _tokens(pointer)
    container = _find(document, way)
    if isinstance(container, dict):
        container[last] = value
    elif isinstance(container, list):
        if last != "-" and (not last.isdecimal() or int(last) > len(container)):
            raise _Refused(f"add operation does not apply: doc is missing path: {pointer!r}: invalid index")
        container.insert(len(container) if last == "-" else int(last), value)
    else:
        raise _Refused(f'add operation does not apply: doc is missing path: "{pointer}": missing value')
    return document


def _take(document: Any, pointer: str, operation: str) -> tuple[Any, Any]:
    """The document without what is there, and that."""
    if not pointer:
        return None, document
    *way, last = _tokens(pointer)
    container = _find(document, way)
    value = _step(container, last)
    if value is _MISSING:
        raise _Refused(
            f"{operation} operation does not apply: Unable to remove nonexistent key: {last}: missing value"
            f" (at {pointer!r})"
        )
    del container[last if isinstance(container, dict) else int(last)]
    return document, value


def _get(document: Any, pointer: str, operation: str) -> Any:
    value = _find(document, _tokens(pointer))
    if value is _MISSING:
        raise _Refused(
            f'{operation} operation does not apply: doc is missing path: "{pointer}": missing value'
        )
    return value


def _add(document: Any, operation: dict[str, Any]) -> Any:
    return _put(document, operation["path"], copy.deepcopy(operation["value"]))


def _remove(document: Any, operation: dict[str, Any]) -> Any:
    return _take(document, operation["path"], "remove")[0]


def _replace(document: Any, operation: dict[str, Any]) -> Any:
    pointer = operation["path"]
    if not pointer:
        return copy.deepcopy(operation["value"])
    *way, last = _tokens(pointer)
    container = _find(document, way)
    if _step(container, last) is _MISSING:
        raise _Refused(f'replace operation does not apply: doc is missing key: "{pointer}": missing value')
    container[last if isinstance(container, dict) else int(last)] = copy.deepcopy(operation["value"])
    return document


def _move(document: Any, operation: dict[str, Any]) -> Any:
    if operation["path"].startswith(operation["from"] + "/"):
        raise _Refused("move operation does not apply: a value cannot be moved into itself")
    document, value = _take(document, operation["from"], "move")
    return _put(document, operation["path"], value)


def _copy(document: Any, operation: dict[str, Any]) -> Any:
    return _put(document, operation["path"], copy.deepcopy(_get(document, operation["from"], "copy")))


def _test(document: Any, operation: dict[str, Any]) -> Any:
    value = _find(document, _tokens(operation["path"]))
    # A test for null passes where there is nothing: evanphx/json-patch, which the API server uses, has it so.
    if not same(None if value is _MISSING else value, operation["value"]):
        raise _Refused(f"testing value {operation['path']} failed: test failed")
    return document


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1 there."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(isinstance(one, bool) == isinstance(other, bool) and one == other)


_OPERATIONS = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip
