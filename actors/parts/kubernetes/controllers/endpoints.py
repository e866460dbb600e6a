"""Keeps the Endpoints objects, which older programs read (k8s.io/kubernetes: pkg/controller/endpoint)."""

from actors.parts.kubernetes.client import ApiError
from actors.parts.kubernetes.controllers.frame import Cluster, Controller, namespace_of
from actors.parts.kubernetes.controllers.service_pods import ServicePods
from actors.protocols.kubernetes.workloads.endpoints import OLD_MANAGED_BY, old_endpoints, wants_endpoints


class EndpointsController(Controller):
    """One Endpoints object for each Service, of the same name; it goes with the Service."""

    name = "endpoint-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._services = cluster.watchers.of("Service")
        self._endpoints = cluster.watchers.of("Endpoints")
        self._service_pods = ServicePods(self)
        self.follow("Endpoints")

    async def reconcile(self, key: str) -> None:
        service, found = self._services.get(key), self._endpoints.get(key)
        if service is None:
            if found is not None and OLD_MANAGED_BY in (found["metadata"].get("labels") or {}):
                await self._delete(key)
            return
        if not wants_endpoints(service):
            return
        wanted = old_endpoints(service, self._service_pods.pods(service))
        if found is None:
            await self._create(wanted)
        elif (found.get("subsets") or []) != wanted["subsets"] or (
            found["metadata"].get("labels") != wanted["metadata"]["labels"]
        ):
            labels = {"labels": wanted["metadata"]["labels"]}
            await self.client.update("Endpoints", {**wanted, "metadata": {**found["metadata"], **labels}})

    async def _create(self, wanted: dict[str, object]) -> None:
        try:
            await self.client.create("Endpoints", wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":  # then the copy is only late
                raise

    async def _delete(self, key: str) -> None:
        try:
            await self.client.delete("Endpoints", key.partition("/")[2], namespace_of(key))
        except ApiError as error:
            if error.code != 404:
                raise
