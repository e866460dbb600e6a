"""A host with one port, for tests of world files."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from actors.element import CertificateName, Claim, Element, ElementConfig, ElementName, FileName
from actors.units import Duration


class Listener(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: int = Field(gt=0, le=65_535)
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"


class Attributes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    idle_timeout: int = Field(default=60, alias="idle_timeout.timeout_seconds")


class Forward(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["forward"]
    to: str


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["fixed-response"]
    status: int


class Config(ElementConfig):
    """A host."""

    address: str | None = None
    hostname: str = "host"
    wait: Duration = 0
    workers: int | Literal["auto"] = "auto"
    keep_alive: bool = True
    listeners: tuple[Listener, ...] = ()
    attributes: Attributes = Attributes()
    action: Annotated[Forward | Answer, Field(discriminator="type")] | None = None
    neighbour: ElementName | None = None
    zones: tuple[FileName, ...] = ()
    certificates: tuple[CertificateName, ...] = ()

    def port_names(self) -> Iterable[str]:
        return ["eth0"]

    def claims(self) -> Iterable[Claim]:
        if self.address is not None:
            yield Claim("address", self.address, ("address",))
            yield Claim("subnet", self.address, ("address",))


class Host(Element):
    def on_frame(self, port: str, frame: bytes) -> None: ...
