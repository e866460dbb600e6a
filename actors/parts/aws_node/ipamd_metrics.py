"""ipamd's numbers, by their own names (aws/amazon-vpc-cni-k8s utils/prometheusmetrics)."""

from collections.abc import Iterator
from contextlib import contextmanager

from actors.element import Context
from actors.protocols.ipam.datastore import DataStore
from actors.protocols.ipam.warm_pool import WarmPool


class IpamdMetrics:
    """Gauges that follow the data store, and counters."""

    def __init__(self, context: Context, store: DataStore, node: str) -> None:
        self._context, self._store, self._node = context, store, node
        self._metrics = metrics = context.metrics
        self.no_available = metrics.counter("awscni_no_available_ip_addresses")
        self.add_requests = metrics.counter("awscni_add_ip_req_count")
        self.force_removed_enis = metrics.counter("awscni_force_removed_enis")
        self.force_removed_ips = metrics.counter("awscni_force_removed_ips")
        self._enis: set[str] = set()
        metrics.on_collect(self._tell_pool)

    def limits(self, pool: WarmPool) -> None:
        """What the node can have."""
        most = pool.most_enis * pool.slots * pool.per_slot
        self._metrics.gauge("journey_cni_ip_limit", node=self._node).value = most
        self._metrics.gauge("awscni_eni_max").value = pool.most_enis
        self._metrics.gauge("awscni_ip_max").value = pool.most_enis * pool.slots * pool.per_slot

    def update(self) -> None:
        """The data store has changed."""
        stats, gauge = self._store.stats(self._context.now_ns()), self._metrics.gauge
        gauge("awscni_eni_allocated").value = len(self._store.enis)
        gauge("awscni_total_ip_addresses").value = stats.total
        gauge("awscni_assigned_ip_addresses").value = stats.assigned
        gauge("awscni_total_ipv4_prefixes").value = stats.prefixes
        for gone in sorted(self._enis.difference(self._store.enis)):
            self._metrics.remove("awscni_assigned_ip_per_eni", eni=gone)
        self._enis = set(self._store.enis)
        for eni in self._store.enis.values():
            assigned = sum(each.holder is not None for each in eni.all())
            gauge("awscni_assigned_ip_per_eni", eni=eni.id).value = assigned
            for prefix, addresses in eni.prefixes.items():
                held = sum(each.holder is not None for each in addresses)
                gauge("awscni_assigned_ip_per_cidr", cidr=prefix).value = held

    def _tell_pool(self) -> None:
        """Addresses cool down by themselves, so nobody says when they have."""
        stats, gauge = self._store.stats(self._context.now_ns()), self._metrics.gauge
        states = {
            "assigned": stats.assigned,
            "cooldown": stats.cooling,
            "warm": stats.total - stats.assigned - stats.cooling,
        }
        for state, addresses in states.items():
            gauge("journey_cni_ip_addresses", node=self._node, state=state).value = addresses
        gauge("journey_cni_enis", node=self._node).value = len(self._store.enis)

    def released(self, reason: str) -> None:
        self._metrics.counter("awscni_del_ip_req_count", reason=reason).value += 1

    def reconciled(self) -> None:
        self._metrics.counter("awscni_reconcile_count", fn="nodeIPPoolReconcile").value += 1

    def error(self, name: str) -> None:
        self._metrics.counter("awscni_ipamd_error_count", fn=name).value += 1

    def initialized(self, took_ns: int) -> None:
        name = "awscni_ipamd_node_initialization_duration_seconds"
        self._metrics.histogram(name, success="true").observe(took_ns / 1e9)

    @contextmanager
    def in_progress(self, name: str) -> Iterator[None]:
        gauge = self._metrics.gauge("awscni_ipamd_action_inprogress", fn=name)
        gauge.value += 1
        try:
            yield
        finally:
            gauge.value -= 1
