"""Keeps as many pods as each ReplicaSet asks for (k8s.io/kubernetes: pkg/controller/replicaset)."""

from collections.abc import Sequence

from actors.element import CallFailed
from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.parts.kubernetes.controllers.owned_pods import OwnedPods
from actors.protocols.kubernetes.workloads.owners import controller_uid
from actors.protocols.kubernetes.workloads.pod_template import pod_from
from actors.protocols.kubernetes.workloads.pods import is_active
from actors.protocols.kubernetes.workloads.replica_sets import BURST, Failure, report
from actors.protocols.kubernetes.workloads.rolling import wanted
from actors.protocols.kubernetes.workloads.victims import victims


class ReplicaSetController(Controller):
    """Pods that end or go are replaced; what is too many is deleted."""

    name = "replicaset-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._sets = cluster.watchers.of("ReplicaSet")
        self._sets.index("owner", lambda each: (controller_uid(each) or each["metadata"]["uid"],))
        self._owned = OwnedPods(self, "ReplicaSet")
        self.follow("ReplicaSet")

    async def reconcile(self, key: str) -> None:
        replica_set = self._sets.get(key)
        if replica_set is None:
            return
        count = await self._owned.certain(key)
        pods = [pod for pod in await self._owned.claim(replica_set) if is_active(pod)]
        failure, error = None, None
        if count and "deletionTimestamp" not in replica_set["metadata"]:
            try:
                await self._adjust(replica_set, pods)
            except (ApiError, CallFailed) as caught:
                error = caught
                failure = Failure(
                    "FailedCreate" if len(pods) < wanted(replica_set) else "FailedDelete", str(caught)
                )
        await self._report(key, replica_set, pods, None if isinstance(error, CallFailed) else failure)
        if error is not None:
            raise error

    async def _adjust(self, replica_set: Object, pods: Sequence[Object]) -> None:
        missing = wanted(replica_set) - len(pods)
        if missing > 0:
            pod = pod_from(replica_set["spec"]["template"], replica_set, "ReplicaSet")
            await self._owned.change(replica_set, [pod] * min(missing, BURST), ())
        elif missing < 0:
            related, now_s = self._related(replica_set), self.cluster.now_s()
            await self._owned.change(replica_set, (), victims(pods, related, min(-missing, BURST), now_s))

    def _related(self, replica_set: Object) -> list[Object]:
        """The pods of all ReplicaSets of the same Deployment."""
        owner = controller_uid(replica_set) or replica_set["metadata"]["uid"]
        pods = self.cluster.watchers.of("Pod")
        return [
            pod for each in self._sets.by("owner", owner) for pod in pods.by("owner", each["metadata"]["uid"])
        ]

    async def _report(
        self, key: str, replica_set: Object, pods: Sequence[Object], failure: Failure | None
    ) -> None:
        status, again_in = report(replica_set, pods, failure, self.cluster.now_s())
        if again_in is not None:
            self.queue.add_after(key, again_in)
        if status != (replica_set.get("status") or {}):
            await self.client.update("ReplicaSet", {**replica_set, "status": status}, "status")
