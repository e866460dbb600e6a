"""How long pods waited for their addresses, and why an ADD failed."""

from actors.element import Context
from actors.protocols import cni
from actors.protocols.cni import CniError
from actors.units import SECOND

NO_ADDRESS = "no_available_ip_addresses"
_REASONS = {
    cni.TRY_AGAIN_LATER: "not_ready",
    cni.INTERNAL: NO_ADDRESS,
    cni.NOT_AS_ADDED: "already_added",
}
OTHER = "setup_network"

MOST_WAITING = 1000
"""Pods that are remembered to wait; of those whose kubelet has given up nobody hears again."""


class AddMetrics:
    """Follows the ADDs of each pod. One that found the pool empty had to wait for an interface or more addresses."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: dict[str, int] = {}
        metrics = context.metrics
        self._took = {
            path: metrics.histogram("journey_cni_assign_duration_seconds", path=path)
            for path in ("warm", "attach_eni")
        }
        self._failures = {
            reason: metrics.counter("journey_cni_assign_failures_total", reason=reason)
            for reason in sorted({*_REASONS.values(), OTHER})
        }

    def succeeded(self, pod: str, began_ns: int) -> None:
        """An ADD that began then has given the pod an address."""
        first_ns = self._waiting.pop(pod, None)
        path = "warm" if first_ns is None else "attach_eni"
        waited_ns = self._context.now_ns() - (began_ns if first_ns is None else first_ns)
        self._took[path].observe(waited_ns / SECOND)

    def failed(self, pod: str, error: CniError) -> None:
        """An ADD has failed; the kubelet will try again."""
        reason = _REASONS.get(error.code, OTHER)
        self._failures[reason].value += 1
        if reason == NO_ADDRESS:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.clear()
            self._waiting.setdefault(pod, self._context.now_ns())

    def forget(self, pod: str) -> None:
        """The pod's address is not wanted any more."""
        self._waiting.pop(pod, None)
