"""The Kubernetes scheduler: gives every pod a node (actors/parts/kubernetes/scheduler.py)."""

from typing import Any

from pydantic import Field

from actors.element import Context, Element, ElementConfig, ElementName
from actors.parts.kubernetes.client import KubeClient
from actors.parts.kubernetes.scheduler import Scheduler

USER = "system:kube-scheduler"


class Config(ElementConfig):
    """The scheduler of a cluster."""

    api: ElementName = Field(default=ElementName("kube-api"), description="the cluster's API server")


class KubeScheduler(Element):
    """Finds a node for each pod that has none."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.scheduler = Scheduler(context, KubeClient(context, config.api, USER))

    async def start(self) -> None:
        self.scheduler.start()

    def on_frame(self, port: str, frame: bytes) -> None:
        """The scheduler is on no link."""

    def inspect(self) -> dict[str, Any]:
        """Pods that wait for a node, and of each node how many pods it has and what they take."""
        nodes = {
            info.name: {
                "pods": len(info.demands),
                "taken": {name: value for name, value in info.taken.items() if value},
                "allocatable": info.allocatable,
            }
            for info in self.scheduler.nodes.all()
        }
        return {"pending": len(self.scheduler.queue), "nodes": nodes}
