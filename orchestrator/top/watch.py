"""What `journey top` knows by now: answers of a world, added up interval by interval."""

from collections import deque
from typing import Any, NamedTuple, Protocol

from orchestrator.control.api import RequestFailed
from orchestrator.top.stats import HopStats

Plain = dict[str, Any]
REQUEST_EVERY = 5
"""Intervals between requests of our own."""
ANEW_EVERY = 15
"""Intervals after which the way is looked for anew: BGP may have found another."""
KEPT = 60
"""Points of a curve."""


class Session(Protocol):
    """The line to a running world."""

    def request(self, verb: str, /, **arguments: Any) -> Any: ...


class Row(NamedTuple):
    """A hop: its name, autonomous system, the link that leads to it, and what came of its probes."""

    number: str
    name: str
    asn: str
    link: str | None
    stats: HopStats


class Watch:
    """Looks at a world once in each `tick`; everything else only reads what it found. Blocking."""

    def __init__(self, session: Session, element: str | None = None) -> None:
        self._session, self._element = session, element
        self._ticks = 0
        self._way: dict[str, Row] = {}
        self._served: dict[str, int] = {}
        self._counted: tuple[float, int] | None = None
        self.rows: list[Row] = []
        self.targets: list[Plain] = []
        self.events: list[Plain] = []
        self.faults: list[Plain] = []
        self.load: Plain | None = None
        self.world = ""
        self.trouble = ""
        """Why the last look failed, if it did."""
        self.rates: deque[float] = deque(maxlen=KEPT)
        self.p99s: deque[float] = deque(maxlen=KEPT)

    def tick(self) -> None:
        """Look once. What cannot be had is said in `trouble`, and the rest stays as it was."""
        self.trouble = ""
        for look in (self._look_at_state, self._look_at_hops, self._look_at_request):
            try:
                look()
            except RequestFailed as error:
                self.trouble = str(error)
        self._ticks += 1

    # ---- hops ----------------------------------------------------------------------------------------------

    def _look_at_hops(self) -> None:
        anew = self._ticks % ANEW_EVERY == 0
        found = self._session.request("top_hops", element=self._element, anew=anew)
        rows = []
        for hop in found["hops"]:
            name = hop["element"] or hop["address"]
            row = self._row(f"{hop['hop']}", name, hop["asn"], hop["link"])
            row.stats.add(hop["rtt_ms"])
            rows.append(row)
        self.rows = rows + [row for row in self.rows if not row.number.isdigit()]

    def _row(self, number: str, name: str | None, asn: int | None = None, link: str | None = None) -> Row:
        """The row of this place; one that says nothing now keeps the name that it had."""
        known = self._way.get(number)
        if known is not None and name in (None, known.name):
            return known
        shown = f"AS{asn}" if asn is not None else ""
        self._way[number] = row = Row(number, name or "???", shown, link, HopStats())
        return row

    def _look_at_request(self) -> None:
        """The load balancer and what is behind it answer no pings: a request tells how far they are."""
        if self._ticks % REQUEST_EVERY:
            return
        told = self._session.request("top_request", element=self._element)
        phases, hops = told["phases"], told["hops"]
        pods = [row for row in self.rows if row.number.isdigit()]
        answered = told["status"] is not None
        balancer = next((hop for hop in hops if hop.startswith("alb")), None)
        near, far = self._row("tcp", balancer), self._row("http", hops[-1] if answered and hops else None)
        near.stats.add(phases.get("tcp") if balancer else None)
        far.stats.add(phases.get("first_byte") if answered else None)
        self.rows = [*pods, near, far]

    # ---- targets and load ----------------------------------------------------------------------------------

    def _look_at_state(self) -> None:
        state = self._session.request("top_state")
        self.world, self.events, self.faults = state["world"], state["events"], state["faults"]
        self._take_load(state["load"])
        served = (self.load or {}).get("per_pod", {})
        latencies = (self.load or {}).get("per_pod_ms", {})
        whole = sum(served.values())
        for target in state["targets"]:
            pod = target["pod"]
            target["share"] = served.get(pod, 0) / whole if whole else None
            target["p99"] = (latencies.get(pod) or {}).get("p99")
        self.targets = state["targets"]

    def _take_load(self, load: Plain | None) -> None:
        self.load = load
        if load is None:
            self._counted = None
            self.rates.append(0.0)
            return
        now = (float(load["elapsed_s"]), int(load["requests"]))
        before, self._counted = self._counted or (0.0, 0), now
        if now[0] > before[0]:
            self.rates.append((now[1] - before[1]) / (now[0] - before[0]))
        elif now[0] < before[0]:
            self.rates.append(0.0)  # another load
        if load.get("latency_ms"):
            self.p99s.append(load["latency_ms"]["p99"])

    def headline(self) -> str:
        """The load in a line."""
        if self.load is None:
            return "no load is running"
        failed = sum(self.load["errors"].values())
        p99 = f", p99 {self.load['latency_ms']['p99']:.1f} ms" if self.load.get("latency_ms") else ""
        paused = ", paused" if self.load.get("paused") else ""
        rate = self.rates[-1] if self.rates else 0.0
        return f"{self.load['requests']:,} requests, {rate:,.0f}/s now{p99}, {failed:,} failed{paused}"
