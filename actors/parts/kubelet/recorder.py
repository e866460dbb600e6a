"""The kubelet's events about pods and its node."""

from collections import deque
from typing import Protocol

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.protocols.kubelet.containers import Container, Object
from actors.protocols.kubelet.texts import api_time

RETRY_S = 0.5


class Events(Protocol):
    """Writes Kubernetes events down, sooner or later; see `parts/kubernetes/events.py`."""

    def event(self, regarding: Object, type: str, reason: str, message: str) -> None: ...


def reference(pod: Object, container: Container | None = None) -> Object:
    """`involvedObject` of an event about a pod, or about one of its containers."""
    metadata = pod["metadata"]
    found = {
        "kind": "Pod",
        "apiVersion": "v1",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    if container is not None:
        field = "initContainers" if container.is_init else "containers"
        found["fieldPath"] = f"spec.{field}{{{container.name}}}"
    return found


class ApiEvents:
    """Posts events to the API one after the other; an API server that is away gets them later."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._context, self._client = context, client
        self._waiting: deque[Object] = deque()
        self._busy = False

    def event(self, regarding: Object, type: str, reason: str, message: str) -> None:
        now = api_time(self._context.unix_ns())
        namespace = regarding.get("namespace", "default")
        name = f"{regarding['name']}.{self._context.random.getrandbits(64):016x}"
        self._waiting.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": regarding,
                "type": type,
                "reason": reason,
                "message": message,
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "source": {"component": "kubelet", "host": self._context.name},
            }
        )
        if not self._busy:
            self._busy = True
            self._context.spawn(self._post(), "events")

    async def _post(self) -> None:
        while self._waiting:
            try:
                await self._client.create("Event", self._waiting[0])
                self._waiting.popleft()
            except CallFailed:
                await self._context.sleep(RETRY_S)
            except ApiError:
                self._waiting.popleft()
        self._busy = False
