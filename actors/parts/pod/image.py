"""What is in an image, as far as a pod's process needs to know: its program, nginx's directives, or where an app is."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from actors.parts.config_fields import Part, fault
from actors.parts.distributions import Constant, Distribution
from actors.parts.pod.nginx_files import MOST_BYTES
from actors.protocols.kubelet.images import APP, APP_SCHEME
from actors.units import SECOND, Duration, Size


class Location(Part):
    """What is at a path."""

    size: Annotated[Size, Field(le=MOST_BYTES)] = Field(
        description="a file of so many bytes, such as 10MB; its content is made as it is sent"
    )


class NginxSettings(Part):
    """nginx's directives, and how long it works."""

    listen: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = Field(
        default=(80,), min_length=1, description="the ports that it listens on, all for the same site"
    )
    worker_processes: int = Field(default=1, ge=1, le=512, description="each serves one request at a time")
    worker_connections: int = Field(
        default=1024, ge=1, description="connections that each worker has at most"
    )
    backlog: int = Field(
        default=511,
        ge=1,
        le=65_535,
        description="connections that wait to be accepted at most; the kernel drops the SYNs of more",
    )
    keepalive_timeout: Annotated[Duration, Field(gt=0)] = Field(
        default=65 * SECOND, description="an idle connection is closed after this"
    )
    keepalive_requests: int = Field(
        default=1000, ge=1, description="a connection is closed after so many requests"
    )
    keepalive_time: Annotated[Duration, Field(gt=0)] = Field(
        default=3600 * SECOND, description="a connection is closed after the next request once it is this old"
    )
    service_time: Distribution = Field(
        default=Constant.model_validate({"distribution": "constant", "value": "400us"}),
        description="how long a worker is busy with a request",
    )

    locations: dict[Annotated[str, Field(pattern=r"^/[!->@-~]*$")], Location] = Field(
        default={}, description="files beside the page at `/`, by their paths; `/bytes/64k` is there anyway"
    )


class ContainerImage(NginxSettings):
    """An image: nginx or an app beside the few programs of `protocols/kubelet/commands.py`, or these alone."""

    program: Literal["nginx", "app", "command"] = Field(
        default="nginx",
        description="nginx, app (an application of your own), or command: a shell and a few commands only",
    )
    app: str | None = Field(
        default=None,
        pattern=f"^{APP}$",
        description="with program app: the aiohttp application, as module:attribute",
    )

    @model_validator(mode="after")
    def _directives_have_an_nginx(self) -> Self:
        if (self.app is None) == (self.program == "app"):
            what = "goes with program app" if self.app else "says which app it is, as module:attribute"
            raise fault(("app",), f"app {what}", self.app)
        if self.program != "nginx":
            for name in sorted(self.model_fields_set & NginxSettings.model_fields.keys()):
                raise fault(
                    (name,), f"an image with program {self.program} has no nginx", getattr(self, name)
                )
        return self

    def argv(self, command: list[str], args: list[str]) -> tuple[str, ...]:
        """What is run: `command` replaces the image's entry point, `args` its arguments (an app's own)."""
        if self.app is not None and not command:
            return (f"{APP_SCHEME}{self.app}", *args)
        if command or args:
            return (*command, *args)
        return ("nginx", "-g", "daemon off;") if self.program == "nginx" else ("sh",)


class AppPlace(Part):
    """Where an app is, and what its pod's manifest says that its surroundings are."""

    folder: str | None = None
    """Where its module is looked for first; then in the working directory and on PYTHONPATH."""
    ports: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = (8080,)
    """Its containerPorts."""
    hosts: dict[str, str] = {}
    """`hostAliases`: addresses by name."""
    nameservers: tuple[str, ...] = ()
    """`dnsConfig.nameservers`."""
