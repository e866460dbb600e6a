"""AWS's API: Elastic Load Balancing, EC2, Route 53, ACM and STS, for the elements of the world and for the `aws` CLI.

Elements come over the management network (`call_request`, `call_watch`), under either clock; the CLI and the SDKs come
over HTTP on loopback, in real time. Both meet the same services (actors/parts/aws_api/).
"""

from typing import Any

from pydantic import Field

from actors.element import (
    CertificateName,
    Context,
    Element,
    ElementConfig,
    ElementName,
    FileName,
    answer_call,
)
from actors.parts.aws_api.config import ControlPlane
from actors.parts.aws_api.plane import Plane
from actors.parts.aws_api.services import make_services
from actors.protocols.aws.errors import AwsError

PORT = "port"
"""The fact under which the store keeps where it listens: an endpoint stays good when it starts again."""


class Config(ElementConfig):
    """One account in one region of AWS."""

    region: str = Field(default="eu-west-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="the region")
    account: str = Field(default="123456789012", pattern=r"^\d{12}$", description="the account's number")
    port: int = Field(
        default=0, ge=0, le=65_535, description="where programs find it on 127.0.0.1; 0: any free port"
    )
    load_balancer_nodes: dict[ElementName, str] = Field(
        default_factory=dict,
        description="elements of kind `alb` that Elastic Load Balancing has in stock, and their availability zones",
    )
    certificates: tuple[CertificateName, ...] = Field(
        default=(), description="domains for which ACM has issued certificates"
    )
    hosted_zones: tuple[FileName, ...] = Field(
        default=(), description="zone files (RFC 1035) that Route 53 adopts when it first sees them"
    )
    name_servers: tuple[str, ...] = Field(
        default=("ns-1.awsdns-01.com",),
        min_length=1,
        description="the names of Route 53's name servers, which new hosted zones are delegated to",
    )
    control_plane: ControlPlane = ControlPlane()


class AwsApi(Element):
    """Carries out requests to AWS, and tells elements of what they follow."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.plane = Plane(
            context,
            config.region,
            config.account,
            config.control_plane,
            config.load_balancer_nodes,
            config.certificates,
            config.hosted_zones,
            config.name_servers,
        )

    async def start(self) -> None:
        self.plane.start(make_services(self.plane))
        await self._open_door()

    async def _open_door(self) -> None:
        """Let real programs in, at the port of the last time; on the virtual clock nobody could come."""
        from actors.parts.aws_api.http_front import (
            HttpFront,
        )  # aiohttp is slow to load, and not always wanted

        facts = self.plane.store.table("facts")
        app = HttpFront(self.plane).app()
        try:
            address = await self.context.serve("aws_api", app, port=self.config.port or facts.get(PORT) or 0)
        except OSError:
            if self.config.port:
                raise
            address = await self.context.serve("aws_api", HttpFront(self.plane).app())
        if address is not None:
            facts.put(PORT, int(address.rpartition(":")[2]))

    async def stop(self) -> None:
        self.plane.store.close()

    def on_frame(self, port: str, frame: bytes) -> None:
        """AWS's API is on no link."""

    async def on_call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """Calls of its own, and those that services answer."""
        parts = (*self.plane.services.values(), self)
        return await answer_call(parts, self.context.name, verb, arguments)

    async def call_request(
        self, service: str, operation: str, parameters: dict[str, Any], caller: str
    ) -> dict[str, Any]:
        """A request of another element: the operation's output, or `{"error": {"code", "message", "status"}}`."""
        try:
            return await self.plane.request(service, operation, parameters, caller)
        except AwsError as error:
            return {"error": error.answer()}

    async def call_watch(self, topic: str, since: str | None, timeout_s: float) -> dict[str, Any]:
        """A long poll: what has changed in the topic. See actors/parts/aws/client.py."""
        return await self.plane.topics.topic(topic).watch(since, timeout_s)

    def inspect(self) -> dict[str, Any]:
        """How many items each table and each topic has."""
        return {"tables": self.plane.store.counts(), "topics": self.plane.topics.counts()}
