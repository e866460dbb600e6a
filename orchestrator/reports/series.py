"""A run second by second, from what the load tells of all that it has counted so far."""

from collections.abc import Iterable, Mapping
from typing import Any

from actors.parts.latencies import Ranks
from orchestrator.reports.histograms import added_since
from orchestrator.reports.result import Series

Status = dict[str, Any]

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}
SHORTEST_S = 0.85
"""A look this long after the last makes a second; looks do not come on the dot."""
NOTHING: Status = {"elapsed_s": 0.0, "offered": 0, "requests": 0, "hdr": "", "service_hdr": ""}
COUNTED = ("errors", "dropped", "per_pod", "statuses")


class Seconds:
    """Takes statuses, and tells the differences."""

    def __init__(self) -> None:
        self._last = NOTHING
        self._rows: list[dict[str, Any]] = []
        self.histograms: list[tuple[float, str]] = []
        self.service_histograms: list[str] = []
        self.clients: dict[str, list[tuple[float, str]]] = {}
        """The same of each client, where there are several."""

    def due(self, status: Status) -> bool:
        """Whether a second has passed, or the load is over."""
        passed = status["elapsed_s"] - self._last["elapsed_s"]
        return bool(passed >= SHORTEST_S or (not status["running"] and passed > 0))

    def take(
        self,
        status: Status,
        *,
        outstanding: Mapping[str, Mapping[str, float]],
        targets: Mapping[str, str],
        pods: Mapping[str, str],
    ) -> None:
        """One second: what the load has counted, what targets had outstanding by node, their states and the pods'."""
        last = self._last
        latency = added_since(status["hdr"], last["hdr"])
        service = added_since(status.get("service_hdr", ""), last.get("service_hdr", ""))
        ranks, service_ranks = Ranks(latency), Ranks(service)
        self._rows.append(
            {
                "t_s": round(status["elapsed_s"], 3),
                "offered": _offered(status) - _offered(last),
                "completed": status["requests"] - last["requests"],
                "inflight": status.get("inflight", 0),
                "latency_ms": {
                    name: ranks.ms(value) if ranks.total else None for name, value in PERCENTILES.items()
                },
                "service_p99_ms": service_ranks.ms(99.0) if service_ranks.total else None,
                **{name: _grown(status.get(name, {}), last.get(name, {})) for name in COUNTED},
                "outstanding": {node: dict(found) for node, found in outstanding.items()},
                "targets": dict(targets),
                "pods": dict(pods),
            }
        )
        self.histograms.append((self._rows[-1]["t_s"], latency.encode().decode()))
        self.service_histograms.append(service.encode().decode())
        self._take_clients(status, last)
        self._last = status

    def _take_clients(self, status: Status, last: Status) -> None:
        clients, before = status.get("clients", {}), last.get("clients", {})
        for name, found in clients.items() if len(clients) > 1 else ():
            latency = added_since(found["hdr"], before[name]["hdr"] if name in before else "")
            seconds = self.clients.setdefault(name, [])
            seconds.append((self._rows[-1]["t_s"], latency.encode().decode()))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each second, as it was counted."""
        return self._rows

    def series(self) -> Series:
        """In columns."""
        rows = self._rows
        dropped = [sum(row["dropped"].values()) for row in rows]
        nodes = _names(row["outstanding"] for row in rows)
        return Series(
            t_s=[row["t_s"] for row in rows],
            offered=[row["offered"] for row in rows],
            sent=[row["offered"] - lost for row, lost in zip(rows, dropped, strict=True)],
            completed=[row["completed"] for row in rows],
            failed=_columns([row["errors"] for row in rows], 0),
            dropped=dropped,
            inflight=[row["inflight"] for row in rows],
            latency_ms={name: [row["latency_ms"][name] for row in rows] for name in PERCENTILES},
            service_p99_ms=[row["service_p99_ms"] for row in rows],
            requests=_columns([row["per_pod"] for row in rows], 0),
            outstanding={
                node: _columns([row["outstanding"].get(node, {}) for row in rows], None) for node in nodes
            },
            target_states=_columns([row["targets"] for row in rows], None),
            pod_states=_columns([row["pods"] for row in rows], None),
        )


def _offered(status: Status) -> int:
    """A closed loop offers what it is answered."""
    return int(status["offered"] if "offered" in status else status["requests"])


def _grown(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: max(count - before.get(name, 0), 0) for name, count in now.items()}


def _names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({name for row in rows for name in row})


def _columns(rows: list[dict[str, Any]], missing: Any) -> dict[str, list[Any]]:
    return {name: [row.get(name, missing) for row in rows] for name in _names(rows)}
