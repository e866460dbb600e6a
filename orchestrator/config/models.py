"""The world file as pydantic models; each element's own `Config` comes from its kind."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from actors.element import CertificateName, ElementConfig, Reference, UnknownKind, load_kind
from actors.links.impairments import LinkConfig
from orchestrator.config.errors import Path, suggestion
from orchestrator.config.kinds import kind_names

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


def plain_name(name: str) -> str:
    """The name that comes nearest to this text."""
    return name if _NAME.fullmatch(name) else re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:63].strip("-_")


def _check_name(name: str) -> str:
    plain = plain_name(name)
    if plain != name:
        meant = f", did you mean {plain!r}?" if plain else ""
        raise PydanticCustomError(
            "name", "{what}", {"what": f"a name is up to 63 letters, digits, - and _{meant}"}
        )
    return name


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        whole = False
    if not whole:
        raise PydanticCustomError(
            "url", "{url} is not a URL such as https://packet-journey.com/", {"url": repr(url)}
        )
    return url


def _not_here(extends: str | None) -> str | None:
    if extends is not None:
        raise PydanticCustomError("extends", "only a world file itself can say what it extends")
    return extends


Name = Annotated[str, AfterValidator(_check_name)]
Url = Annotated[str, AfterValidator(_check_url)]


class ElementSpec(BaseModel):
    """One element: its kind, its validated config, and that config as it was written (what a process is sent)."""

    model_config = ConfigDict(frozen=True)

    kind: str
    config: ElementConfig
    raw: dict[str, Any]

    def references(self) -> Iterator[tuple[Path, Reference]]:
        """What the config refers to outside itself, each with its path inside the config."""
        yield from _references((), self.config.model_dump(by_alias=True))

    @model_validator(mode="before")
    @classmethod
    def _load(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        raw = {key: inner for key, inner in value.items() if key != "kind"}
        return {"kind": value.get("kind"), "raw": raw, "config": _config_class(value).model_validate(raw)}


def _references(path: Path, value: Any) -> Iterator[tuple[Path, Reference]]:
    match value:
        case Reference():
            yield path, value
        case dict():
            for key, inner in value.items():
                yield from _references((*path, key), key)
                yield from _references((*path, key), inner)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _references((*path, index), inner)


def _config_class(value: dict[str, Any]) -> type[ElementConfig]:
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise _kind_error("string_type" if "kind" in value else "missing", value.get("kind", value))
    try:
        return load_kind(kind)[0]
    except UnknownKind as error:
        what = f"unknown kind {kind!r}: {error}{suggestion(kind, kind_names(), otherwise='the kinds are')}"
    except Exception as error:  # whatever an element's file may do when it is imported
        what = f"actors/{kind}.py does not load: {error}"
    raise _kind_error(PydanticCustomError("kind", "{what}", {"what": what}), kind)


def _kind_error(fault: str | PydanticCustomError, given: Any) -> ValidationError:
    return ValidationError.from_exception_data(
        "element", [InitErrorDetails(type=fault, loc=("kind",), input=given)]
    )


class World(BaseModel):
    """A world: its elements and the links between them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = Field(description="version of this format")
    extends: Annotated[str | None, AfterValidator(_not_here)] = Field(
        default=None,
        description="another world file, or `default`, that this one is laid over; then only what differs is said",
    )
    name: Name = Field(default="world", description="what this world is called")
    seed: int = Field(default=1, ge=0, description="all dice of the world are thrown from this number")
    url: Url | None = Field(
        default=None,
        description="what the laptop asks for unless told otherwise; a world without a laptop needs none",
    )
    elements: dict[Name, ElementSpec] = Field(min_length=1, description="network elements by name")
    links: dict[Name, LinkConfig] = Field(default={}, description="links by name")

    _links: dict[str, Any] = PrivateAttr(default={})

    @model_validator(mode="wrap")
    @classmethod
    def _keep_links(cls, value: Any, build: Callable[[Any], Self]) -> Self:
        """Links as they are written: with units, as a file has them."""
        world = build(value)
        if isinstance(value, dict):
            world._links = value.get("links", {})
        return world

    def plain(self) -> dict[str, Any]:
        """What a file would say that is this world, whole, wherever that file lies."""
        elements = {name: {"kind": spec.kind, **spec.raw} for name, spec in self.elements.items()}
        top = self.model_dump(exclude={"elements", "links", "extends"}, exclude_none=True)
        return {**top, "elements": elements, "links": self._links}

    @model_validator(mode="after")
    def _check_laptop(self) -> "World":
        if self.url is None and any(spec.kind == "laptop" for spec in self.elements.values()):
            raise ValidationError.from_exception_data(
                "world", [InitErrorDetails(type="missing", loc=("url",), input=None)]
            )
        return self

    def certificate_names(self) -> list[str]:
        """The domains that elements show certificates for."""
        named = {reference for spec in self.elements.values() for _, reference in spec.references()}
        return sorted(str(name) for name in named if isinstance(name, CertificateName))
