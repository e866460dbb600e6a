"""Objects in protobuf, as kubectl's typed clients send them (`create deployment`, `auth can-i`, `drain`); reading only.

How this works. The bytes are `k8s\\0` and a runtime.Unknown, which names the kind and holds the message. Field numbers
are those of k8s.io/api's generated.proto files; `protobuf_fields.json` has, for each message, `number: [name, type]`. A
type is a scalar (`string`, `int`, `bool`, `bytes`), one of the special messages (`Time`, `Quantity`, ...), another
message, a list of one (`[]Container`), a map from text (`{}Quantity`), or a message whose fields are the outer one's
own in JSON (`.VolumeSource`). Go writes the zero values of fields that are no pointers; these are left out.
"""

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from actors.protocols.kubernetes.timestamps import rfc3339, rfc3339_micro

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ZERO_COUNTS = frozenset(
    ("replicas", "terminationGracePeriodSeconds", "gracePeriodSeconds", "revisionHistoryLimit", "runAsUser",
     "runAsGroup", "fsGroup", "tolerationSeconds", "activeDeadlineSeconds", "priority", "defaultMode", "mode")
)  # fmt: skip
"""Numbers that are pointers in Go: a zero was meant."""
_FALSE_COUNTS = frozenset(
    ("automountServiceAccountToken", "enableServiceLinks", "allowPrivilegeEscalation", "readOnlyRootFilesystem",
     "runAsNonRoot", "privileged", "controller", "blockOwnerDeletion", "immutable", "optional",
     "allocateLoadBalancerNodePorts", "orphanDependents", "shareProcessNamespace")
)  # fmt: skip

Object = dict[str, Any]


class Undecodable(ValueError):
    """The bytes are no object of the API in protobuf; says why."""


@cache
def _messages() -> dict[str, dict[str, list[str]]]:
    messages: dict[str, dict[str, list[str]]] = json.loads(
        Path(__file__).with_name("protobuf_fields.json").read_text()
    )
    return messages


def decode(data: bytes) -> Object:
    """The object, as it would be in JSON. Raises `Undecodable`."""
    if not data.startswith(MAGIC):
        raise Undecodable(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        unknown = dict(_fields(data[len(MAGIC) :]))
        head = {number: value.decode() for number, value in _fields(unknown.get(1, b""))}
        kind = head.get(2, "")
        if kind not in _messages():
            raise Undecodable(f'no kind "{kind}" is registered for version "{head.get(1, "")}" in protobuf')
        return {"kind": kind, "apiVersion": head.get(1, ""), **_message(kind, unknown.get(2, b""))}
    except Undecodable:
        raise
    except (IndexError, AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Undecodable(f"proto: cannot parse the message: {error}") from None


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The numbers and raw values of a message: int for varints, bytes for the rest."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(wire_type)
        if length is None:
            if wire_type != _BYTES:
                raise Undecodable(f"proto: illegal wireType {wire_type}")
            length, position = _varint(data, position)
        if position + length > len(data):
            raise Undecodable("unexpected EOF")
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if position >= len(data):
            raise Undecodable("unexpected EOF")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise Undecodable("proto: integer overflow")


def _message(name: str, data: bytes) -> Object:
    known = _messages()[name]
    result: Object = {}
    for number, raw in _fields(data):
        if str(number) not in known:
            raise Undecodable(f"proto: field {number} of {name} is not known here; send JSON instead")
        field, type_ = known[str(number)]
        if type_.startswith("."):
            result.update(_message(type_[1:], raw))
        elif type_.startswith("[]"):
            result.setdefault(field, []).append(_value(type_[2:], raw))
        elif type_.startswith("{}"):
            entry = dict(_fields(raw))
            empty: Any = 0 if type_ in ("{}int", "{}bool") else b""
            result.setdefault(field, {})[entry.get(1, b"").decode()] = _value(type_[2:], entry.get(2, empty))
        else:
            value = _value(type_, raw)
            if _says_something(field, value):
                result[field] = value
    return result


def _says_something(field: str, value: Any) -> bool:
    if value is False:
        return field in _FALSE_COUNTS
    if value == 0 and isinstance(value, int):
        return field in _ZERO_COUNTS
    return value not in ("", None, {})


def _value(type_: str, raw: Any) -> Any:
    match type_:
        case "string":
            return raw.decode()
        case "int":
            return raw - (1 << 64) if raw >= 1 << 63 else raw
        case "bool":
            return bool(raw)
        case "bytes":
            return base64.b64encode(raw).decode()
        case "Time" | "MicroTime":
            parts = dict(_fields(raw))
            if not parts:
                return None
            seconds = parts.get(1, 0) + parts.get(2, 0) / 1e9
            return rfc3339(seconds) if type_ == "Time" else rfc3339_micro(seconds)
        case "Quantity":
            return dict(_fields(raw)).get(1, b"0").decode()
        case "IntOrString":
            parts = dict(_fields(raw))
            return parts.get(3, b"").decode() if parts.get(1) else _value("int", parts.get(2, 0))
        case "FieldsV1":
            return json.loads(dict(_fields(raw)).get(1, b"{}"))
    return _message(type_, raw)
