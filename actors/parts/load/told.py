"""A load as Prometheus sees it: what was offered, what became of it, and how long it took."""

from collections.abc import Mapping

from actors.bounds import QUEUEING_S
from actors.element import Context
from actors.parts.latencies import Lately
from actors.units import MILLISECOND, SECOND

OUTCOMES = ("ok", "http_4xx", "http_5xx", "timeout", "refused", "reset", "dns_error", "tls_error")
_OUTCOME_OF = {
    "connect_timeout": "timeout",
    "unreachable": "refused",
    "closed": "reset",
    "bad_response": "reset",
    "stream_reset": "reset",
    "goaway": "reset",
    "unprocessed": "refused",
    "no_http2": "tls_error",
}
"""Errors that are not outcomes of their own in `journey_client_requests_total`."""

STATES = ("opening", "idle", "active")
MAX_INFLIGHT = "max_inflight"
"""The one reason for which a request is dropped instead of sent."""


class ClientMetrics:
    """The metrics of one laptop's load, and of the real programs that walk in there. Which scenario a load is part of
    is added by those who know of scenarios."""

    def __init__(self, context: Context) -> None:
        metrics = context.metrics
        self.offered = metrics.counter("journey_client_offered_requests_total")
        self.inflight = metrics.gauge("journey_client_inflight_requests")
        self._planned_rate = metrics.gauge("journey_client_planned_requests_per_second")
        self._planned_users = metrics.gauge("journey_client_planned_users")
        self._lag = metrics.histogram("journey_runtime_generator_lag_seconds", buckets=QUEUEING_S)
        self._changes = {
            do: metrics.counter("journey_client_load_changes_total", change=do)
            for do in ("pause", "resume", "set", "stop")
        }
        self._requests = {
            outcome: metrics.counter("journey_client_requests_total", outcome=outcome) for outcome in OUTCOMES
        }
        self._dropped = {
            MAX_INFLIGHT: metrics.counter("journey_client_dropped_requests_total", reason=MAX_INFLIGHT)
        }
        self._connections = {
            state: metrics.gauge("journey_client_connections", state=state) for state in STATES
        }
        self.visitors = metrics.gauge("journey_client_visitors")
        self.turned_away = metrics.counter("journey_client_visitors_turned_away_total")
        self.tunnels = metrics.counter("journey_client_tunnels_total")
        self.shells = metrics.gauge("journey_client_shells")
        self._latency = metrics.histogram("journey_client_request_duration_seconds")
        self._service = metrics.histogram("journey_client_service_duration_seconds")
        self.lately = Lately()

    def answered(self, status: int, latency_ns: int, service_ns: int, journey: str | None = None) -> None:
        """A complete answer, so long after its request was meant to be sent, and was."""
        outcome = "ok" if status < 400 else "http_4xx" if status < 500 else "http_5xx"
        self._requests[outcome].value += 1
        self._latency.observe(latency_ns / SECOND, journey)
        self._service.observe(service_ns / SECOND, journey)
        self.lately.add(latency_ns)

    def fetched(
        self, status: int, total_ms: float, phase: str | None, error: str | None, journey: str | None
    ) -> None:
        """What became of a browser's request: an answer, or an error and the phase that it came in."""
        if error is None:
            total_ns = round(total_ms * MILLISECOND)
            self.answered(status, total_ns, total_ns, journey)
        elif phase in ("dns", "tls"):
            self.failed(f"{phase}_error")
        elif "timed out" in error or "no answer within" in error:
            self.failed("timeout")
        else:
            self.failed("refused" if phase in ("tcp", "dhcp") else "reset")

    def tell_connections(self, connections: Mapping[str, int]) -> None:
        """How many there are in each state."""
        for state, gauge in self._connections.items():
            gauge.value = connections.get(state, 0)

    def tell_plan(self, rate: float, users: float) -> None:
        """What the load is to be at this moment: requests a second, or users."""
        self._planned_rate.value, self._planned_users.value = rate, users

    def late(self, lag_ns: int) -> None:
        """The generator was so late for something."""
        self._lag.observe(lag_ns / SECOND)

    def changed(self, do: str) -> None:
        """Somebody has changed the load while it ran."""
        self._changes[do].value += 1

    def failed(self, error: str) -> None:
        """There is no answer."""
        self._requests[_OUTCOME_OF.get(error, error)].value += 1

    def dropped(self, reason: str) -> None:
        """A request was not even sent."""
        self._dropped[reason].value += 1
