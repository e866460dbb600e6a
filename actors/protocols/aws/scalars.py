"""Single values in AWS's protocols: text to values and back, by the type that the service's model gives them.

Times are ISO 8601 text (`2026-01-01T00:00:00Z`) everywhere inside; blobs are bytes.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import Shape

WHOLE = ("integer", "long")
REAL = ("float", "double")
NUMBERS = (*WHOLE, *REAL)


class Unreadable(ValueError):
    """A request that does not have the form that its operation asks for. `where` names the part, if it is one."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where


def read(shape: "Shape", text: str, where: str) -> Any:
    """The value that a text stands for. Raises `Unreadable`."""
    kind = shape.type_name
    try:
        if kind == "boolean":
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        if kind in WHOLE:
            return int(text)
        if kind in REAL:
            return float(text)
        if kind == "blob":
            return base64.b64decode(text, validate=True)
        if kind == "timestamp":
            return iso(text)
    except (KeyError, ValueError, OverflowError, binascii.Error):
        raise Unreadable(f"{text!r} is no {kind}", where) from None
    return text


def write(shape: "Shape", value: Any) -> str:
    """The text for a value."""
    kind = shape.type_name
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "timestamp":
        return iso(value)
    return str(value)


def iso(value: str | float | datetime) -> str:
    """A time in ISO 8601; numbers are seconds since 1970. Raises ValueError."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
    elif isinstance(value, datetime):
        moment = value
    else:
        moment = datetime.fromtimestamp(value, UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    digits = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
    text = moment.astimezone(UTC).isoformat(timespec=digits if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def unix(value: str) -> float:
    """A time as seconds since 1970."""
    return datetime.fromisoformat(iso(value)).timestamp()
