"""An open model of load: requests come at a rate, whatever becomes of those before them.

How this works. `OpenRun` rings for each moment of the plan (`protocols/arrivals.py`); an `Arrival` takes a connection
that is idle, or has one opened, or waits in a queue for the next that is free (`pool.py`). Its latency counts from the
moment at which it was due, so that a site that stalls shows in the latencies of all who came meanwhile. Where more
than `max_inflight` are under way an arrival is dropped and counted: never delayed in silence. How late the run itself
was is counted too: on a machine that cannot keep up, the figures must not be believed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from actors.element import Context
from actors.parts.latencies import LONGEST_US, new_histogram, percentiles_ms
from actors.parts.load.counts import Counts
from actors.parts.load.pool import Arrival, Pool
from actors.parts.load.site import Site
from actors.parts.load.told import ClientMetrics
from actors.protocols.arrivals import Stage, arrivals, duration_ns
from actors.units import MILLISECOND, SECOND

LOOK_S = 0.05
"""How often requests are looked for that have had their time."""


@dataclass(frozen=True)
class Plan:
    """What is to come: the rates, how arrivals are spaced, and the bounds that a load has."""

    stages: list[Stage]
    arrivals: str
    max_connections: int
    max_inflight: int
    timeout_ns: int
    seed: int | None
    """Arrivals are drawn from it, so that they are the same whatever else happens; if None, from the laptop's dice."""
    warm_up_ns: int
    """What is due in this first part of the plan is sent, and not counted."""
    trace_every: int = 0
    """One of so many requests is a journey that every element records; 0: none."""
    trace_ids: str | None = None
    """Journeys' ids are drawn from it; if None, from the laptop's dice."""
    retries: int = 0
    """How often a client asks again when it got a 5xx, no answer in time, or none at all."""
    retry_wait_ns: int = 0
    """What it waits before it does, the first time; twice as long each time after."""


