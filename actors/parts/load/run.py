"""A load that runs, whichever executor decides when the next request is due: what becomes of requests is the same.

An `Arrival` takes a connection that is idle, or has one opened, or waits for the next that is free (`pool.py`). Its
latency counts from the moment at which it was due. How late the run itself was is counted too: on a machine that
cannot keep up, the figures must not be believed.
"""

from abc import ABC, abstractmethod
from random import Random
from typing import TYPE_CHECKING, Any

from actors.element import Context
from actors.parts.latencies import LONGEST_US, new_histogram, percentiles_ms
from actors.parts.load.arrival import Arrival
from actors.parts.load.counts import Counts
from actors.parts.load.mix import Mix
from actors.parts.load.plan import HTTP_1, Plan
from actors.parts.load.pool import Pool
from actors.parts.load.recorded import Recorded
from actors.parts.load.retries import Retries
from actors.parts.load.site import Site
from actors.parts.load.told import MAX_INFLIGHT, ClientMetrics
from actors.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from actors.parts.load.h2_pool import H2Pool

LOOK_S = 0.05
"""How often requests are looked for that have had their time."""
PAUSE, RESUME, SET, STOP = "pause", "resume", "set", "stop"


class BadChange(ValueError):
    """A load cannot be changed in this way; says why."""


