"""Rates, queues and latencies from what elements report each second: how much the world's ledger has grown lately."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from orchestrator.metrics.ledger import Key, Ledger

Plain = dict[str, Any]

WINDOW_S = 3.0
"""Elements report each second, each at a moment of its own: what is told of one second would jump."""

OFFERED, ANSWERED = "journey_client_offered_requests_total", "journey_client_requests_total"
DURATION = "journey_client_request_duration_seconds"
TO_TARGET = "journey_alb_target_requests_total"
SENT, DROPPED = "journey_link_transmit_packets_total", "journey_link_dropped_packets_total"
QUERIES, CACHED = "journey_dns_queries_total", "journey_dns_cache_requests_total"
COUNTED = frozenset({OFFERED, ANSWERED, TO_TARGET, SENT, DROPPED, QUERIES, CACHED})

LAG = "journey_runtime_dispatch_lag_seconds_max"
LINK_QUEUE, LINK_UP = "journey_link_queue_packets", "journey_link_up"
BGP_UP = "journey_bgp_session_up"
REPLICAS = "journey_kube_replicas"
ALGORITHM = "journey_alb_config_info"
LEVELS = {
    "journey_pod_inflight_requests": "inflight",
    "journey_pod_accept_queue": "accept_queue",
    "journey_client_inflight_requests": "inflight",
    "journey_nat_sessions": "nat_sessions",
    "journey_vpc_tracked_connections": "tracked",
    "journey_node_conntrack_entries": "conntrack",
    "journey_kube_scheduler_pending_pods": "pending_pods",
    "journey_kube_workqueue_items": "work_queue",
    "journey_client_planned_requests_per_second": "planned_rate",
    "journey_client_planned_users": "planned_users",
}
"""Gauges that are an element's own, by what the page calls them."""


class Look(NamedTuple):
    """The ledger at a moment, as far as the page needs it."""

    at_s: float
    counters: dict[tuple[str, Key], float]
    durations: tuple[float, ...]