class OpenRun:
    """One run of an open model; begins when it is made, ends when all that has come has been answered or given up."""

    def __init__(self, context: Context, site: Site, plan: Plan) -> None:
        self.context = context
        self._told = ClientMetrics(context)
        self.counts = Counts(self._told)
        self.began_ns = context.now_ns()
        self.last_ns = self._counted_ns = self.began_ns + plan.warm_up_ns
        self._plan, self._site = plan, site
        dice = context.random if plan.seed is None else Random(plan.seed)
        self._coming: Iterator[int] = arrivals(plan.stages, plan.arrivals, dice)
        self._next_ns: int | None = None
        self._timer: Any = None
        self._inflight: dict[Arrival, None] = {}  # a set in the order in which they were due
        self._offered = 0
        self._retried = 0
        self._retrying: dict[Arrival, None] = {}  # between two tries
        self._dropped: Counter[str] = Counter()
        self._service = new_histogram()
        self._lag = new_histogram()
        self._per_pod: dict[bytes, Any] = {}
        self._ids = context.random if plan.trace_ids is None else Random(plan.trace_ids)
        self._pool = Pool(context, site, plan.max_connections, self)
        self._await_next()
        context.spawn(self._watch(), "load watch")

    # ---- arrivals ------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._next_ns is not None or bool(self._inflight) or bool(self._retrying)

    def connections(self) -> dict[str, int]:
        """Its connections by state."""
        return self._pool.states()

    def stop(self) -> None:
        """Nobody comes any more; those who are here are still waited for."""
        if self._timer is not None:
            self._timer.cancel()
        self._next_ns = None
        for arrival in list(self._retrying):
            self._retrying.pop(arrival)
            self._lost(arrival, "not_retried")

    def _await_next(self) -> None:
        offset_ns = next(self._coming, None)
        self._next_ns = None if offset_ns is None else self.began_ns + offset_ns
        if self._next_ns is not None:
            self._timer = self.context.call_at(self._next_ns, self._ring)

    def _ring(self) -> None:
        """One is due; on a clock that was late, perhaps several."""
        now_ns = self.context.now_ns()
        while self._next_ns is not None and self._next_ns <= now_ns:
            due_ns = self._next_ns
            offset_ns = next(self._coming, None)
            self._next_ns = None if offset_ns is None else self.began_ns + offset_ns
            self._arrive(due_ns, now_ns)
        if self._next_ns is not None:
            self._timer = self.context.call_at(self._next_ns, self._ring)

    def _arrive(self, due_ns: int, now_ns: int) -> None:
        counts = due_ns >= self._counted_ns
        if counts:
            self._offered += 1
            self._told.offered.value += 1
            self._lag.record_value(min((now_ns - due_ns) // 1000, LONGEST_US))
        if len(self._inflight) >= self._plan.max_inflight:
            self._dropped["max_inflight"] += counts
            if counts:
                self._told.dropped("max_inflight")
            return
        arrival = Arrival(due_ns)
        if counts and self._plan.trace_every and self._offered % self._plan.trace_every == 0:
            arrival.journey = f"{self._ids.getrandbits(128):032x}"
        self._inflight[arrival] = None
        self._told.inflight.value = len(self._inflight)
        self._pool.give(arrival)

    # ---- what becomes of them ------------------------------------------------------------------------------

    def answered(self, arrival: Arrival, status: int, server: bytes) -> None:
        """An answer is complete."""
        now_ns = self._over(arrival)
        if status >= 500 and self._tries_again(arrival):
            return
        if arrival.due_ns < self._counted_ns:
            return
        if arrival.journey is not None:
            self._record_end(arrival, "journey.end", status=status)
        latency_ns = now_ns - arrival.due_ns
        self.counts.answered(status, server, latency_ns, now_ns - arrival.sent_ns)
        self._service.record_value(min((now_ns - arrival.sent_ns) // 1000, LONGEST_US))
        pod = self._per_pod.get(server)
        if pod is None:
            pod = self._per_pod[server] = new_histogram(digits=2)
        pod.record_value(min(latency_ns // 1000, LONGEST_US))

    def failed(self, arrival: Arrival, kind: str) -> None:
        """There is no answer, and will be none."""
        self._over(arrival)
        if not self._tries_again(arrival):
            self._lost(arrival, kind)

    def _tries_again(self, arrival: Arrival) -> bool:
        """Whether the client asks once more; if so, in a while."""
        if arrival.retries >= self._plan.retries:
            return False
        wait_ns = self._plan.retry_wait_ns << arrival.retries
        arrival.retries += 1
        arrival.line = None
        self._retried += arrival.due_ns >= self._counted_ns
        self._retrying[arrival] = None
        self.context.call_at(self.context.now_ns() + wait_ns, self._try_again, arrival)
        return True

    def _try_again(self, arrival: Arrival) -> None:
        if arrival not in self._retrying:
            return
        del self._retrying[arrival]
        arrival.tried_ns = self.context.now_ns()
        self._inflight[arrival] = None
        self._told.inflight.value = len(self._inflight)
        self._pool.give(arrival)

    def _lost(self, arrival: Arrival, kind: str) -> None:
        if kind == "timeout" and arrival.due_ns >= self._counted_ns:
            waited_ns = max(self.context.now_ns() - arrival.due_ns, self._plan.timeout_ns)
            if not self._plan.retries:
                waited_ns = self._plan.timeout_ns
            self.counts.latencies.record_value(min(waited_ns // 1000, LONGEST_US))
        if arrival.due_ns >= self._counted_ns:
            self.counts.failed(kind)
        if arrival.journey is not None:
            self._record_end(arrival, "journey.failed", error=kind, phase="load")

    def _record_end(self, arrival: Arrival, kind: str, **fields: Any) -> None:
        total_ms = (self.context.now_ns() - arrival.due_ns) / MILLISECOND
        self.context.record(kind, journey=arrival.journey, total_ms=total_ms, phases={}, **fields)

    def _over(self, arrival: Arrival) -> int:
        self._inflight.pop(arrival, None)
        self._told.inflight.value = len(self._inflight)
        now_ns = self.context.now_ns()
        self.last_ns = max(self.last_ns, now_ns)
        return now_ns

    async def _watch(self) -> None:
        """Give up on those who have waited too long, and close the connections at the end."""
        while self.running:
            await self.context.sleep(LOOK_S)
            oldest_ns = self.context.now_ns() - self._plan.timeout_ns
            for arrival in list(self._inflight):
                if arrival.tried_ns > oldest_ns:
                    break
                self._pool.give_up(arrival)
                self.failed(arrival, "timeout")
        self._pool.close()

    # ---- what came of it -----------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What was counted so far; see `Counts.status`.

        `latency_ms` counts from when requests were due (with those that timed out, at their time limit), `service_ms`
        and `service_hdr` from when they were sent: what lies between is what a closed loop would not have seen
        (coordinated omission).
        `dispatch_lag_ms` is the generator's own lateness."""
        now_ns = self.context.now_ns() if self.running else self.last_ns
        elapsed_s = max(now_ns - self._counted_ns, 0) / SECOND
        requests = sum(self.counts.statuses.values())
        planned_s = (duration_ns(self._plan.stages) - self._plan.warm_up_ns) / SECOND
        return {
            "running": self.running,
            "url": str(self._site.url),
            "arrivals": self._plan.arrivals,
            "duration_s": planned_s,
            "elapsed_s": elapsed_s,
            "offered": self._offered,
            "requests": requests,
            "requests_per_s": requests / elapsed_s if elapsed_s else 0.0,
            "retries": self._retried,
            "inflight": len(self._inflight),
            "dropped": {reason: count for reason, count in sorted(self._dropped.items()) if count},
            "timeout_ms": self._plan.timeout_ns / MILLISECOND,
            **self.counts.status(),
            "service_ms": percentiles_ms(self._service),
            "service_hdr": self._service.encode().decode(),
            "dispatch_lag_ms": percentiles_ms(self._lag),
            "per_pod_ms": {
                name.decode("latin-1"): percentiles_ms(histogram)
                for name, histogram in sorted(self._per_pod.items())
            },
            "open_connections": len(self._pool),
        }
