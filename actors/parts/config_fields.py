"""Fields that many configs have: addresses as people write them, and errors that point at the line they are about."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from actors.wire.addresses import InterfaceAddress, Prefix, ip_bytes


class Part(BaseModel):
    """A part of an element's config; unknown keys are errors, as in the whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_address(text: str) -> str:
    ip_bytes(text)
    return text


def _check_prefix(text: str) -> str:
    Prefix.parse(text)
    return text


def _check_interface_address(text: str) -> str:
    if "/" not in text:
        raise ValueError(f"{text!r} needs the length of its mask, such as {text}/24")
    InterfaceAddress.parse(text)
    return text


def _text(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example]})


Address = Annotated[str, AfterValidator(_check_address), _text("10.0.0.1")]
"""`10.0.0.1`"""
Cidr = Annotated[str, AfterValidator(_check_prefix), _text("10.0.0.0/16")]
"""`10.0.0.0/16`, without host bits."""
AddressWithMask = Annotated[str, AfterValidator(_check_interface_address), _text("10.0.0.1/24")]
"""`10.0.0.1/24`: an address and the network it lies in."""


def fault(where: tuple[str | int, ...], what: str, given: Any = None) -> ValidationError:
    """For a validator of a whole model to raise: the part at `where`, a path inside that model, is wrong."""
    error = PydanticCustomError("config", "{what}", {"what": what})
    return ValidationError.from_exception_data(
        "config", [InitErrorDetails(type=error, loc=where, input=given)]
    )


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`there is no subnet 'pubic', did you mean 'public'?`; without a near miss it lists what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"there is no {what} {name!r}, did you mean {near[0]!r}?"
    return (
        f"there is no {what} {name!r}; there are {', '.join(names)}"
        if names
        else f"there is no {what} at all"
    )


class Uplink(Part):
    """An interface with the router to everywhere else, which must be a neighbour there."""

    address: AddressWithMask = Field(description="its address with the length of the network's mask")
    gateway: Address = Field(description="the router to everywhere else")

    @model_validator(mode="after")
    def _gateway_is_near(self) -> Self:
        own = InterfaceAddress.parse(self.address)
        if ip_bytes(self.gateway) not in own.prefix or ip_bytes(self.gateway) == own.address:
            raise fault(("gateway",), f"{self.gateway} is no neighbour in {own.prefix}", self.gateway)
        return self
