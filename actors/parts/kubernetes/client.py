"""A client of the Kubernetes API for elements: over the management network, under either clock.

How this works. kubectl and other programs speak HTTPS to the API server; elements put the same requests (method, path,
query, body) into management calls, which both clocks know, and get the same answers. A watch is a long poll: a call
that is answered when something has happened after the resource version that it names, or when its time is over.
Objects are plain dictionaries and belong to whoever got them.
"""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from actors.element import CallFailed, Context
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError

Object = dict[str, Any]

WATCH_S = 15.0
"""How long a poll waits for news; less than what a management call may take."""

PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Listing(NamedTuple):
    """The objects of a collection as of a resource version."""

    items: list[Object]
    resource_version: str


class WatchEvent(NamedTuple):
    """ADDED, MODIFIED or DELETED, and the object as it is then (or was last); for BOOKMARK only its version."""

    type: str
    object: Object


class KubeClient:
    """Requests to the API server. They raise `ApiError` if it refuses, and `CallFailed` while it is away."""

    def __init__(self, context: Context, api: str, user: str) -> None:
        """`user` is who asks: `system:node:node-1`, `system:kube-scheduler`; managers of fields are named after it."""
        self._context, self._api, self._user = context, api, user

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Any request. Returns the answer's body."""
        answer = await self._context.call(
            self._api,
            "request",
            method=method,
            path=path,
            query=query or {},
            body=body,
            content_type=content_type,
            user=self._user,
        )
        if answer["code"] >= 400:
            raise ApiError.of(answer["body"])
        body = answer["body"]
        assert isinstance(body, dict)
        return body

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        return await self.request("GET", BY_KIND[kind].path(namespace, name))

    async def list(
        self, kind: str, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        """All objects of a kind, of one namespace or of all."""
        query = _selectors(label_selector, field_selector)
        answer = await self.request("GET", BY_KIND[kind].path(namespace), query=query)
        return Listing(answer["items"], answer["metadata"]["resourceVersion"])

    async def watch(
        self,
        kind: str,
        resource_version: str,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncGenerator[WatchEvent, None]:
        """What happens after that version, for ever. Raises `ApiError` 410 when that is too long ago: list again."""
        path, query = BY_KIND[kind].path(namespace), _selectors(label_selector, field_selector)
        while True:
            answer = await self._context.call(
                self._api,
                "watch",
                path=path,
                query=query,
                resource_version=resource_version,
                timeout_s=WATCH_S,
                user=self._user,
            )
            if answer.get("code", 200) >= 400:
                raise ApiError.of(answer["body"])
            for event in answer["events"]:
                yield WatchEvent(event["type"], event["object"])
            resource_version = answer["resource_version"]
            yield WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": resource_version}})

    async def create(self, kind: str, value: Object, namespace: str | None = None) -> Object:
        namespace = namespace or value.get("metadata", {}).get("namespace")
        return await self.request("POST", BY_KIND[kind].path(namespace), value)

    async def update(self, kind: str, value: Object, subresource: str | None = None) -> Object:
        """Put the object in the place of what is there; `metadata.resourceVersion` says what that must be."""
        metadata = value["metadata"]
        path = BY_KIND[kind].path(metadata.get("namespace"), metadata["name"], subresource)
        return await self.request("PUT", path, value)

    async def patch(
        self,
        kind: str,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        type: str = "merge",
        force: bool = False,
    ) -> Object:
        """Patch an object; `type` is one of `PATCH_TYPES`. A `metadata.resourceVersion` in it is a precondition."""
        query = {"fieldManager": self._user}
        if force:
            query["force"] = "true"
        path = BY_KIND[kind].path(namespace, name, subresource)
        return await self.request("PATCH", path, patch, query=query, content_type=PATCH_TYPES[type])

    async def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_period_seconds: int | None = None,
        propagation_policy: str | None = None,
    ) -> Object:
        """Delete an object; with `uid`, only if it is that very one (409 otherwise)."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        if propagation_policy is not None:
            options["propagationPolicy"] = propagation_policy
        return await self.request("DELETE", BY_KIND[kind].path(namespace, name), options)


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    query = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {key: value for key, value in query.items() if value}


__all__ = ["PATCH_TYPES", "ApiError", "CallFailed", "KubeClient", "Listing", "Object", "WatchEvent"]