class Numbers:
    """Looks at a ledger now and then, and tells what has become of it since a little before."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._looks: deque[Look] = deque()
        self._bounds: tuple[float, ...] = ()

    def forget(self) -> None:
        """Nobody has looked for a while: rates begin anew."""
        self._looks.clear()

    def look(self, now_s: float) -> Plain:
        """`load`, `links`, `levels`, `targets`, `dns`, `bgp`, `replicas` and `lag_ms`; rates are per second."""
        self._looks.append(Look(now_s, self._counters(), self._durations()))
        while len(self._looks) > 2 and now_s - self._looks[1].at_s >= WINDOW_S:
            self._looks.popleft()
        rates = self._rates()
        return {
            "load": self._load(rates),
            "links": self._links(rates),
            "levels": self._levels(),
            "targets": _by(rates, TO_TARGET, "target"),
            "dns": self._dns(rates),
            **self._gauges(),
        }

    # ---- what has grown -----------------------------------------------------------------------------------------

    def _counters(self) -> dict[tuple[str, Key], float]:
        return {
            (element, key): value
            for element, series in self._ledger.counters.items()
            for key, value in series.items()
            if key[0] in COUNTED
        }

    def _durations(self) -> tuple[float, ...]:
        sums: list[float] = []
        for series in self._ledger.histograms.values():
            for (name, _), buckets in series.items():
                if name == DURATION:
                    self._bounds = buckets.bounds
                    sums = [
                        a + b
                        for a, b in zip(sums or [0.0] * len(buckets.counts), buckets.counts, strict=True)
                    ]
        return tuple(sums)

    def _rates(self) -> dict[tuple[str, Key], float]:
        first, last = self._looks[0], self._looks[-1]
        took_s = last.at_s - first.at_s
        if took_s <= 0:
            return {}
        return {
            each: (value - first.counters.get(each, 0.0)) / took_s
            for each, value in last.counters.items()
            if value > first.counters.get(each, 0.0)
        }

    # ---- what it means ------------------------------------------------------------------------------------------

    def _load(self, rates: Mapping[tuple[str, Key], float]) -> Plain:
        outcomes = _by(rates, ANSWERED, "outcome")
        before, now = self._looks[0].durations, self._looks[-1].durations
        grown = [b - a for a, b in zip(before or (0,) * len(now), now, strict=True)]
        return {
            "offered": _sum(rates, OFFERED),
            "completed": sum(outcomes.values()),
            "outcomes": outcomes,
            "failed": sum(rate for outcome, rate in outcomes.items() if outcome != "ok"),
            "p50_ms": quantile(self._bounds, grown, 0.5),
            "p99_ms": quantile(self._bounds, grown, 0.99),
        }

    def _links(self, rates: Mapping[tuple[str, Key], float]) -> Plain:
        """Only those on which something happens: `sent`, `dropped` (by reason), `queue`, `down`."""
        found: dict[str, Plain] = {}
        for (_, (name, labels)), rate in rates.items():
            told = dict(labels)
            if name == SENT:
                link = found.setdefault(told["link"], {})
                link["sent"] = link.get("sent", 0.0) + rate
            elif name == DROPPED:
                dropped = found.setdefault(told["link"], {}).setdefault("dropped", {})
                dropped[told["reason"]] = dropped.get(told["reason"], 0.0) + rate
        for series in self._ledger.gauges.values():
            for (name, labels), value in series.items():
                if name == LINK_QUEUE and value:
                    link = found.setdefault(dict(labels)["link"], {})
                    link["queue"] = link.get("queue", 0.0) + value
                elif name == LINK_UP and not value:
                    found.setdefault(dict(labels)["link"], {})["down"] = True
        return found

    def _levels(self) -> Plain:
        found: dict[str, Plain] = {}
        for element, series in self._ledger.gauges.items():
            for (name, labels), value in series.items():
                if name in LEVELS:
                    # a deployment's process tells its pods' numbers with the pod's name
                    owner = dict(labels).get("pod", element).rpartition("/")[2]
                    levels = found.setdefault(owner, {})
                    levels[LEVELS[name]] = levels.get(LEVELS[name], 0.0) + value
        return found

    def _dns(self, rates: Mapping[tuple[str, Key], float]) -> Plain:
        """By element: `queries` a second, and how many of those to a cache it could answer (`hits`, `misses`)."""
        found: dict[str, Plain] = {}
        for (element, (name, labels)), rate in rates.items():
            if name == QUERIES:
                told = found.setdefault(element, {"queries": 0.0, "hits": 0.0, "misses": 0.0})
                told["queries"] += rate
            elif name == CACHED:
                told = found.setdefault(element, {"queries": 0.0, "hits": 0.0, "misses": 0.0})
                told["hits" if dict(labels).get("result") == "hit" else "misses"] += rate
        return found

    def _gauges(self) -> Plain:
        bgp: dict[str, Plain] = {}
        replicas: dict[str, Plain] = {}
        algorithms: dict[str, str] = {}
        lag_s = 0.0
        for element, series in self._ledger.gauges.items():
            for (name, labels), value in series.items():
                if name == BGP_UP:
                    sessions = bgp.setdefault(element, {"up": 0, "down": []})
                    if value:
                        sessions["up"] += 1
                    else:
                        sessions["down"].append(dict(labels).get("peer_asn", "?"))
                elif name == REPLICAS:
                    told = dict(labels)
                    replicas.setdefault(told["deployment"], {})[told["state"]] = value
                elif name == ALGORITHM and value:
                    told = dict(labels)
                    algorithms[told["target_group"]] = told["algorithm"]
                elif name == LAG:
                    lag_s = max(lag_s, value)
        lags = {"lag_ms": round(lag_s * 1000, 3)}
        return {"bgp": bgp, "replicas": replicas, "algorithms": algorithms, **lags}


def quantile(bounds: tuple[float, ...], counts: Iterable[float], share: float) -> float | None:
    """In ms, from a histogram's buckets, as Prometheus reckons it: evenly spread within each bucket."""
    counts = list(counts)
    total = sum(counts)
    if not total:
        return None
    wanted, seen, lower = share * total, 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and seen + count >= wanted:
            return (lower + (bound - lower) * (wanted - seen) / count) * 1000
        seen, lower = seen + count, bound
    return bounds[-1] * 1000


def _sum(rates: Mapping[tuple[str, Key], float], wanted: str) -> float:
    return sum(rate for (_, (name, _)), rate in rates.items() if name == wanted)


def _by(rates: Mapping[tuple[str, Key], float], wanted: str, label: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for (_, (name, labels)), rate in rates.items():
        if name == wanted:
            value = dict(labels).get(label, "")
            found[value] = found.get(value, 0.0) + rate
    return found
