"""Gives every pod a node (k8s.io/kubernetes: pkg/scheduler).

How this works. Decisions are made one after the other, on accounts of the nodes that are kept up to date by every pod
that comes and goes. A pod is counted on its node from the moment of the decision on; the API server is told beside
that, so that the next decision need not wait for it. When that fails the pod is taken off the account and comes again.
"""

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.kubernetes.scheduling_queue import SchedulingQueue, Waiting
from actors.parts.kubernetes.watched import Watchers
from actors.protocols.kubernetes.scheduling.demand import Demand, demand_of
from actors.protocols.kubernetes.scheduling.filters import Refusal, refusal, told
from actors.protocols.kubernetes.scheduling.nodes import Nodes
from actors.protocols.kubernetes.scheduling.scores import best
from actors.protocols.kubernetes.scheduling.topology import spreads
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.pods import condition, has_ended, is_terminating, node_of
from actors.units import SECOND

NAME = "default-scheduler"
AT_ONCE = 100
"""So many decisions are made before others may do something."""
RETRY_S = 0.25


class Scheduler:
    """Filters, scores, and binds."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._context, self._client = context, client
        self._watchers = Watchers(context, client)
        self._pods, self._node_objects = self._watchers.of("Pod"), self._watchers.of("Node")
        self._events = EventRecorder(context, client, NAME)
        self._attempts = {
            result: context.metrics.counter("journey_kube_scheduler_attempts_total", result=result)
            for result in ("scheduled", "unschedulable", "error")
        }
        self.nodes = Nodes()
        self.queue = SchedulingQueue(context)
        self._node_objects.listen(self._on_node)
        self._pods.listen(self._on_pod)

    def start(self) -> None:
        self._watchers.start()
        self._context.spawn(self._run(), "scheduler")

    # ---- what has happened -----------------------------------------------------------------------------------

    def _on_node(self, before: Object | None, now: Object | None) -> None:
        if now is None:
            self.nodes.remove_node((before or {})["metadata"]["name"])
        elif before is None or _offers(before) != _offers(now):
            self.nodes.set_node(now)
            self.queue.something_happened()

    def _on_pod(self, before: Object | None, now: Object | None) -> None:
        uid = (now or before or {})["metadata"]["uid"]
        if now is None or has_ended(now):
            self.queue.remove(uid)
            if self.nodes.place_of(uid) is not None:
                self.nodes.remove_pod(uid)
                self.queue.something_happened()
        elif node := node_of(now):
            self.queue.remove(uid)
            if self.nodes.place_of(uid) != node or self._counts_otherwise(uid, now):
                self.nodes.add_pod(node, demand_of(now))
        elif is_terminating(now):
            self.queue.remove(uid)
        elif self.nodes.place_of(uid) is None and _is_ours(now):
            self.queue.add(now)

    def _counts_otherwise(self, uid: str, pod: Object) -> bool:
        known = self.nodes.demand(uid)
        labels = pod["metadata"].get("labels") or {}
        return known is None or (known.going, known.labels) != (is_terminating(pod), labels)

    # ---- decisions -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        await self._watchers.synced()
        decided = 0
        while True:
            waiting, mark = await self.queue.get()
            pod = self._pods.get(waiting.key)
            if pod is None or pod["metadata"]["uid"] != waiting.uid:
                self.queue.remove(waiting.uid)
                continue
            self._decide(waiting, mark, pod)
            decided += 1
            if decided % AT_ONCE == 0:
                await self._context.sleep(0)

    def _decide(self, waiting: Waiting, mark: int, pod: Object) -> None:
        demand = demand_of(pod)
        nodes, fitting, refusals = self.nodes.all(), [], {}
        constraints = spreads(demand, nodes)
        for info in nodes:
            said = refusal(demand, info, constraints)
            if said is None:
                fitting.append(info)
            else:
                refusals[info.name] = said
        if not fitting:
            self._attempts["unschedulable"].value += 1
            self.queue.put_aside(waiting, mark)
            self._context.spawn(self._tell(pod, refusals), f"{waiting.key} fits nowhere")
            return
        node = self._context.random.choice(best(demand, fitting, constraints)).name
        self.nodes.add_pod(node, demand)
        self._context.spawn(self._bind(waiting, mark, pod, demand, node), f"bind {waiting.key}")

    async def _bind(self, waiting: Waiting, mark: int, pod: Object, demand: Demand, node: str) -> None:
        metadata = pod["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": waiting.uid},
            "target": {"kind": "Node", "name": node},
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
        while True:
            try:
                await self._client.request("POST", path, body)
                break
            except CallFailed:  # it may have been carried out: only the same again is safe
                await self._context.sleep(RETRY_S)
            except ApiError as error:
                self._could_not_bind(waiting, mark, pod, error)
                return
        self._attempts["scheduled"].value += 1
        self.queue.remove(waiting.uid)
        message = f"Successfully assigned {waiting.key} to {node}"
        self._events.event(pod, "Normal", "Scheduled", message)

    def _could_not_bind(self, waiting: Waiting, mark: int, pod: Object, error: ApiError) -> None:
        now = self._pods.get(waiting.key)
        if now is not None and now["metadata"]["uid"] == waiting.uid and node_of(now):
            return  # it has its node, if only by an earlier request that got no answer
        self._attempts["error"].value += 1
        self.nodes.remove_pod(waiting.uid)
        if error.code == 404:
            self.queue.remove(waiting.uid)
            return
        self.queue.put_aside(waiting, -1)
        message = f'binding rejected: running Bind plugin "DefaultBinder": {error.message}'
        self._events.event(pod, "Warning", "FailedScheduling", message)

    async def _tell(self, pod: Object, refusals: dict[str, Refusal]) -> None:
        """Say in the pod's status and in an event why it has no node."""
        message = told(refusals)
        self._events.event(pod, "Warning", "FailedScheduling", message)
        old = condition(pod, "PodScheduled")
        wanted = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        if old is not None and wanted.items() <= old.items():
            return
        now = rfc3339(self._context.unix_ns() / SECOND)
        since = old["lastTransitionTime"] if old is not None and old["status"] == "False" else now
        patch = {"status": {"conditions": [{**wanted, "lastProbeTime": None, "lastTransitionTime": since}]}}
        metadata = pod["metadata"]
        try:
            await self._client.patch(
                "Pod",
                metadata["name"],
                {"metadata": {"uid": metadata["uid"]}, **patch},
                metadata["namespace"],
                subresource="status",
                type="strategic",
            )
        except (ApiError, CallFailed):
            pass  # it is said again with the next attempt


def _is_ours(pod: Object) -> bool:
    return bool(pod["spec"].get("schedulerName", NAME) == NAME)


def _offers(node: Object) -> tuple[object, ...]:
    """What decisions depend on."""
    spec = node.get("spec") or {}
    return (
        node["metadata"].get("labels"),
        spec.get("taints"),
        spec.get("unschedulable"),
        (node.get("status") or {}).get("allocatable"),
    )
