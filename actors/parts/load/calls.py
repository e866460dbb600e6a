"""What a laptop is asked about the load that it makes: to begin one, change it, tell of it, end it."""

from collections.abc import Awaitable, Callable
from typing import Any

from yarl import URL

from actors.element import CallFailed, Context
from actors.parts.load.closed import ClosedRun
from actors.parts.load.mix import BadRequest, mix_of
from actors.parts.load.open_model import OpenRun
from actors.parts.load.plan import CLOSED, OPEN, BadPlan, Plan, plan_of, trace_plan_of
from actors.parts.load.run import BadChange, LoadRun
from actors.parts.load.site import Site, url_of
from actors.parts.load.told import ClientMetrics
from actors.units import SECOND


class LoadCalls:
    """The calls, and the latest load. There is one at a time."""

    def __init__(
        self, context: Context, told: ClientMetrics, site: Callable[[URL, str], Awaitable[Site]]
    ) -> None:
        """`await site(url, http)` is where a load of this version of HTTP goes to; it raises `CallFailed`."""
        self._context, self._told, self._site = context, told, site
        self.run: LoadRun | None = None
        context.metrics.on_collect(self._count_connections)

    def stop(self) -> None:
        """Nobody comes any more."""
        if self.run is not None:
            self.run.stop()

    async def call_load_start(self, url: str, concurrency: int, duration_s: float) -> dict[str, Any]:
        """Begin a closed model of `concurrency` users for so many seconds; returns its status."""
        return await self.call_load_plan(url, [{"duration_s": duration_s, "users": concurrency}])

    async def call_load_plan(
        self, url: str, stages: list[dict[str, float]], **options: Any
    ) -> dict[str, Any]:
        """Begin a load; returns its status.

        A stage of an open model, whose requests come whatever becomes of those before them, is `{"duration_s", "rate",
        "rate_at_end"?}` (requests a second); of a closed one, whose users each ask again when they have been answered,
        `{"duration_s", "users", "users_at_end"?}`. Options of both are `timeout_s`, `seed`,
        `warm_up_s` (of the stages' time; nothing is counted of it), `trace_every` (one of so many requests is a journey
        that everybody records; 0: none) and `trace_ids` (what the journeys' ids are drawn from), `retries` and
        `retry_wait_s`, `requests` (as `mix.py` has them, with weights), `keepalive` (the share of requests that go out
        on a connection that is kept), `http` (1.1 or 2) and `paused`; an open one has `arrivals` (poisson or uniform),
        `max_connections` and `max_inflight`, a closed one `think_s`."""
        return await self._begin(url, lambda: plan_of(stages, options))

    async def call_load_trace(
        self, url: str, due_us: list[int], which: list[int] | None, duration_s: float, **options: Any
    ) -> dict[str, Any]:
        """Begin an open model whose requests are due at these moments, and which of `requests` each of them is (None:
        by weight); it ends after `duration_s`, or the last of them. Options are those of an open model."""
        return await self._begin(url, lambda: trace_plan_of(due_us, which, duration_s, options))

    async def _begin(self, url: str, planned: Callable[[], Plan]) -> dict[str, Any]:
        self._check_idle()
        target = url_of(url)
        try:
            plan = planned()
            mix = mix_of(target, plan.requests)
        except (BadPlan, BadRequest) as error:
            raise CallFailed(f"{self._context.name}: {error}") from None
        kind = ClosedRun if plan.executor == CLOSED else OpenRun
        site = await self._site(target, plan.http)
        self.run = kind(self._context, site, mix, plan, self._told)
        return self.run.status()

    def _check_idle(self) -> None:
        if self.run is not None and self.run.running:
            raise CallFailed("a load is running already; stop it first")

    async def call_load_status(self, percentiles: bool = True) -> dict[str, Any]:
        """What the latest load has counted so far; see `LoadRun.status`. Percentiles can be left to those who add the
        histograms of several clients up: here they would take time from the load."""
        return self._latest().status(percentiles=percentiles)

    async def call_load_change(
        self, do: str, rate: float | None = None, users: int | None = None
    ) -> dict[str, Any]:
        """`pause`, `resume` or `stop` the load that runs, or `set` its rate or its users: `what` was done, and its
        `status`; `before` is the level that it had."""
        run = self._latest()
        before = run.wanted_now()
        try:
            what = run.change(do, rate, users)
        except (BadChange, BadPlan) as error:
            raise CallFailed(str(error)) from None
        return {"what": what, "before": before, "status": run.status()}

    async def call_latencies(self, more: bool) -> list[tuple[int, int]]:
        """How long requests took that were answered since this was asked last, each from when it was due: `(ns, how
        often)`. They are counted from the first time on, while there will be `more` questions."""
        return self._told.lately.take(more)

    async def call_load_watch(self, per_s: float) -> bool:
        """From now on so many requests a second at most of the load that runs are journeys, beside those that its plan
        wants to have recorded; 0: none. Whether there is a load."""
        if self.run is None or not self.run.running:
            return False
        if per_s < 0:
            raise CallFailed(f"{per_s:g} requests a second cannot be recorded")
        self.run.recorded.watch_ns = round(SECOND / per_s) if per_s else None
        return True

    async def call_load_stop(self) -> dict[str, Any]:
        """End the load; requests that are under way are still waited for."""
        run = self._latest()
        run.stop()
        return run.status()

    def _latest(self) -> LoadRun:
        if self.run is None:
            raise CallFailed("there has been no load yet")
        return self.run

    def _count_connections(self) -> None:
        """Of the load; those of the browser are gone as soon as they have been used."""
        load = self.run
        self._told.tell_connections({} if load is None else load.pool.states())
        wanted = 0.0 if load is None else load.wanted_now()
        is_open = load is not None and load.plan.executor == OPEN
        self._told.tell_plan(wanted if is_open else 0.0, 0.0 if is_open else wanted)
