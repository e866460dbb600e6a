"""An open model of load: requests come at a rate, whatever becomes of those before them.

How this works. `OpenRun` rings for each moment of the plan (`protocols/arrivals.py`) or of a trace. A site that stalls
shows in the latencies of all who came meanwhile, as they count from when they were due. Where more than `max_inflight`
are under way an arrival is dropped and counted: never delayed in silence.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from actors.element import Context
from actors.parts.load.mix import Mix
from actors.parts.load.plan import Plan, Trace, check_rate
from actors.parts.load.run import BadChange, LoadRun
from actors.parts.load.site import Site
from actors.parts.load.told import ClientMetrics
from actors.protocols.arrivals import Stage, arrivals, rate_at, rest_of


class OpenRun(LoadRun):
    """Requests at a plan's rates."""

    def __init__(self, context: Context, site: Site, mix: Mix, plan: Plan, told: ClientMetrics) -> None:
        super().__init__(context, site, mix, plan, told)
        self._stages, self._stages_ns = plan.stages, self.began_ns
        """What is left of the plan, or what has been put in its place, and when that began."""
        self._coming: Iterator[tuple[int, int | None]] = iter(())
        self._next: tuple[int, int | None] | None = None
        self._timer: Any = None
        self.begin()

    @property
    def comes_more(self) -> bool:
        return self._next is not None or (self.paused and self.context.now_ns() < self.ends_ns)

    def wanted_now(self) -> float:
        if not self.comes_more or self.paused:
            return 0.0
        if self.plan.trace is not None:
            return len(self.plan.trace.due_ns) / (self.plan.trace.ends_ns / 1e9)
        return rate_at(self._stages, self.context.now_ns() - self._stages_ns)

    def halt(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = None

    def go_on(self, now_ns: int) -> None:
        if self.plan.trace is not None:
            self._coming = _trace_from(self.plan.trace, self.began_ns, now_ns)
        else:
            self._stages, self._stages_ns = rest_of(self._stages, now_ns - self._stages_ns), now_ns
            self._coming = self._planned()
        self._await_next()

    def set_level(self, rate: float | None, users: int | None) -> str:
        if rate is None:
            raise BadChange(f"this is an open model: set its rate, such as 800/s, not {users} users")
        if self.plan.trace is not None:
            raise BadChange("the moments of a trace are given: it has no rate that could be set")
        check_rate(rate)
        now_ns = self.context.now_ns()
        before = rate_at(self._stages, now_ns - self._stages_ns)
        left_ns = max(self.ends_ns - now_ns, 0)
        self._stages, self._stages_ns = [Stage(left_ns, rate, rate)], now_ns
        if not self.paused:
            self.halt()
            self.go_on(now_ns)
        return f"rate {before:g}/s to {rate:g}/s"

    # ---- arrivals ------------------------------------------------------------------------------------------

    def _planned(self) -> Iterator[tuple[int, int | None]]:
        since_ns = self._stages_ns
        for offset_ns in arrivals(self._stages, self.plan.arrivals, self.dice, self.plan.phase):
            yield since_ns + offset_ns, None

    def _await_next(self) -> None:
        self._next = next(self._coming, None)
        if self._next is not None:
            self._timer = self.context.call_at(self._next[0], self._ring)

    def _ring(self) -> None:
        """One is due; on a clock that was late, perhaps several."""
        now_ns, lag_ns = self.context.now_ns(), self.context.lag_ns()
        while self._next is not None and self._next[0] <= now_ns:
            due_ns, which = self._next
            self._next = next(self._coming, None)
            self.note_lag(now_ns - due_ns + lag_ns, due_ns)
            self.arrive(due_ns, which=which)
        if self._next is not None:
            self._timer = self.context.call_at(self._next[0], self._ring)

    def status(self, *, percentiles: bool = True) -> dict[str, Any]:
        return {
            **super().status(percentiles=percentiles),
            "arrivals": self.plan.arrivals if self.plan.trace is None else "trace",
            "rate": self.wanted_now(),
        }


def _trace_from(trace: Trace, began_ns: int, now_ns: int) -> Iterator[tuple[int, int | None]]:
    """What is due from now on."""
    for number in range(bisect_left(trace.due_ns, now_ns - began_ns), len(trace.due_ns)):
        yield began_ns + trace.due_ns[number], None if trace.which is None else trace.which[number]
