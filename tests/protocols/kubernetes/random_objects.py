"""Objects that the schema allows, drawn at random: sensible or not."""

from random import Random
from typing import Any

from actors.protocols.kubernetes.schema import Shape, definition_of, shape

WORDS = (
    "",
    "a",
    "nginx",
    "a.b/c",
    "10.0.0.1",
    "-",
    "A b",
    "Always",
    "None",
    "RollingUpdate",
    "25%",
    "x" * 70,
)
NUMBERS = (0, 1, -1, 3, 80, 8080, 30_000, 65_535, 65_536, 2**31 - 1)
QUANTITIES = ("0", "1", "100m", "1Gi", "1.5", "-1", 2, 0.5, "1e3")
TIME = "2026-01-01T00:00:00Z"


def drawn(kind: str, dice: Random) -> dict[str, Any]:
    """An object of that kind, with a name and most of its fields."""
    value: dict[str, Any] = _object(shape(definition_of(kind)), dice, 7)
    value["metadata"] = {**value.get("metadata", {}), "name": dice.choice(WORDS), "namespace": "default"}
    return value


def _object(at: Shape, dice: Random, depth: int) -> dict[str, Any]:
    names = [name for name in at.fields if name in at.required or dice.random() < 0.4]
    dice.shuffle(names)
    return {name: _value(at.fields[name], dice, depth - 1) for name in names}


def _value(at: Shape, dice: Random, depth: int) -> Any:
    if at.type == "object":
        return _object(at, dice, depth) if depth > 0 else {}
    if at.type == "map":
        return {dice.choice(WORDS): _value(at.values, dice, depth - 1) for _ in range(dice.randrange(3))}
    if at.type == "array":
        return [_value(at.items, dice, depth - 1) for _ in range(dice.randrange(3) if depth > 0 else 0)]
    if at.type == "int-or-string":
        return dice.choice((*NUMBERS, "25%", "http"))
    if at.type == "quantity":
        return dice.choice(QUANTITIES)
    if at.type in ("time", "micro-time"):
        return TIME
    if at.type == "boolean":
        return dice.random() < 0.5
    if at.type in ("integer", "number"):
        return dice.choice(NUMBERS)
    return dice.choice(at.enum or WORDS) if at.type == "string" else {"a": 1}
