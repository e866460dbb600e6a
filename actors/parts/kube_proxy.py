"""kube-proxy on a node: follows Services and EndpointSlices, and writes what they mean into the kernel."""

from collections.abc import Callable, ValuesView

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.kubernetes.informer import Informer
from actors.protocols.service_proxy import ServiceTable, proxied
from actors.units import SECOND

USER = "system:kube-proxy"
MIN_SYNC_NS = SECOND
"""Changes within so long after the last writing wait and are written together (`minSyncPeriod` of iptables mode)."""


class KubeProxy:
    """Keeps a node's service table as the API server has it; while that is away, as it was."""

    def __init__(
        self, context: Context, client: KubeClient, node: str, write: Callable[[ServiceTable], None]
    ) -> None:
        self._context, self._node, self._write = context, node, write
        self._services = Informer(context, client, "Service", self._services_changed)
        self._slices = Informer(context, client, "EndpointSlice", self._endpoints_changed)
        self._table = ServiceTable()
        self._written_ns = -MIN_SYNC_NS
        self._waits = False
        self._endpoints_since_ns: int | None = None
        metrics = context.metrics
        self._took = (
            metrics.histogram("journey_kube_endpoint_propagation_seconds", consumer="kube_proxy"),
            metrics.histogram("kubeproxy_network_programming_duration_seconds"),
        )

    def start(self) -> None:
        self._services.start()
        self._slices.start()

    def services(self) -> ValuesView[Object] | None:
        """The Services that there are; None before they have been read for the first time."""
        return self._services.all() if self._services.synced else None

    def _services_changed(self, before: Object | None, now: Object | None) -> None:
        self._changed(before, now)

    def _endpoints_changed(self, before: Object | None, now: Object | None) -> None:
        if self._changed(before, now) and self._endpoints_since_ns is None:
            self._endpoints_since_ns = self._context.now_ns()

    def _changed(self, before: Object | None, now: Object | None) -> bool:
        """Whether there is something new to write."""
        if before is not None and now is not None and _content(before) == _content(now):
            return False
        if not self._waits:
            self._waits = True
            when_ns = max(self._written_ns + MIN_SYNC_NS, self._context.now_ns())
            self._context.call_at(when_ns, self._sync)
        return True

    def _sync(self) -> None:
        self._waits = False
        if not (self._services.synced and self._slices.synced):
            self._context.call_at(self._context.now_ns() + MIN_SYNC_NS // 100, self._sync)
            self._waits = True
            return
        self._written_ns = self._context.now_ns()
        table = proxied(self._services.all(), self._slices.all(), self._node)
        self._table = table.take_over(self._table)
        self._write(self._table)
        since_ns, self._endpoints_since_ns = self._endpoints_since_ns, None
        if since_ns is not None:
            for histogram in self._took:
                histogram.observe((self._context.now_ns() - since_ns) / SECOND)


def _content(value: Object) -> tuple[object, ...]:
    """What of a Service or slice matters to packets."""
    return value.get("spec"), value.get("endpoints"), value.get("ports"), value["metadata"].get("labels")
