"""Events for `kubectl describe` and `kubectl get events`: told now, written in the background, in order."""

from collections import deque

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.protocols.kubernetes.event_series import EventSeries

TRIES = 12
"""How often one is sent before it is dropped (client-go: maxTriesPerEvent)."""
RETRY_S = 0.5
MOST_WAITING = 1000


class EventRecorder:
    """Tells what a component does to an object. `event` never waits and never fails."""

    def __init__(self, context: Context, client: KubeClient, component: str, host: str = "") -> None:
        """`component` and `host` are the source that the events name: `kubelet` on `node-1`."""
        self._context, self._client = context, client
        self._series = EventSeries(component, host)
        self._waiting: deque[Object] = deque()
        self._busy = False
        self._dropped = context.metrics.counter("journey_kube_events_dropped_total", component=component)

    def event(self, value: Object, type: str, reason: str, message: str) -> None:
        """Tell of an object; type is Normal or Warning."""
        told = self._series.tell(value, type, reason, message, self._context.unix_ns())
        if told is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped.value += 1
            return
        self._waiting.append(told)
        if not self._busy:
            self._busy = True
            self._context.spawn(self._send_all(), "events")

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send(self._waiting.popleft())
        finally:
            self._busy = False

    async def _send(self, event: Object) -> None:
        for _ in range(TRIES):
            try:
                await self._write(event)
                return
            except CallFailed:
                await self._context.sleep(RETRY_S)
            except ApiError:  # the namespace has gone, or the like: nobody would look for it
                break
        self._dropped.value += 1

    async def _write(self, event: Object) -> None:
        metadata = event["metadata"]
        if event["count"] > 1:
            news = {name: event[name] for name in ("count", "lastTimestamp", "message")}
            try:
                await self._client.patch("Event", metadata["name"], news, metadata["namespace"])
                return
            except ApiError as error:
                if error.code != 404:
                    raise
        try:
            await self._client.create("Event", event)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
