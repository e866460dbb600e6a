"""The Kubernetes controller manager: all controllers in one process.

Each controller makes one part of the cluster what it is said to be (actors/parts/kubernetes/controllers/). They keep
nothing of their own: killed at any moment and started again, they look at what there is and go on.
"""

from typing import Any

from pydantic import Field

from actors.element import Context, Element, ElementConfig, ElementName
from actors.parts.kubernetes.controllers.daemon_set import DaemonSetController
from actors.parts.kubernetes.controllers.deployment import DeploymentController
from actors.parts.kubernetes.controllers.endpoint_slice import EndpointSliceController
from actors.parts.kubernetes.controllers.endpoints import EndpointsController
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.parts.kubernetes.controllers.garbage import GarbageCollector
from actors.parts.kubernetes.controllers.node_lifecycle import NodeLifecycleController
from actors.parts.kubernetes.controllers.pod_gc import PodGarbageCollector
from actors.parts.kubernetes.controllers.replica_set import ReplicaSetController
from actors.parts.kubernetes.controllers.taint_eviction import TaintEvictionController
from actors.parts.kubernetes.state_metrics import DeploymentStates, follow_pods

USER = "system:kube-controller-manager"

CONTROLLERS: tuple[type[Controller], ...] = (
    ReplicaSetController,
    DeploymentController,
    DaemonSetController,
    EndpointSliceController,
    EndpointsController,
    NodeLifecycleController,
    TaintEvictionController,
    PodGarbageCollector,
    GarbageCollector,
)


class Config(ElementConfig):
    """The controllers of a cluster."""

    api: ElementName = Field(default=ElementName("kube-api"), description="the cluster's API server")


class KubeControllerManager(Element):
    """Runs the cluster's controllers."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.cluster = Cluster(context, config.api, USER)
        self.controllers = [make(self.cluster) for make in CONTROLLERS]
        follow_pods(context, self.cluster.watchers)
        DeploymentStates(context, self.cluster.watchers)

    async def start(self) -> None:
        self.cluster.watchers.start()
        self.context.spawn(self._begin(), "controllers")

    async def _begin(self) -> None:
        await self.cluster.watchers.synced()
        for controller in self.controllers:
            controller.start()

    def on_frame(self, port: str, frame: bytes) -> None:
        """The controller manager is on no link."""

    def inspect(self) -> dict[str, Any]:
        """Keys that wait, by controller, and how many objects of each kind are known."""
        waiting = {controller.name: len(controller.queue) for controller in self.controllers}
        return {"queues": waiting, "objects": self.cluster.watchers.counts()}
