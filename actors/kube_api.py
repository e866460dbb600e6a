"""The Kubernetes API server: keeps the cluster's objects and tells everybody what happens to them."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from actors.element import Claim, Context, Element, ElementConfig
from actors.parts.config_fields import Cidr
from actors.parts.kubernetes.apiserver.registry import Limits
from actors.parts.kubernetes.apiserver.requests import Request, User
from actors.parts.kubernetes.apiserver.server import ApiServer


class Config(ElementConfig):
    """The API server of the cluster."""

    service_cidr: Cidr = Field(default="172.20.0.0/16", description="where Services get their addresses from")

    def claims(self) -> Iterable[Claim]:
        yield Claim("subnet", self.service_cidr, ("service_cidr",))


class KubeApi(Element):
    """Answers requests to the Kubernetes API, over the management network."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.server = ApiServer(context, Limits(config.service_cidr))

    async def start(self) -> None:
        self.server.found()

    async def stop(self) -> None:
        self.server.store.close()

    def on_frame(self, port: str, frame: bytes) -> None:
        """The API server is on no link."""

    async def call_request(
        self,
        method: str,
        path: str,
        user: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """A request of another element: `{"code", "body"}`. See actors/parts/kubernetes/client.py."""
        request = Request(method, path, query or {}, body, content_type, User(user, ("system:masters",)))
        response = await self.server.handle(request)
        return {"code": response.code, "body": response.body}

    async def call_watch(
        self,
        path: str,
        resource_version: str,
        timeout_s: float,
        user: str,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """A long poll: `{"events", "resource_version"}` as soon as there are any after that version."""
        query = {**(query or {}), "resourceVersion": resource_version}
        request = Request("GET", path, query, user=User(user, ("system:masters",)))
        return await self.server.poll(request, timeout_s)

    def inspect(self) -> dict[str, Any]:
        store = self.server.store
        return {
            "revision": store.revision,
            "objects": store.counts(),
            "watchers": self.server.watches.counts(),
        }
