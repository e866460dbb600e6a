"""The cluster of a running world: requests to its API server, through the world's own socket."""

from typing import Any, Protocol

from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError

Object = dict[str, Any]

USER = "kubernetes-admin"
MERGE = "application/merge-patch+json"
API_SERVER = "kube_api"


class NoCluster(LookupError):
    """The world has no API server."""


class Session(Protocol):
    """A world to ask."""

    def request(self, verb: str, /, **arguments: Any) -> Any: ...


class Cluster:
    """Requests to the API server. They raise `ApiError` if it refuses, and `RequestFailed` while it is away."""

    def __init__(self, session: Session) -> None:
        """Raises `NoCluster`."""
        self._session = session
        elements = session.request("ps")["elements"]
        servers = [element["name"] for element in elements if element["kind"] == API_SERVER]
        if not servers:
            raise NoCluster("this world has no Kubernetes API server (an element of kind kube_api)")
        self._server = servers[0]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Any request. Returns the answer's body."""
        arguments = {
            "method": method,
            "path": path,
            "query": query or {},
            "body": body,
            "content_type": content_type,
            "user": USER,
        }
        answer = self._session.request("call", element=self._server, verb="request", arguments=arguments)
        value: Object = answer["body"]
        if answer["code"] >= 400:
            raise ApiError.of(value)
        return value

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        return self.request("GET", BY_KIND[kind].path(namespace, name))

    def list(self, kind: str, namespace: str | None = None, **selectors: str) -> list[Object]:
        """`labelSelector=`, `fieldSelector=`"""
        items: list[Object] = self.request("GET", BY_KIND[kind].path(namespace), query=selectors)["items"]
        return items

    def patch(
        self,
        kind: str,
        name: str,
        change: Object,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        manager: str = "journey",
    ) -> Object:
        """Merge a change into an object."""
        path = BY_KIND[kind].path(namespace, name, subresource)
        return self.request("PATCH", path, change, query={"fieldManager": manager}, content_type=MERGE)
