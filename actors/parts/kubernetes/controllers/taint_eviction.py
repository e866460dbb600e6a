"""Deletes pods that do not bear their node's taints, when their time is over (pkg/controller/tainteviction)."""

from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.node_health import evict_in
from actors.protocols.kubernetes.workloads.pods import is_active, node_of

WHY = "Taint manager: deleting due to NoExecute taint"


class TaintEvictionController(Controller):
    """Looks at a pod when it or its node's taints change, and again when it will have to leave."""

    name = "taint-eviction-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._pods = cluster.watchers.of("Pod")
        self._nodes = cluster.watchers.of("Node")
        self._pods.listen(self._on_pod)
        self._nodes.listen(self._on_node)
        self._doomed: set[str] = set()

    def _on_pod(self, before: Object | None, now: Object | None) -> None:
        if now is None:
            self._doomed.discard(key_of(before or {}))
        elif before is None or _reasons(before) != _reasons(now):
            self.queue.add(key_of(now))

    def _on_node(self, before: Object | None, now: Object | None) -> None:
        if now is None or before is None or _taints(before) != _taints(now):
            name = (now or before or {})["metadata"]["name"]
            self.queue.add_all(key_of(pod) for pod in self._pods.by("node", name))

    async def reconcile(self, key: str) -> None:
        pod = self._pods.get(key)
        if pod is None or not is_active(pod) or not node_of(pod):
            return
        node = self._nodes.get(node_of(pod))
        wait_s = None if node is None else evict_in(pod, _taints(node), self.cluster.now_s())
        if wait_s is None:
            if key in self._doomed:
                self._doomed.discard(key)
                self.events.event(pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {key}")
            return
        self._doomed.add(key)
        if wait_s > 0:
            self.queue.add_after(key, wait_s)
        else:
            await self._evict(key, pod)

    async def _evict(self, key: str, pod: Object) -> None:
        metadata = pod["metadata"]
        now = rfc3339(self.cluster.now_s())
        disrupted = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": WHY,
            "lastTransitionTime": now,
            "lastProbeTime": None,
        }
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [disrupted]}}
        name, namespace = metadata["name"], metadata["namespace"]
        self.events.event(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key}")
        try:
            await self.client.patch("Pod", name, patch, namespace, subresource="status", type="strategic")
            await self.client.delete("Pod", name, namespace, uid=metadata["uid"])
        except ApiError as error:
            if error.code != 404:
                raise


def _reasons(pod: Object) -> tuple[object, ...]:
    return node_of(pod), pod["spec"].get("tolerations"), is_active(pod)


def _taints(node: Object) -> list[Object]:
    return (node.get("spec") or {}).get("taints") or []
