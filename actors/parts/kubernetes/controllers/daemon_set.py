"""Keeps one pod of each DaemonSet on every node that it is for (k8s.io/kubernetes: pkg/controller/daemon)."""

from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.parts.kubernetes.controllers.owned_pods import OwnedPods
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.workloads import daemon_sets as rules
from actors.protocols.kubernetes.workloads.owners import controller_uid
from actors.protocols.kubernetes.workloads.replica_sets import BURST

FAILED_AGAIN_S = 1.0
"""How long a node whose pod has failed waits for the next one; it doubles up to 15 minutes."""
FAILED_MOST_S = 900.0


class DaemonSetController(Controller):
    """Pods come and go with the nodes; a new template replaces them node by node."""

    name = "daemonset-controller"
    workers = 2

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._sets = cluster.watchers.of("DaemonSet")
        self._nodes = cluster.watchers.of("Node")
        self._nodes.listen(self._on_node)
        self._revisions = cluster.watchers.of("ControllerRevision")
        self._revisions.index("owner", lambda each: (controller_uid(each),))
        self._owned = OwnedPods(self, "DaemonSet")
        self._failures: dict[str, tuple[int, float]] = {}
        self.follow("DaemonSet")

    def _on_node(self, before: Object | None, now: Object | None) -> None:
        if before is not None and now is not None and _nature(before) == _nature(now):
            return
        self.queue.add_all(key_of(each) for each in self._sets.all())

    async def reconcile(self, key: str) -> None:
        daemon_set = self._sets.get(key)
        if daemon_set is None:
            return
        if daemon_set["spec"].get("selector") == {}:
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            self.events.event(daemon_set, "Warning", "SelectingAll", message)
            return
        certain = await self._owned.certain(key)
        pods = await self._by_node(daemon_set)
        if "deletionTimestamp" in daemon_set["metadata"]:
            return
        current = await self._current_revision(daemon_set)
        if certain:
            await self._adjust(key, daemon_set, pods, rules.hash_of(current))
        await self._clean_up(daemon_set, current, pods)
        await self._report(key, daemon_set, pods, rules.hash_of(current))

    def _node_list(self) -> list[Object]:
        return sorted(self._nodes.all(), key=key_of)

    async def _by_node(self, daemon_set: Object) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = {}
        for pod in sorted(await self._owned.claim(daemon_set), key=key_of):
            found.setdefault(rules.target_of(pod), []).append(pod)
        return found

    # ---- pods ------------------------------------------------------------------------------------------------

    async def _adjust(self, key: str, daemon_set: Object, pods: dict[str, list[Object]], hashed: str) -> None:
        nodes = self._node_list()
        wanted = rules.changes(daemon_set, nodes, pods, hashed)
        delete = [pod for pod in wanted.delete if not self._must_wait(key, daemon_set, pod, wanted)]
        create = wanted.create
        rolling = (daemon_set["spec"].get("updateStrategy") or {}).get(
            "type", "RollingUpdate"
        ) == "RollingUpdate"
        if rolling and not create and not delete:
            more = rules.replacements(daemon_set, nodes, pods, hashed, self.cluster.now_s())
            create, delete = more.create, more.delete
        if create or delete:
            new = [rules.daemon_pod(daemon_set, node, hashed) for node in create[:BURST]]
            await self._owned.change(daemon_set, new, delete[:BURST])

    def _must_wait(self, key: str, daemon_set: Object, pod: Object, wanted: rules.Changes) -> bool:
        """A pod that has failed is replaced, but not again and again without a pause."""
        if pod not in wanted.failed:
            return False
        place, now_s = f"{key}/{rules.target_of(pod)}", self.cluster.now_s()
        count, not_before_s = self._failures.get(place, (0, 0.0))
        if now_s < not_before_s:
            self.queue.add_after(key, not_before_s - now_s)
            return True
        pause_s = min(FAILED_AGAIN_S * 2.0**count, FAILED_MOST_S)
        self._failures[place] = (count + 1, now_s + pause_s)
        message = f"Found failed daemon pod {key_of(pod)} on node {rules.target_of(pod)}, will try to kill it"
        self.events.event(daemon_set, "Warning", "FailedDaemonPod", message)
        return False

    # ---- revisions -------------------------------------------------------------------------------------------

    async def _current_revision(self, daemon_set: Object) -> Object:
        """The revision that has the present template, with the highest number; made if there is none."""
        revisions = self._revisions.by("owner", daemon_set["metadata"]["uid"])
        data = rules.revision_data(daemon_set)
        latest = max((each["revision"] for each in revisions), default=0)
        found = next((each for each in revisions if each.get("data") == data), None)
        if found is None:
            return await self._create_revision(daemon_set, latest + 1)
        if found["revision"] < latest:
            metadata = found["metadata"]
            patch = {
                "metadata": {"resourceVersion": metadata["resourceVersion"]},
                "revision": latest + 1,
            }
            name, namespace = metadata["name"], metadata["namespace"]
            return await self.client.patch("ControllerRevision", name, patch, namespace)
        return found

    async def _create_revision(self, daemon_set: Object, number: int) -> Object:
        status = daemon_set.get("status") or {}
        value = rules.new_revision(daemon_set, number, status.get("collisionCount"))
        try:
            return await self.client.create("ControllerRevision", value)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        metadata = value["metadata"]
        found = await self.client.get("ControllerRevision", metadata["name"], metadata["namespace"])
        if found.get("data") == value["data"] and controller_uid(found) == daemon_set["metadata"]["uid"]:
            return found
        collided = {**status, "collisionCount": status.get("collisionCount", 0) + 1}
        await self.client.update("DaemonSet", {**daemon_set, "status": collided}, "status")
        raise ApiError(409, f"the name {metadata['name']} is taken by another revision")

    async def _clean_up(self, daemon_set: Object, current: Object, pods: dict[str, list[Object]]) -> None:
        revisions = self._revisions.by("owner", daemon_set["metadata"]["uid"])
        for each in rules.superfluous_revisions(daemon_set, revisions, current, pods):
            try:
                await self.client.delete(
                    "ControllerRevision", each["metadata"]["name"], each["metadata"]["namespace"]
                )
            except ApiError as error:
                if error.code != 404:
                    raise

    # ---- status ----------------------------------------------------------------------------------------------

    async def _report(self, key: str, daemon_set: Object, pods: dict[str, list[Object]], hashed: str) -> None:
        old = daemon_set.get("status") or {}
        status, again_in = rules.report(daemon_set, self._node_list(), pods, hashed, self.cluster.now_s())
        if again_in is not None:
            self.queue.add_after(key, again_in)
        if old.get("collisionCount"):
            status["collisionCount"] = old["collisionCount"]
        if status != old:
            await self.client.update("DaemonSet", {**daemon_set, "status": status}, "status")


def _nature(node: Object) -> tuple[object, ...]:
    spec = node.get("spec") or {}
    return node["metadata"].get("labels"), spec.get("taints"), spec.get("unschedulable")
