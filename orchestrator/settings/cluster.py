"""Requests to a world's API server from where its elements can be asked directly."""

from typing import Any

from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError
from orchestrator.kubernetes.cluster import API_SERVER, MERGE, USER, Object
from orchestrator.settings.words import Calls


def server_of(world: Calls) -> str | None:
    """The API server's element, if there is one."""
    return next((name for name, kind in world.kinds().items() if kind == API_SERVER), None)


class AsyncCluster:
    """As `orchestrator.kubernetes.cluster.Cluster`, on an event loop."""

    def __init__(self, world: Calls, server: str) -> None:
        self._world, self._server = world, server

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        **query: str,
    ) -> Object:
        """Any request. Returns the answer's body; raises `ApiError`."""
        answer = await self._world.call(
            self._server,
            "request",
            method=method,
            path=path,
            query=query,
            body=body,
            content_type=content_type,
            user=USER,
        )
        value: Object = answer["body"]
        if answer["code"] >= 400:
            raise ApiError.of(value)
        return value

    async def get(self, kind: str, name: str, namespace: str) -> Object:
        return await self.request("GET", BY_KIND[kind].path(namespace, name))

    async def every(self, kind: str, namespace: str | None = None) -> list[Object]:
        items: list[Object] = (await self.request("GET", BY_KIND[kind].path(namespace)))["items"]
        return items

    async def patch(
        self, kind: str, name: str, change: Object, namespace: str, subresource: str | None = None
    ) -> Object:
        """Merge a change into an object."""
        path = BY_KIND[kind].path(namespace, name, subresource)
        return await self.request("PATCH", path, change, content_type=MERGE, fieldManager="journey")

    async def pods_of(self, deployment: str, namespace: str = "default") -> list[str]:
        """The names of a deployment's pods in order, without those that are on their way out."""
        sets = [
            each["metadata"]["uid"]
            for each in await self.every("ReplicaSet", namespace)
            if _is_owned(each, "Deployment", "name", [deployment])
        ]
        return sorted(
            pod["metadata"]["name"]
            for pod in await self.every("Pod", namespace)
            if "deletionTimestamp" not in pod["metadata"] and _is_owned(pod, "ReplicaSet", "uid", sets)
        )


def _is_owned(value: Object, kind: str, key: str, owners: list[str]) -> bool:
    return any(
        owner["kind"] == kind and owner[key] in owners
        for owner in value["metadata"].get("ownerReferences", ())
    )
