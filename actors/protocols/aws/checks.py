"""Whether parameters are what an operation's model asks for, and what AWS says if they are not.

The texts are those of AWS's own framework: `1 validation error detected: Value 'x' at 'protocol' failed to satisfy
constraint: Member must satisfy enum value set: [HTTP, HTTPS]`. EC2 has words of its own.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.scalars import NUMBERS, Unreadable

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

_PYTHON: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list, tuple),
    "string": (str,),
    "timestamp": (str,),
    "blob": (bytes,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


class Failure(NamedTuple):
    """A constraint that a value does not satisfy; `value` is None for one that is missing."""

    where: str
    value: Any
    constraint: str


def check(operation: "OperationModel", parameters: dict[str, Any]) -> None:
    """Raises `AwsError` in the words of the operation's service."""
    shape = operation.input_shape
    if shape is None:
        return
    protocol = operation.service_model.protocol
    failures = list(_failures(shape, parameters, "", constrained=protocol != "ec2"))
    if not failures:
        return
    if protocol == "ec2":
        raise _as_ec2(failures[0])
    count = "1 validation error" if len(failures) == 1 else f"{len(failures)} validation errors"
    told = "; ".join(map(_sentence, failures))
    raise AwsError(_code(operation), f"{count} detected: {told}")


def unreadable(operation: "OperationModel", error: Unreadable) -> AwsError:
    """What the service says to a request that cannot be read."""
    protocol = operation.service_model.protocol
    if protocol == "ec2":
        if "not recognized" in error.what:
            return AwsError("UnknownParameter", error.what)
        return AwsError("InvalidParameterValue", f"Invalid value for parameter {error.where}: {error.what}")
    if protocol == "json":
        return AwsError(
            "SerializationException", f"{error.what} at {error.where}" if error.where else error.what
        )
    code = "MalformedInput" if protocol == "query" else "InvalidInput"
    return AwsError(code, f"{error.where}: {error.what}" if error.where else error.what)


def _code(operation: "OperationModel") -> str:
    return {"query": "ValidationError", "json": "ValidationException"}.get(
        operation.service_model.protocol, "InvalidInput"
    )


def _as_ec2(failure: Failure) -> AwsError:
    where = failure.where[:1].upper() + failure.where[1:]
    if failure.value is None:
        return AwsError("MissingParameter", f"The request must contain the parameter {where}")
    return AwsError(
        "InvalidParameterValue",
        f"Value ({failure.value}) for parameter {where} is invalid. {failure.constraint}",
    )


def _sentence(failure: Failure) -> str:
    value = "null" if failure.value is None else f"'{failure.value}'"
    return f"Value {value} at '{failure.where}' failed to satisfy constraint: {failure.constraint}"


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _PYTHON[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _failures(shape: "Shape", value: Any, where: str, constrained: bool) -> Iterator[Failure]:
    """`constrained`: lengths, patterns and the like count, too. EC2 looks after them itself, operation by operation."""
    kind = shape.type_name
    if not _is(kind, value):
        yield Failure(where, value, f"Member must be of type {kind}")
        return
    if constrained:
        yield from _constraints(shape, value, where)
    if kind == "structure":
        yield from _of_members(shape, value, where, constrained)
    elif kind == "list":
        for number, one in enumerate(value, 1):
            yield from _failures(shape.member, one, f"{where}.{number}.member", constrained)
    elif kind == "map":
        for key, one in value.items():
            yield from _failures(shape.value, one, f"{where}.{key}.member", constrained)


def _of_members(shape: "Shape", value: dict[str, Any], where: str, constrained: bool) -> Iterator[Failure]:
    for member in shape.required_members:
        if value.get(member) is None:
            yield Failure(_path(where, member), None, "Member must not be null")
    for member, one in value.items():
        inner = shape.members.get(member)
        if inner is None:
            yield Failure(_path(where, member), one, "Member is not known")
        elif one is not None:
            yield from _failures(inner, one, _path(where, member), constrained)


def _path(where: str, member: str) -> str:
    name = member[:1].lower() + member[1:]
    return f"{where}.{name}" if where else name


def _constraints(shape: "Shape", value: Any, where: str) -> Iterator[Failure]:
    metadata, kind = shape.metadata, shape.type_name
    if (enum := getattr(shape, "enum", None)) and value not in enum:
        yield Failure(where, value, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    low, high = metadata.get("min"), metadata.get("max")
    if kind in NUMBERS:
        measure, what = value, "value"
    elif hasattr(value, "__len__"):
        measure, what = len(value), "length"
    else:
        return
    if low is not None and measure < low:
        yield Failure(where, value, f"Member must have {what} greater than or equal to {low}")
    if high is not None and measure > high:
        yield Failure(where, value, f"Member must have {what} less than or equal to {high}")
    pattern = metadata.get("pattern")
    if pattern and kind == "string" and not _matches(pattern, value):
        yield Failure(where, value, f"Member must satisfy regular expression pattern: {pattern}")


def _matches(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(text) is not None


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Java's pattern as Python's; None if it has what Python does not know (`\\p{L}`)."""
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None