class LoadRun(ABC):
    """One run; begins when it is made, ends when all that has come has been answered or given up."""

    def __init__(self, context: Context, site: Site, mix: Mix, plan: Plan, told: ClientMetrics) -> None:
        self.context = context
        self.plan = plan
        self.told = told
        self.counts = Counts(self.told, each=len(mix.wanted) > 1)
        self.began_ns = context.now_ns()
        self.ends_ns = self.began_ns + plan.duration_ns
        self.paused = plan.paused
        self.recorded = Recorded(context, plan)
        self._counted_ns = self.began_ns + plan.warm_up_ns
        self._last_ns = self._counted_ns
        self._mix, self._site = mix, site
        own = plan.seed is None
        self.dice = context.random if own else Random(plan.seed)
        self._mix_dice = context.random if own else Random(f"{plan.seed} mix")
        self._inflight: dict[Arrival, None] = {}  # a set in the order in which they were due
        self._retries = Retries(context, plan, self._send)
        self._offered = 0
        self._lag = new_histogram()
        self.pool = _pool(plan)(context, site, plan.max_connections, self, reads=mix.reads)

    # ---- what executors say --------------------------------------------------------------------------------

    @abstractmethod
    def wanted_now(self) -> float:
        """Requests a second, or users, that the plan has at this moment; 0 while it is paused."""

    @property
    @abstractmethod
    def comes_more(self) -> bool:
        """Whether requests will be due that nobody has seen yet."""

    @abstractmethod
    def halt(self) -> None:
        """Nothing is due any more, for now or for good."""

    @abstractmethod
    def go_on(self, now_ns: int) -> None:
        """Things are due again, as the plan has it from this moment on."""

    @abstractmethod
    def set_level(self, rate: float | None, users: int | None) -> str:
        """From now on at this level, which is told in words. Raises `BadChange` or `BadPlan`."""

    def look(self) -> None:
        """Comes every `LOOK_S`."""

    def finished(self, arrival: Arrival, error: str) -> None:
        """A request is over, with an answer (no `error`) or without."""

    # ---- for users -----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.comes_more or bool(self._inflight) or bool(self._retries)

    def stop(self) -> None:
        """Nobody comes any more; those who are here are still waited for."""
        self.ends_ns = min(self.ends_ns, self.context.now_ns())
        self.halt()
        for arrival in self._retries.end():
            self._lost(arrival, "not_retried")

    def change(self, do: str, rate: float | None = None, users: int | None = None) -> str:
        """`pause`, `resume`, `stop`, or `set` to a rate or a number of users; what was done, in words.

        The plan's time goes on while it is paused: what would have been due is not offered. Raises `BadChange`, and
        `BadPlan` for a level that there is not."""
        if not self.comes_more:
            raise BadChange("the load has ended" if do != STOP else "the load has ended already")
        what = self._changed(do, rate, users)
        self.context.event("load.changed", do=do, what=what, level=self.wanted_now())
        self.told.changed(do)
        return what

    def _changed(self, do: str, rate: float | None, users: int | None) -> str:
        match do:
            case "set":
                what = self.set_level(rate, users)
                return f"{what}, when it goes on" if self.paused else what
            case "pause" if not self.paused:
                self.paused = True
                self.halt()
                return "load paused"
            case "resume" if self.paused:
                self.paused = False
                self.go_on(self.context.now_ns())
                return "load resumed"
            case "stop":
                self.stop()
                return "load stopped"
            case "pause" | "resume":
                raise BadChange("the load is paused already" if self.paused else "the load is not paused")
        raise BadChange(f"a load can be told to {PAUSE}, {RESUME}, {SET} or {STOP}, not {do!r}")

    # ---- arrivals ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Things are due from now on."""
        if not self.paused:
            self.go_on(self.began_ns)
        self.context.spawn(self._watch(), "load watch")

    def arrive(self, due_ns: int, *, which: int | None = None, user: int = 0) -> None:
        """A request is due; at most `max_inflight` are under way, beyond that it is dropped and counted."""
        counts = due_ns >= self._counted_ns
        wanted = self._mix.draw(self._mix_dice) if which is None else self._mix.wanted[which]
        if counts:
            self._offered += 1
            self.told.offered.value += 1
        if len(self._inflight) >= self.plan.max_inflight:
            if counts:
                self.counts.dropped(MAX_INFLIGHT)
            return
        arrival = Arrival(due_ns, wanted, alone=self._comes_alone(), user=user)
        if counts:
            arrival.journey = self.recorded.journey(self._offered, due_ns)
        self._send(arrival)

    def _send(self, arrival: Arrival) -> None:
        self._inflight[arrival] = None
        self.told.inflight.value = len(self._inflight)
        self.pool.give(arrival)

    def note_lag(self, lag_ns: int, due_ns: int) -> None:
        """The generator was so late for something that was due then."""
        if due_ns >= self._counted_ns:
            self._lag.record_value(min(lag_ns // 1000, LONGEST_US))
            self.told.late(lag_ns)

    def _comes_alone(self) -> bool:
        keepalive = self.plan.keepalive
        return keepalive < 1 and self._mix_dice.random() >= keepalive

    # ---- what becomes of them ------------------------------------------------------------------------------

    def answered(self, arrival: Arrival, status: int, server: bytes, body: bytes = b"") -> None:
        """An answer is complete."""
        now_ns = self._over(arrival)
        met = arrival.wanted.met(status, body)
        if status >= 500 and not met and self._tries_again(arrival):
            return
        if arrival.due_ns >= self._counted_ns:
            if arrival.journey is not None:
                self.recorded.end(arrival, "journey.end", status=status)
            self.counts.answered(
                status, server, now_ns - arrival.due_ns, now_ns - arrival.sent_ns, met, arrival.wanted.name
            )
        self.finished(arrival, "")

    def failed(self, arrival: Arrival, kind: str) -> None:
        """There is no answer, and will be none."""
        self._over(arrival)
        if not self._tries_again(arrival):
            self._lost(arrival, kind)
            self.finished(arrival, kind)

    def _tries_again(self, arrival: Arrival) -> bool:
        return self._retries.takes(arrival, counts=arrival.due_ns >= self._counted_ns)

    def _lost(self, arrival: Arrival, kind: str) -> None:
        if kind == "timeout" and arrival.due_ns >= self._counted_ns:
            waited_ns = max(self.context.now_ns() - arrival.due_ns, self.plan.timeout_ns)
            if not self.plan.retries:
                waited_ns = self.plan.timeout_ns
            self.counts.latencies.record_value(min(waited_ns // 1000, LONGEST_US))
        if arrival.due_ns >= self._counted_ns:
            self.counts.failed(kind, arrival.wanted.name)
        if arrival.journey is not None:
            self.recorded.end(arrival, "journey.failed", error=kind, phase="load")

    def _over(self, arrival: Arrival) -> int:
        self._inflight.pop(arrival, None)
        self.told.inflight.value = len(self._inflight)
        now_ns = self.context.now_ns()
        if now_ns > self._last_ns:
            self._last_ns = now_ns
        return now_ns

    async def _watch(self) -> None:
        """Give up on those who have waited too long, and close the connections at the end."""
        while self.running:
            await self.context.sleep(LOOK_S)
            now_ns = self.context.now_ns()
            for arrival in list(self._inflight):
                if arrival.tried_ns > now_ns - self.plan.timeout_ns:
                    break
                self.pool.give_up(arrival)
                self.failed(arrival, "timeout")
            if now_ns >= self.ends_ns and self.paused:
                self.stop()
            self.look()
        self.pool.close()

    # ---- what came of it -----------------------------------------------------------------------------------

    def status(self, *, percentiles: bool = True) -> dict[str, Any]:
        """What was counted so far; see `Counts.status`.

        `latency_ms` counts from when requests were due (with those that timed out, at their time limit), `service_ms`
        and `service_hdr` from when they were sent: what lies between is what a closed loop would not have seen
        (coordinated omission).
        `dispatch_lag_ms` and `lag_hdr` are the generator's own lateness."""
        now_ns = self.context.now_ns() if self.running else self._last_ns
        elapsed_s = max(now_ns - self._counted_ns, 0) / SECOND
        requests = sum(self.counts.statuses.values())
        return {
            "running": self.running,
            "executor": self.plan.executor,
            "paused": self.paused,
            "url": str(self._site.url),
            "duration_s": (self.plan.duration_ns - self.plan.warm_up_ns) / SECOND,
            "elapsed_s": elapsed_s,
            "offered": self._offered,
            "requests": requests,
            "requests_per_s": requests / elapsed_s if elapsed_s else 0.0,
            "retries": self._retries.count,
            "inflight": len(self._inflight),
            "timeout_ms": self.plan.timeout_ns / MILLISECOND,
            **self.counts.status(percentiles=percentiles, each_pod=not self.running),
            **({"dispatch_lag_ms": percentiles_ms(self._lag)} if percentiles else {}),
            "lag_hdr": self._lag.encode().decode(),
            "open_connections": len(self.pool),
        }


def _pool(plan: Plan) -> "type[Pool] | type[H2Pool]":
    if plan.http == HTTP_1:
        return Pool
    from actors.parts.load.h2_pool import H2Pool  # and with it the library, which most laptops do not need

    return H2Pool
