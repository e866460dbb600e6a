"""Whether an object has the fields and types of its kind, as decoding it would tell.

Unknown fields are a matter of the request's `fieldValidation`; a wrong type is an error in any case, with the text that
Go's decoder has for it.
"""

from typing import Any, NamedTuple

from actors.protocols.kubernetes.quantity import parse
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.schema import Shape, definition_of, shape
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.timestamps import is_rfc3339

Object = dict[str, Any]

_GO_TYPES = {
    "string": "string", "boolean": "bool", "int32": "int32", "int64": "int64", "integer": "int64", "number": "float64",
    "map": "map[string]string", "time": "string", "micro-time": "string",
}  # fmt: skip
_BITS = {"int32": 31, "int64": 63}


class Structure(NamedTuple):
    """`unknown`: `unknown field "spec.replica"` each. `types`: the decoder's words for values of a wrong type."""

    unknown: list[str]
    types: list[str]


def validate_structure(kind: str, value: Object) -> Structure:
    """Compare an object with the schema of its kind. Decoding stops at the first wrong type; here all are told."""
    found, at = Structure([], []), shape(definition_of(kind))
    if not _fits(value, at):
        _walk(value, at, "", "", found)
    return found


def _fits(value: Any, at: Shape) -> bool:
    """Whether all is well, which it nearly always is: the walk that says what is not costs three times as much."""
    if value is None:
        return True
    if at.type == "object":
        if not isinstance(value, dict):
            return False
        fields = at.fields
        for name, each in value.items():
            field = fields.get(name)
            if field is None or not _fits(each, field):
                return False
        return True
    if at.type == "array":
        items = at.items
        return isinstance(value, list) and all(_fits(each, items) for each in value)
    if at.type == "map":
        values = at.values
        return isinstance(value, dict) and all(_fits(each, values) for each in value.values())
    if at.type == "string":
        return isinstance(value, str)
    if at.type in ("integer", "boolean", "number"):
        return _is_of(value, at)
    found = Structure([], [])
    _scalar(value, at, "", "", found)
    return not found.types


def check_structure(kind: str, value: Object, field_validation: str = "Warn") -> list[str]:
    """Warnings about unknown fields, for `Warn`. Raises `ApiError` 400 for them if `Strict`, and for wrong types."""
    found = validate_structure(kind, value)
    if found.types:
        raise decoding_error(kind, found.types[0])
    if found.unknown and field_validation == "Strict":
        raise strict_error(kind, found.unknown)
    return found.unknown if field_validation == "Warn" else []


def decoding_error(kind: str, problem: str) -> ApiError:
    """The 400 for an object that cannot be read as that kind."""
    resource = BY_KIND.get(kind)
    version = resource.version if resource else "v1"
    return ApiError(400, f'{kind} in version "{version}" cannot be handled as a {kind}: {problem}')


def strict_error(kind: str, problems: list[str]) -> ApiError:
    """The 400 for unknown or duplicate fields where the request wants them to be errors."""
    return decoding_error(kind, "strict decoding error: " + ", ".join(problems))


def _walk(value: Any, at: Shape, path: str, owner: str, found: Structure) -> None:
    """`owner` is the Go type that has the field, as the decoder's messages name it."""
    if value is None or at.type == "any":
        return
    if at.type == "object":
        if not isinstance(value, dict):
            _wrong(value, at, path, owner, found)
            return
        _walk_fields(value, at, path, found)
    elif at.type == "map":
        if not isinstance(value, dict):
            _wrong(value, at, path, owner, found)
            return
        for name, each in value.items():
            _walk(each, at.values, f"{path}.{name}" if path else name, owner, found)
    elif at.type == "array":
        if not isinstance(value, list):
            _wrong(value, at, path, owner, found)
            return
        for position, each in enumerate(value):
            _walk(each, at.items, f"{path}[{position}]", owner, found)
    else:
        _scalar(value, at, path, owner, found)


def _walk_fields(value: Object, at: Shape, path: str, found: Structure) -> None:
    go_type = at.definition.rpartition(".")[2]
    for name, each in value.items():
        where = f"{path}.{name}" if path else name
        field = at.fields.get(name)
        if field is None:
            found.unknown.append(f'unknown field "{where}"')
        else:
            _walk(each, field, where, go_type, found)


def _scalar(value: Any, at: Shape, path: str, owner: str, found: Structure) -> None:
    if at.type == "quantity":
        _quantity(value, found)
    elif at.type == "int-or-string":
        if isinstance(value, bool) or not isinstance(value, int | str):
            _wrong(value, at, path, owner, found)
    elif at.type in ("time", "micro-time"):
        if not isinstance(value, str):
            _wrong(value, at, path, owner, found)
        elif not is_rfc3339(value):
            layout = "2006-01-02T15:04:05Z07:00" if at.type == "time" else "2006-01-02T15:04:05.000000Z07:00"
            found.types.append(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    elif at.type != "any" and not _is_of(value, at):
        _wrong(value, at, path, owner, found)


def _quantity(value: Any, found: Structure) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        found.types.append("quantities must be strings or numbers")
        return
    try:
        parse(value)
    except ValueError as error:
        found.types.append(str(error))


def _is_of(value: Any, at: Shape) -> bool:
    if at.type == "string":
        return isinstance(value, str)
    if at.type == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if at.type == "integer":
        return isinstance(value, int) and -(2 ** _BITS.get(at.format, 63)) <= value < 2 ** _BITS.get(
            at.format, 63
        )
    return isinstance(value, int | float)


def _wrong(value: Any, at: Shape, path: str, owner: str, found: Structure) -> None:
    # Go names the field by its path without positions: Deployment.spec.template...
    plain = "".join(
        part.partition("]")[2] if position else part for position, part in enumerate(path.split("["))
    )
    name = f"{owner}.{plain}" if owner else plain
    found.types.append(
        f"json: cannot unmarshal {_json_type(value, at)} into Go struct field {name} of type {_go_type(at)}"
    )


def _json_type(value: Any, at: Shape) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if at.type == "integer" else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _go_type(at: Shape) -> str:
    if at.type == "array":
        return f"[]{_go_type(at.items)}"
    if at.type == "int-or-string":
        return "intstr.IntOrString"
    if at.type == "object":
        package = at.definition.split(".")
        return f"{package[-2]}.{package[-1]}" if len(package) > 1 else "struct"
    if at.type == "integer":
        return _GO_TYPES.get(at.format, "int64")
    return _GO_TYPES.get(at.type, at.type)
