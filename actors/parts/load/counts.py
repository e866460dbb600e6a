"""What a load has counted: answers by status and by pod, errors by kind, latencies."""

from collections import Counter
from typing import Any

from actors.parts.latencies import LONGEST_US, new_histogram, percentiles_ms
from actors.parts.load.told import ClientMetrics

NOBODY = b"-"
CLIENT_ERRORS = (
    "http_4xx", "http_5xx", "timeout", "connect_timeout", "refused", "reset", "closed", "unreachable", "dns_error",
    "tls_error", "bad_response", "not_retried",
)  # fmt: skip
"""Every kind of error that is counted; `not_retried`: the load was stopped before a client could ask again."""


class Counts:
    """Of one load."""

    def __init__(self, told: ClientMetrics | None = None) -> None:
        self._told = told
        self.latencies = new_histogram()
        self.statuses: Counter[int] = Counter()
        self.servers: Counter[bytes] = Counter()
        self.errors: Counter[str] = Counter()
        self.connected: Counter[str] = Counter()

    def answered(self, status: int, server: bytes, latency_ns: int, service_ns: int | None = None) -> None:
        """A complete answer, this long after its request was due, and (if that differs) sent."""
        if self._told is not None:
            self._told.answered(status, latency_ns, latency_ns if service_ns is None else service_ns)
        self.latencies.record_value(min(latency_ns // 1000, LONGEST_US))
        self.statuses[status] += 1
        self.servers[server] += 1
        if status >= 400:
            self.errors[f"http_{status // 100}xx"] += 1

    def failed(self, kind: str) -> None:
        """A request that got no answer, or a connection that could not be had for one."""
        self.errors[kind] += 1
        if self._told is not None:
            self._told.failed(kind)

    def status(self) -> dict[str, Any]:
        """As plain values. `hdr` are the latencies (us) as HdrHistogram encodes them; they are told each time, so that
        little is lost when this process is killed."""
        return {
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "errors": dict(sorted(self.errors.items())),
            "per_pod": {name.decode("latin-1"): count for name, count in sorted(self.servers.items())},
            "connections": dict(sorted(self.connected.items())),
            "latency_ms": percentiles_ms(self.latencies),
            "hdr": self.latencies.encode().decode(),
        }
