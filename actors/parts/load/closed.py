"""A closed model of load: so many users, each sending its next request when the answer to the last one is there.

When the site stalls, users stall with it and ask less: the latencies of an overload look better than those whom it
turned away would tell (coordinated omission). It answers another question than an open model: how much so many users
get done.
"""

from typing import Any

from actors.element import Context
from actors.parts.load.arrival import Arrival
from actors.parts.load.mix import Mix
from actors.parts.load.plan import Plan, check_users
from actors.parts.load.run import BadChange, LoadRun
from actors.parts.load.site import Site
from actors.parts.load.told import ClientMetrics
from actors.protocols.arrivals import Stage, rate_at
from actors.units import SECOND

RETRY_NS = SECOND // 10
"""What a user waits after it could not connect; a connection that broke is replaced at once."""


class ClosedRun(LoadRun):
    """Users, as many as the plan's stages have."""

    def __init__(self, context: Context, site: Site, mix: Mix, plan: Plan, told: ClientMetrics) -> None:
        super().__init__(context, site, mix, plan, told)
        self._stages, self._stages_ns = plan.stages, self.began_ns
        self._at_work: dict[int, None] = {}
        """Users that wait for an answer, or think."""
        self.begin()

    @property
    def comes_more(self) -> bool:
        return self.context.now_ns() < self.ends_ns

    def wanted_now(self) -> float:
        if self.paused or not self.comes_more:
            return 0.0
        return float(round(rate_at(self._stages, self.context.now_ns() - self._stages_ns)))

    def halt(self) -> None:
        """Users see for themselves."""

    def go_on(self, now_ns: int) -> None:
        self.look()

    def set_level(self, rate: float | None, users: int | None) -> str:
        if users is None:
            raise BadChange(
                f"this is a closed model: set how many users it has, such as 20, not a rate of {rate:g}/s"
            )
        check_users(users)
        now_ns = self.context.now_ns()
        before = round(rate_at(self._stages, now_ns - self._stages_ns))
        self._stages, self._stages_ns = [Stage(max(self.ends_ns - now_ns, 1), users, users)], now_ns
        self.look()
        return f"users {before} to {users}"

    # ---- users ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """As many users as there are to be."""
        wanted = int(self.wanted_now())
        if wanted:
            self.pool.limit(wanted)
        user = 0
        while len(self._at_work) < wanted:
            while user in self._at_work:
                user += 1
            self._at_work[user] = None
            self._ask(user, self.context.now_ns())

    def _ask(self, user: int, due_ns: int) -> None:
        if user not in self._at_work:
            return
        if len(self._at_work) > self.wanted_now():
            del self._at_work[user]
            return
        self.arrive(due_ns, user=user)

    def _thought(self, user: int, due_ns: int) -> None:
        self.note_lag(self.context.now_ns() - due_ns + self.context.lag_ns(), due_ns)
        self._ask(user, due_ns)

    def finished(self, arrival: Arrival, error: str) -> None:
        wait_ns = self.plan.think_ns
        if error and arrival.line is None:
            wait_ns = max(wait_ns, RETRY_NS)
        if not wait_ns:
            self._ask(arrival.user, self.context.now_ns())
            return
        due_ns = self.context.now_ns() + wait_ns
        self.context.call_at(due_ns, self._thought, arrival.user, due_ns)

    def status(self, *, percentiles: bool = True) -> dict[str, Any]:
        users = int(self.wanted_now()) if self.running else 0
        most = round(max(max(stage.rate, stage.rate_at_end) for stage in self.plan.stages))
        return {**super().status(percentiles=percentiles), "users": users, "concurrency": most}
