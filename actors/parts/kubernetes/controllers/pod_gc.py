"""Deletes pods that no kubelet will ever end: those of nodes that are gone (pkg/controller/podgc)."""

from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.pods import has_ended, is_terminating, node_of
from actors.units import SECOND

SWEEP_S = 20.0
QUARANTINE_S = 40.0
"""How long a node must be missing before it is taken as gone."""


class PodGarbageCollector(Controller):
    """Sweeps every 20 s."""

    name = "pod-garbage-collector-controller"
    workers = 2

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._pods = cluster.watchers.of("Pod")
        self._nodes = cluster.watchers.of("Node")
        self._missing_ns: dict[str, int] = {}

    def start(self) -> None:
        super().start()
        self.cluster.context.spawn(self._sweep(), "pod gc")

    async def _sweep(self) -> None:
        while True:
            self._note_missing()
            for pod in self._pods.all():
                if self._is_lost(pod):
                    self.queue.add(key_of(pod))
            await self.cluster.context.sleep(SWEEP_S)

    def _note_missing(self) -> None:
        names = {node_of(pod) for pod in self._pods.all()} - {""}
        missing = {name for name in names if self._nodes.get(name) is None}
        now_ns = self.cluster.context.now_ns()
        self._missing_ns = {name: self._missing_ns.get(name, now_ns) for name in sorted(missing)}

    def _is_lost(self, pod: Object) -> bool:
        node = node_of(pod)
        if not node:
            return is_terminating(pod)
        since_ns = self._missing_ns.get(node)
        return since_ns is not None and self.cluster.context.now_ns() - since_ns >= QUARANTINE_S * SECOND

    async def reconcile(self, key: str) -> None:
        pod = self._pods.get(key)
        if pod is None or not self._is_lost(pod):
            return
        node, metadata = node_of(pod), pod["metadata"]
        try:
            if node and await self._exists(node):
                return
            if not has_ended(pod):
                await self._fail(pod)
            name, namespace = metadata["name"], metadata["namespace"]
            await self.client.delete("Pod", name, namespace, uid=metadata["uid"], grace_period_seconds=0)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _exists(self, node: str) -> bool:
        try:
            await self.client.get("Node", node)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    async def _fail(self, pod: Object) -> None:
        disrupted = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": rfc3339(self.cluster.now_s()),
            "lastProbeTime": None,
        }
        metadata = pod["metadata"]
        conditions = [disrupted] if node_of(pod) else []
        patch = {
            "metadata": {"uid": metadata["uid"]},
            "status": {"phase": "Failed", "conditions": conditions},
        }
        await self.client.patch(
            "Pod", metadata["name"], patch, metadata["namespace"], subresource="status", type="strategic"
        )
