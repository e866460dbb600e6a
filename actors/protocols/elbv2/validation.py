"""What all operations check in the same way, with the words that AWS has for it."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from actors.protocols.aws.errors import AwsError

Parameters = Mapping[str, Any]
MAX_PAGE = 400
"""Entries of a page, unless fewer are asked for: as many as `PageSize` may ask for."""


def invalid(message: str) -> NoReturn:
    """ValidationError: what most requests are refused with."""
    raise AwsError("ValidationError", message)


def misconfigured(message: str) -> NoReturn:
    """InvalidConfigurationRequest: well-formed, but it cannot be."""
    raise AwsError("InvalidConfigurationRequest", message)


def required(parameters: Parameters, name: str) -> Any:
    """The parameter; a request without it is refused."""
    value = parameters.get(name)
    if value is None or value == []:
        constraint(None, name, "not be null")
    return value


def constraint(value: object, name: str, must: str) -> NoReturn:
    """Refuse a value as AWS's front does."""
    shown = "null" if value is None else f"'{value}'"
    member = name[:1].lower() + name[1:]
    invalid(
        f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: Member must {must}"
    )


def between(value: object, name: str, low: int, high: int) -> int:
    """The number, if it is one from `low` to `high`."""
    if type(value) is not int:
        constraint(value, name, "be an integer")
    if value < low:
        constraint(value, name, f"have value greater than or equal to {low}")
    if value > high:
        constraint(value, name, f"have value less than or equal to {high}")
    return value


def one_of(value: object, name: str, choices: Iterable[str]) -> str:
    """The value, if it is one of these."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        constraint(value, name, f"satisfy enum value set: [{', '.join(known)}]")
    return value


def name_of(parameters: Parameters, what: str) -> str:
    """The `Name` that a thing is created with: at most 32 letters, digits and hyphens."""
    name = required(parameters, "Name")
    if not isinstance(name, str) or not name:
        invalid(f"A {what.lower()} name must be specified")
    subject = f"The {what.lower()} name '{name}'" if what == "Load balancer" else f"{what} name '{name}'"
    if len(name) > 32:
        invalid(f"{subject} cannot be longer than '32' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        invalid(f"{subject} can only contain characters that are alphanumeric characters or hyphens(-)")
    if name.startswith("-") or name.endswith("-"):
        invalid(f"{subject} cannot begin or end with '-'")
    return name


def page(entries: Sequence[tuple[int, Any]], parameters: Parameters, result: str) -> dict[str, Any]:
    """The page that is asked for of entries by ascending number: `{result: [...], "NextMarker"?}`."""
    size = MAX_PAGE
    if parameters.get("PageSize") is not None:
        size = between(parameters["PageSize"], "PageSize", 1, MAX_PAGE)
    after = _number(parameters["Marker"]) if parameters.get("Marker") else None
    wanted = [entry for entry in entries if after is None or entry[0] > after]
    shown = wanted[:size]
    answer: dict[str, Any] = {result: [value for _, value in shown]}
    if len(wanted) > size:
        answer["NextMarker"] = base64.b64encode(f"after:{shown[-1][0]}".encode()).decode()
    return answer


def _number(marker: object) -> int:
    try:
        text = base64.b64decode(str(marker), validate=True).decode()
        return int(text.removeprefix("after:"))
    except (ValueError, binascii.Error):
        invalid(f"Invalid marker '{marker}'")
