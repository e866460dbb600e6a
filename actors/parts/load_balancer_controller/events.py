"""Events about an object, as `kubectl describe` shows them: the same again within ten minutes only counts up."""

from typing import NamedTuple

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.units import SECOND

WINDOW_NS = 600 * SECOND
"""Events are the same within this time (client-go: tools/record/events_cache.go, defaultAggregateIntervalInSeconds)."""


class _Written(NamedTuple):
    name: str
    times: int
    at_ns: int


class EventRecorder:
    """Tells what a component does to an object. `event` never waits and never fails; what cannot be written is lost."""

    def __init__(self, context: Context, client: KubeClient, component: str) -> None:
        self._context, self._client, self._component = context, client, component
        self._written: dict[tuple[str, ...], _Written] = {}

    def event(self, value: Object, type: str, reason: str, message: str) -> None:
        """Tell of an object; type is Normal or Warning."""
        self._context.spawn(self._record(value, type, reason, message), "event")

    async def _record(self, about: Object, type_: str, reason: str, message: str) -> None:
        metadata, now_ns = about["metadata"], self._context.unix_ns()
        key = (metadata["uid"], type_, reason, message)
        before = self._written.get(key)
        now = rfc3339(now_ns / SECOND)
        try:
            if before is not None and now_ns - before.at_ns < WINDOW_NS:
                self._written[key] = before._replace(times=before.times + 1, at_ns=now_ns)
                again = {"count": before.times + 1, "lastTimestamp": now}
                await self._client.patch("Event", before.name, again, metadata["namespace"])
                return
            name = f"{metadata['name']}.{now_ns:x}"
            self._written[key] = _Written(name, 1, now_ns)
            await self._client.create("Event", self._event(name, about, type_, reason, message, now))
        except (ApiError, CallFailed):
            self._written.pop(key, None)

    def _event(self, name: str, about: Object, type_: str, reason: str, message: str, now: str) -> Object:
        metadata = about["metadata"]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "kind": about["kind"],
                "apiVersion": about["apiVersion"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": type_,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
        }
