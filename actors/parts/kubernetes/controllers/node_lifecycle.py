"""Notices nodes that are silent, and taints them by their state (k8s.io/kubernetes: pkg/controller/nodelifecycle)."""

from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.node_health import (
    GRACE_S,
    MONITOR_S,
    ready_status,
    taints_for,
    unknown_conditions,
)
from actors.protocols.kubernetes.workloads.pods import is_ready
from actors.units import SECOND

LEASES = "kube-node-lease"


class NodeLifecycleController(Controller):
    """A node is alive while its Lease or its status changes, as seen from here."""

    name = "node-controller"
    workers = 4

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._nodes = cluster.watchers.of("Node")
        self._heard_ns: dict[str, int] = {}
        self._fallen: set[str] = set()
        """Nodes that were ready a moment ago."""
        self._nodes.listen(self._on_node)
        cluster.watchers.of("Lease").listen(self._on_lease)

    def start(self) -> None:
        super().start()
        self.cluster.context.spawn(self._monitor(), "node monitor")

    def _on_node(self, before: Object | None, now: Object | None) -> None:
        name = (now or before or {})["metadata"]["name"]
        if now is None:
            self._heard_ns.pop(name, None)
            self._fallen.discard(name)
            self._tell(before or {}, "RemovingNode", f"Removing Node {name} from Controller")
            return
        if before is None:
            self._tell(now, "RegisteredNode", f"Registered Node {name} in Controller")
        elif ready_status(before) == "True" and ready_status(now) != "True":
            self._fallen.add(name)
            self.events.event(now, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady")
        if before is None or _heartbeat(before) != _heartbeat(now):
            self._heard(name)
        self.queue.add(name)

    def _tell(self, node: Object, reason: str, message: str) -> None:
        self.events.event(node, "Normal", reason, f"Node {node['metadata']['name']} event: {message}")

    def _on_lease(self, before: Object | None, now: Object | None) -> None:
        if now is None or now["metadata"]["namespace"] != LEASES:
            return
        if before is None or before["spec"].get("renewTime") != now["spec"].get("renewTime"):
            self._heard(now["metadata"]["name"])

    def _heard(self, name: str) -> None:
        self._heard_ns[name] = self.cluster.context.now_ns()

    async def _monitor(self) -> None:
        while True:
            await self.cluster.context.sleep(MONITOR_S)
            self.queue.add_all(sorted(node["metadata"]["name"] for node in self._nodes.all()))

    async def reconcile(self, name: str) -> None:
        node = self._nodes.get(name)
        if node is None:
            return
        silent_ns = self.cluster.context.now_ns() - self._heard_ns[name]
        if silent_ns > GRACE_S * SECOND:
            node = await self._declare_unknown(node)
        if ready_status(node) == "Unknown" or name in self._fallen:
            await self._mark_pods(name)
        self._fallen.discard(name)
        await self._taint(node)

    async def _declare_unknown(self, node: Object) -> Object:
        conditions = unknown_conditions(node, self.cluster.now_s())
        if conditions == ((node.get("status") or {}).get("conditions") or []):
            return node
        value = {**node, "status": {**(node.get("status") or {}), "conditions": conditions}}
        return await self.client.update("Node", value, "status")

    async def _mark_pods(self, name: str) -> None:
        """Nobody else says that the pods of a node that is gone are not ready."""
        for pod in self.cluster.watchers.of("Pod").by("node", name):
            if not is_ready(pod):
                continue
            now = rfc3339(self.cluster.now_s())
            conditions = [
                {**each, "status": "False", "lastTransitionTime": now} if each["type"] == "Ready" else each
                for each in pod["status"]["conditions"]
            ]
            value = {**pod, "status": {**pod["status"], "conditions": conditions}}
            try:
                await self.client.update("Pod", value, "status")
            except ApiError as error:
                if error.code != 404:
                    raise
                continue
            self.events.event(pod, "Warning", "NodeNotReady", "Node is not ready")

    async def _taint(self, node: Object) -> None:
        taints = taints_for(node, self.cluster.now_s())
        if taints == ((node.get("spec") or {}).get("taints") or []):
            return
        metadata = node["metadata"]
        patch = {
            "metadata": {"resourceVersion": metadata["resourceVersion"]},
            "spec": {"taints": taints or None},
        }
        await self.client.patch("Node", metadata["name"], patch)


def _heartbeat(node: Object) -> object:
    """What the kubelet writes: a change of it is a sign of life, unless it is our own `Unknown`."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return [
        (each["type"], each.get("lastHeartbeatTime"), each["status"])
        for each in conditions
        if each["status"] != "Unknown"
    ]
