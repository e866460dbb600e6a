"""What a load has counted: answers by status, by pod and by request, errors by kind, latencies."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from actors.parts.latencies import LONGEST_US, new_histogram, percentiles_ms
from actors.parts.load.told import ClientMetrics

NOBODY = b"-"
MANY_PODS = 32
"""More are not told one by one while the load runs: encoding one takes a quarter of a millisecond."""
CLIENT_ERRORS = (
    "http_4xx", "http_5xx", "unexpected", "timeout", "connect_timeout", "refused", "reset", "closed", "unreachable",
    "dns_error", "tls_error", "bad_response", "not_retried", "stream_reset", "goaway", "unprocessed", "no_http2",
)  # fmt: skip
"""Every kind of error that is counted; `unexpected`: not the answer that the request expects; `not_retried`: the load
was stopped before a client could ask again. Of HTTP/2: `stream_reset` is RST_STREAM; `goaway`, a GOAWAY with an error;
`unprocessed`, a server that would not look at the request, however often it was sent; `no_http2`, one that does not
speak it."""


class Counts:
    """Of one load; with `each`, of each of its requests as well."""

    def __init__(self, told: ClientMetrics, *, each: bool = False) -> None:
        self._told = told
        self.latencies, self._service = new_histogram(), new_histogram()
        self.statuses: Counter[int] = Counter()
        self.servers: Counter[bytes] = Counter()
        self.errors: Counter[str] = Counter()
        self.connected: Counter[str] = Counter()
        self._per_pod: dict[bytes, Any] = {}
        self._each = each
        self._per_request: dict[str, Any] = {}
        self._failed: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def answered(
        self,
        status: int,
        server: bytes,
        latency_ns: int,
        service_ns: int,
        met: bool | None = None,
        request: str = "",
    ) -> None:
        """A complete answer, this long after its request was due, and was sent; `met`: whether it is the expected."""
        self._told.answered(status, latency_ns, service_ns)
        latency_us = min(latency_ns // 1000, LONGEST_US)
        self.latencies.record_value(latency_us)
        self._service.record_value(min(service_ns // 1000, LONGEST_US))
        self.statuses[status] += 1
        self.servers[server] += 1
        _of(self._per_pod, server).record_value(latency_us)
        if self._each:
            _of(self._per_request, request).record_value(latency_us)
        if met is False or (met is None and status >= 400):
            self.errors["unexpected" if met is False else f"http_{status // 100}xx"] += 1
            if self._each:
                self._failed[request] += 1

    def failed(self, kind: str, request: str = "") -> None:
        """A request that got no answer, or a connection that could not be had for one."""
        self.errors[kind] += 1
        if self._each:
            self._failed[request] += 1
        self._told.failed(kind)

    def dropped(self, reason: str) -> None:
        """A request that was due, and was not sent."""
        self._dropped[reason] += 1
        self._told.dropped(reason)

    def status(self, *, percentiles: bool = True, each_pod: bool = True) -> dict[str, Any]:
        """As plain values. `hdr` are the latencies (us) as HdrHistogram encodes them; they are told each time, so that
        little is lost when this process is killed, and so that those of several can be added up. Without `percentiles`
        these are left to whoever does that; without `each_pod` latencies by pod, where there are many."""
        per_pod = self._per_pod if each_pod or len(self._per_pod) <= MANY_PODS else {}
        figures = self._percentiles(per_pod) if percentiles else {}
        return {
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "errors": dict(sorted(self.errors.items())),
            "dropped": dict(sorted(self._dropped.items())),
            "per_pod": {name.decode("latin-1"): count for name, count in sorted(self.servers.items())},
            "connections": dict(sorted(self.connected.items())),
            "hdr": self.latencies.encode().decode(),
            "service_hdr": self._service.encode().decode(),
            "per_pod_hdr": {
                name.decode("latin-1"): histogram.encode().decode()
                for name, histogram in sorted(per_pod.items())
            },
            "per_request": {
                name: {
                    "requests": histogram.get_total_count() if histogram is not None else 0,
                    "failed": self._failed[name],
                    "latency_ms": percentiles_ms(histogram) if histogram is not None and percentiles else {},
                    "hdr": histogram.encode().decode() if histogram is not None else "",
                }
                for name, histogram in self._requests()
            },
            **figures,
        }

    def _percentiles(self, per_pod: Mapping[bytes, Any]) -> dict[str, Any]:
        return {
            "latency_ms": percentiles_ms(self.latencies),
            "service_ms": percentiles_ms(self._service),
            "per_pod_ms": {
                name.decode("latin-1"): percentiles_ms(histogram)
                for name, histogram in sorted(per_pod.items())
            },
        }

    def _requests(self) -> list[tuple[str, Any]]:
        names = {*self._per_request, *self._failed} if self._each else ()
        return [(name, self._per_request.get(name)) for name in sorted(names)]


def _of(histograms: dict[Any, Any], name: Any) -> Any:
    """One of many, which take less room."""
    histogram = histograms.get(name)
    if histogram is None:
        histogram = histograms[name] = new_histogram(digits=2)
    return histogram
