"""What the printers share (k8s.io/kubernetes: pkg/printers)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from actors.protocols.kubernetes.timestamps import human_duration, unix_s

Object = dict[str, Any]

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"


class Column(NamedTuple):
    """A column; those of priority 1 are shown by `-o wide` only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


class Printer(NamedTuple):
    """A kind's columns, and the cells of an object at a moment (Unix seconds)."""

    columns: tuple[Column, ...]
    cells: Callable[[Object, float], list[Any]]


NAME = Column(
    "Name",
    format="name",
    description="Name must be unique within a namespace. Is required when creating resources, although some resources"
    " may allow a client to request the generation of an appropriate name automatically.",
)
AGE = Column(
    "Age",
    description="CreationTimestamp is a timestamp representing the server time when this object was created. It is not"
    " guaranteed to be set in happens-before order across separate operations.",
)


def wide(name: str, description: str = "") -> Column:
    return Column(name, priority=1, description=description)


def name_of(value: Object) -> str:
    name = value["metadata"].get("name", "")
    assert isinstance(name, str)
    return name


def age(value: Object, now: float) -> str:
    """How long ago the object was made."""
    return since(value["metadata"].get("creationTimestamp"), now)


def since(timestamp: str | None, now: float) -> str:
    """How long ago that was."""
    return human_duration(now - unix_s(timestamp)) if timestamp else UNKNOWN


def joined(texts: list[str]) -> str:
    return ",".join(texts) if texts else NONE


def labels_text(labels: dict[str, str] | None) -> str:
    return joined([f"{key}={value}" for key, value in sorted((labels or {}).items())])


def spec(value: Object) -> Object:
    found: Object = value.get("spec") or {}
    return found


def status(value: Object) -> Object:
    found: Object = value.get("status") or {}
    return found


def number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def template_containers(value: Object) -> tuple[str, str]:
    """The names and the images of a pod template's containers."""
    containers = ((spec(value).get("template") or {}).get("spec") or {}).get("containers") or []
    names = ",".join(each.get("name", "") for each in containers)
    return names, ",".join(each.get("image", "") for each in containers)
