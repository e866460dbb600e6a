"""Events are forgotten an hour after they were last written (kube-apiserver --event-ttl)."""

from actors.parts.kubernetes.apiserver.registry import Registry
from actors.units import SECOND

EVENT_TTL_NS = 3600 * SECOND
SWEEP_S = 60.0


async def expire_events(registry: Registry) -> None:
    """Sweep for ever."""
    while True:
        await registry.context.sleep(SWEEP_S)
        old_ns = registry.now_ns() - EVENT_TTL_NS
        for stored in list(registry.store.versions("Event")):
            if stored.written_ns < old_ns:
                registry.store.delete("Event", stored.object)
