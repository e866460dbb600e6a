"""The Kubernetes API server: keeps the cluster's objects and tells everybody what happens to them.

Elements come over the management network (`call_request`, `call_watch`), under either clock; kubectl and other programs
come over HTTPS on loopback, in real time. Both meet the same handlers (actors/parts/kubernetes/apiserver/).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from actors.element import CertificateName, Claim, Context, Element, ElementConfig, ElementName, FileName
from actors.parts.config_fields import Cidr
from actors.parts.kubernetes.apiserver.access import ADMIN, VIEWER, admin_token, kubeconfig, write_private
from actors.parts.kubernetes.apiserver.authorization import AUTHENTICATED, MASTERS
from actors.parts.kubernetes.apiserver.manifests import apply_manifests
from actors.parts.kubernetes.apiserver.registry import Limits
from actors.parts.kubernetes.apiserver.requests import Request, User
from actors.parts.kubernetes.apiserver.server import ApiServer
from actors.parts.kubernetes.apiserver.settled import settled
from actors.parts.kubernetes.apiserver.webhooks import Webhook

if TYPE_CHECKING:
    from aiohttp.web import Application

MANIFESTS = "manifests"
"""The fact that they have been applied."""
NODES_PATIENCE_S, NODES_POLL_S = 30.0, 0.005
NOT_READY = "node.kubernetes.io/not-ready"
PORT = "port"
"""The fact under which the store keeps where the server listens: a kubeconfig stays good when it starts again."""


class MutatingWebhook(BaseModel):
    """An element that is asked about new objects before they are stored (MutatingWebhookConfiguration)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    element: ElementName = Field(description="who is asked, by the management call `review`")
    kinds: tuple[str, ...] = Field(default=("Pod",), min_length=1, description="kinds that it is asked about")
    namespace_labels: dict[str, str] = Field(
        default_factory=dict, description="labels that an object's namespace must have for it to be asked"
    )
    failure_policy: Literal["Ignore", "Fail"] = Field(
        default="Ignore", description="what becomes of an object while the webhook does not answer"
    )
    timeout_seconds: float = Field(
        default=10, ge=1, le=30, description="how long it is waited for, in seconds"
    )


class Config(ElementConfig):
    """The API server of the cluster."""

    service_cidr: Cidr = Field(default="172.20.0.0/16", description="where Services get their addresses from")
    port: int = Field(
        default=0, ge=0, le=65_535, description="where kubectl finds it on 127.0.0.1; 0: any free port"
    )
    certificate: CertificateName = Field(
        default=CertificateName("kubernetes.default.svc"), description="the domain of its certificate"
    )
    read_only_token: str | None = Field(
        default=None,
        min_length=8,
        description="bearer token of somebody who may look at everything, and no more",
    )

    manifests: tuple[FileName, ...] = Field(
        default=(), description="YAML files that a new cluster begins with, applied in this order"
    )
    nodes: tuple[ElementName, ...] = Field(
        default=(), description="manifests are applied once these nodes are ready, or after 30 s"
    )

    webhooks: dict[str, MutatingWebhook] = Field(
        default_factory=dict,
        description="mutating admission webhooks by name, asked in the order of their names",
    )

    def claims(self) -> Iterable[Claim]:
        yield Claim("subnet", self.service_cidr, ("service_cidr",))


class KubeApi(Element):
    """Answers requests to the Kubernetes API, and tells of changes to those who watch."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.server = ApiServer(context, Limits(config.service_cidr), tuple(_webhooks(config)))
        self._applied = False

    async def start(self) -> None:
        self.server.start()
        await self._begin_with_manifests()
        await self._open_door()

    async def _begin_with_manifests(self) -> None:
        """Once in the life of a store; raises `ManifestError`.

        Pods that are there before any node wait out the scheduler's back-off of a second. Who applies manifests in
        life does so when the cluster stands; so what they ask for is tried now, and done when the nodes are ready."""
        config = self.config
        self._applied = not config.manifests or self.server.store.database.fact(MANIFESTS) is not None
        if self._applied:
            return
        if config.nodes:
            await apply_manifests(self.server.handle, config.manifests, dry_run=True)
            self.context.spawn(self._apply_to_nodes(), "manifests")
        else:
            await self._apply_manifests()

    async def _apply_to_nodes(self) -> None:
        waited_s = 0.0
        while waited_s < NODES_PATIENCE_S and not all(map(self._is_ready, self.config.nodes)):
            await self.context.sleep(NODES_POLL_S)
            waited_s += NODES_POLL_S
        await self._apply_manifests()

    async def _apply_manifests(self) -> None:
        count = await apply_manifests(self.server.handle, self.config.manifests)
        self.server.store.database.note(MANIFESTS, str(count))
        self._applied = True

    def _is_ready(self, node: str) -> bool:
        found = self.server.store.get("Node", "", node) or {}
        conditions = found.get("status", {}).get("conditions", ())
        tainted = any(taint["key"].startswith(NOT_READY) for taint in found.get("spec", {}).get("taints", ()))
        return not tainted and any(
            condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
        )

    async def _open_door(self) -> None:
        """Let kubectl in, at the port of the last time; on the virtual clock nobody could come."""
        config, directory, database = self.config, self.context.directory, self.server.store.database
        if not (directory / "certs" / f"{config.certificate}.pem").exists():
            return
        from actors.parts.kubernetes.apiserver.http_front import (
            HttpFront,  # slow to load, and not always wanted
        )

        token = admin_token(directory, config.certificate)
        viewers = {} if config.read_only_token is None else {config.read_only_token: VIEWER}
        app = HttpFront(self.server, {**viewers, token: ADMIN}).app()
        address = await self._serve(app, config.port or int(database.fact(PORT) or 0))
        if address is not None:
            database.note(PORT, address.rpartition(":")[2])
            write_private(directory / "kubeconfig", kubeconfig(directory, address, token))

    async def _serve(self, app: "Application", port: int) -> str | None:
        """Serve at that port; if somebody else has the one of the last time, at another."""
        certificate = self.config.certificate
        try:
            return await self.context.serve("kube_api", app, certificate=certificate, port=port)
        except OSError:
            if self.config.port:
                raise
            return await self.context.serve("kube_api", app, certificate=certificate)

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
        request = Request(method, path, query or {}, body, content_type, _element(user))
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
        return await self.server.poll(Request("GET", path, query, user=_element(user)), timeout_s)

    async def call_settled(self) -> bool:
        """Whether the manifests are applied, and all workloads have the replicas that they ask for."""
        return self._applied and settled(self.server.store)

    def inspect(self) -> dict[str, Any]:
        """Objects by kind, the latest revision, and watches that wait, by kind."""
        store = self.server.store
        return {
            "revision": store.revision,
            "objects": store.counts(),
            "watchers": self.server.watches.counts(),
        }


def _webhooks(config: Config) -> Iterable[Webhook]:
    for name, each in sorted(config.webhooks.items()):
        ignores = each.failure_policy == "Ignore"
        yield Webhook(
            name, each.element, each.kinds, each.namespace_labels, ignores, timeout_s=each.timeout_seconds
        )


def _element(user: str) -> User:
    """Elements are the cluster's own parts: each may what its part needs, and is not held to less."""
    return User(user, (MASTERS, AUTHENTICATED))
