"""Quantities as people write them in a config: `800us`, `300mbit`, `1%`; one parser for all rooms."""

import difflib
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

_TIME = {"ns": 1, "us": MICROSECOND, "ms": MILLISECOND, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_RATE = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_SIZE = {
    "": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
"""`k`, `m` and `g` are nginx's own."""
_NUMBER = r"(\d+(?:\.\d+)?)"
_PARTS = re.compile(rf"{_NUMBER}\s*([a-zA-Z]+)")
_SHARE = re.compile(rf"{_NUMBER}\s*%")


def _quantity(value: Any, units: dict[str, int], what: str, example: str) -> int:
    if not isinstance(value, str):
        raise ValueError(f"{what} needs a unit, such as {example}")
    parts = _PARTS.findall(value)
    if not parts or "".join(n + u for n, u in parts) != "".join(value.split()):
        raise ValueError(f"{value!r} is not a {what}; write it like {example}")
    total = 0.0
    for number, unit in parts:
        if unit not in units:
            near = difflib.get_close_matches(unit.lower(), units, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(units)}"
            raise ValueError(f"{value!r}: unit {unit!r} is unknown, {meant}")
        total += float(number) * units[unit]
    return round(total)


def parse_duration(value: Any) -> int:
    """`1m30s`, `800us` as nanoseconds; `0` needs no unit; raises ValueError."""
    if value == 0 and not isinstance(value, bool):
        return 0
    return _quantity(value, _TIME, "duration", "800us, 20ms or 1m30s")


def parse_rate(value: Any) -> int:
    """`300mbit` as bits per second; raises ValueError."""
    return _quantity(value, _RATE, "rate", "300mbit or 10gbit")


def parse_share(value: Any) -> float:
    """`1%` as 0.01, between 0 % and 100 %; raises ValueError."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    if isinstance(value, str) and (match := _SHARE.fullmatch(value)):
        share = float(match[1]) / 100
        if share <= 1:
            return share
        raise ValueError(f"{value!r} is more than 100%")
    raise ValueError(f"{value!r} is not a share; write it like 1%")


def parse_size(value: Any) -> int:
    """`512`, `64k` (nginx's way: 65,536), `10MB` (ten million) as bytes, in capitals or not; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(rf"{_NUMBER}\s*([a-zA-Z]*)", value) if isinstance(value, str) else None
    if match is None or match[2].lower() not in _SIZE:
        raise ValueError(f"{value!r} is not a size; write it like 512, 64k, 10MB or 1GiB")
    return round(float(match[1]) * _SIZE[match[2].lower()])


def duration_text(value: int) -> str:
    """Nanoseconds as people write them: `80ms`, `90s`; exact."""
    return _largest(value, {unit: _TIME[unit] for unit in ("s", "ms", "us", "ns")})


def rate_text(value: int) -> str:
    """Bits per second as people write them: `2mbit`; exact."""
    return _largest(value, _RATE)


def _largest(value: int, units: dict[str, int]) -> str:
    unit = max((unit for unit in units if value % units[unit] == 0), key=units.__getitem__)
    return f"{value // units[unit]}{unit}"


def _text_schema(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "integer"], "examples": [example]})


def _plain_duration(value: int) -> str:
    return f"{value}ns"


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(_plain_duration, when_used="json"),
    Field(ge=0),
    _text_schema("20ms"),
]
Rate = Annotated[int, BeforeValidator(parse_rate), Field(gt=0), _text_schema("300mbit")]
Share = Annotated[float, BeforeValidator(parse_share), _text_schema("1%")]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0), _text_schema("10MB")]
