"""Writes down which addresses are behind each Service (k8s.io/kubernetes: pkg/controller/endpointslice)."""

from actors.element import CallFailed
from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller, namespace_of
from actors.parts.kubernetes.controllers.service_pods import ServicePods
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.workloads import endpoints as rules
from actors.units import SECOND

STALE_NS = 30 * SECOND
LOOK_AGAIN_S = 1.0


class EndpointSliceController(Controller):
    """A Service's slices follow its pods, those that are not ready or about to go included."""

    name = "endpoint-slice-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._services = cluster.watchers.of("Service")
        self._nodes = cluster.watchers.of("Node")
        self._slices = cluster.watchers.of("EndpointSlice")
        self._slices.index("service", _service_keys)
        self._slices.listen(self._on_slice)
        self._nodes.listen(self._on_node)
        self._service_pods = ServicePods(self)
        self._written: dict[str, dict[str, tuple[int, int]]] = {}
        """By Service: the version of each slice that must have been seen before the next look, and since when."""
        self._doubtful: set[str] = set()

    def _on_slice(self, before: Object | None, now: Object | None) -> None:
        for key in _service_keys(now or before or {}):
            if now is None and before is not None:
                self._written.get(key, {}).pop(before["metadata"]["name"], None)
            self.queue.add(key)

    def _on_node(self, before: Object | None, now: Object | None) -> None:
        if _zone(before) != _zone(now):
            self._service_pods.add_all()

    async def reconcile(self, key: str) -> None:
        if key in self._doubtful:
            await self._slices.catch_up(namespace_of(key))
            self._doubtful.discard(key)
            self._written.pop(key, None)
        service = self._services.get(key)
        if service is None or "deletionTimestamp" in service["metadata"]:
            self._written.pop(key, None)
            return
        slices = self._slices.by("service", key)
        if not rules.wants_endpoints(service):
            for each in slices:
                await self._delete(key, each)
            return
        if self._is_stale(key):
            self.queue.add_after(key, LOOK_AGAIN_S)
            return
        pods = self._service_pods.pods(service)
        zones = {node["metadata"]["name"]: zone for node in self._nodes.all() if (zone := _zone(node))}
        await self._carry_out(key, rules.plan(service, pods, zones, slices))

    async def _carry_out(self, key: str, plan: rules.Plan) -> None:
        try:
            for each in plan.create:
                self._remember(key, await self.client.create("EndpointSlice", each))
            for each in plan.update:
                self._remember(key, await self.client.update("EndpointSlice", each))
            for each in plan.delete:
                await self._delete(key, each)
        except CallFailed:
            self._doubtful.add(key)
            raise

    def _remember(self, key: str, written: Object) -> None:
        metadata = written["metadata"]
        seen = (int(metadata["resourceVersion"]), self.cluster.context.now_ns())
        self._written.setdefault(key, {})[metadata["name"]] = seen

    def _is_stale(self, key: str) -> bool:
        """Not all that was written has been seen."""
        now_ns = self.cluster.context.now_ns()
        for name, (version, since_ns) in self._written.get(key, {}).items():
            seen = self._slices.get(f"{namespace_of(key)}/{name}")
            old = seen is None or int(seen["metadata"]["resourceVersion"]) < version
            if old and now_ns - since_ns < STALE_NS:
                return True
        return False

    async def _delete(self, key: str, value: Object) -> None:
        metadata = value["metadata"]
        self._written.get(key, {}).pop(metadata["name"], None)
        try:
            await self.client.delete(
                "EndpointSlice", metadata["name"], metadata["namespace"], uid=metadata["uid"]
            )
        except ApiError as error:
            if error.code != 404:
                raise

    def failed(self, key: str, error: ApiError) -> None:
        service = self._services.get(key)
        if service is not None and error.code != 409:
            message = f"Error updating Endpoint Slices for Service {key}: {error.message}"
            self.events.event(service, "Warning", "FailedToUpdateEndpointSlices", message)


def _service_keys(value: Object) -> tuple[str, ...]:
    labels = value["metadata"].get("labels") or {}
    if labels.get(rules.MANAGED_BY) != rules.MANAGER or rules.SERVICE_NAME not in labels:
        return ()
    return (f"{namespace_of(key_of(value))}/{labels[rules.SERVICE_NAME]}",)


def _zone(node: Object | None) -> str | None:
    labels = {} if node is None else node["metadata"].get("labels") or {}
    zone = labels.get(rules.ZONE)
    return None if zone is None else str(zone)
