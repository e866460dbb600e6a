"""What a home router tells of translations that failed: a metric for each, an event in the journal now and then."""

from actors.element import Context, Counter
from actors.protocols.nat import Nat, Refusal
from actors.units import SECOND
from actors.wire import ipv4
from actors.wire.addresses import ip_text

TIMEOUT = "timeout"
QUIET_NS = 1 * SECOND
"""Between two events about the same shortage: who scans the Internet must not fill the journal."""


class NatFailures:
    """Counts by reason, and says when a shortage begins and how many packets it has cost since it was last told."""

    def __init__(self, context: Context, nat: Nat) -> None:
        self._context = context
        self._nat = nat
        self._counters = {
            reason: context.metrics.counter("journey_nat_failures_total", router=context.name, reason=reason)
            for reason in (Refusal.TABLE_FULL.value, Refusal.PORT_EXHAUSTED.value, TIMEOUT)
        }
        self._untold = dict.fromkeys(self._counters, 0)
        self._quiet_until_ns = dict.fromkeys(self._counters, 0)

    def timed_out(self) -> None:
        """An open connection was forgotten."""
        self._counters[TIMEOUT].value += 1

    def refused(self, refusal: Refusal, packet: ipv4.Packet) -> None:
        """A packet was not translated; only those for want of room or ports are failures."""
        reason, now_ns = refusal.value, self._context.now_ns()
        counter: Counter | None = self._counters.get(reason)
        if counter is None:
            return
        counter.value += 1
        self._untold[reason] += 1
        if now_ns >= self._quiet_until_ns[reason]:
            self._quiet_until_ns[reason] = now_ns + QUIET_NS
            self._tell(reason, packet)

    def _tell(self, reason: str, packet: ipv4.Packet) -> None:
        settings, protocol = self._nat.settings, packet.protocol
        self._context.event(
            "nat.exhausted",
            reason=reason,
            protocol=ipv4.NAMES[protocol],
            source=ip_text(packet.source),
            destination=ip_text(packet.destination),
            refused=self._untold[reason],
            sessions=len(self._nat),
            session_limit=settings.max_mappings,
            ports_used=self._nat.ports_used(protocol),
            ports=len(settings.ports) if protocol != ipv4.ICMP else 0x10000,
        )
        self._untold[reason] = 0
