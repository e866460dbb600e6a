"""The AWS Load Balancer Controller, as far as targets go: pods that come and go become targets of the load balancer.

How this works. `parts/load_balancer_controller/cluster.py` follows the API server, `endpoints.py` says which endpoints
become targets, `bindings.py` reconciles each TargetGroupBinding, `balancer_node.py` keeps a load balancer's node as
it is wanted.
"""

from typing import Any

from pydantic import Field

from actors.element import CallFailed, Context, Element, ElementConfig, ElementName
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.load_balancer_controller.bindings import Bindings

USER = "system:serviceaccount:kube-system:aws-load-balancer-controller"


class Config(ElementConfig):
    """The controller of one load balancer, in a cluster."""

    kube_api: ElementName = Field(description="the cluster's API server")
    load_balancer_nodes: tuple[ElementName, ...] = Field(
        min_length=1, description="the load balancer's nodes, one in each zone"
    )


class AlbController(Element):
    """Makes the pods of Services targets of target groups, as TargetGroupBindings say."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        client = KubeClient(context, config.kube_api, USER)
        self.bindings = Bindings(context, client, config.load_balancer_nodes)

    async def start(self) -> None:
        self.bindings.start()

    def on_frame(self, port: str, frame: bytes) -> None:
        """The controller is on no link."""

    async def call_settled(self) -> bool:
        """Whether every ready pod is a target, and every target healthy, at every node of the load balancer."""
        try:
            return await self.bindings.is_settled()
        except (ApiError, CallFailed):
            return False

    def inspect(self) -> dict[str, Any]:
        """Bindings with their target groups, wanted targets, and the nodes that have them."""
        return self.bindings.inspect()
