"""What a load is to do, and the check of the plain values in which a management call carries it.

Both executors have the same form: stages of an open model have rates, those of a closed one users; or there is a trace
with the moments themselves. One client process is given one plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from actors.protocols.arrivals import PATTERNS, POISSON, Stage, duration_ns
from actors.units import SECOND

MAX_RATE = 100_000.0
MAX_USERS = 10_000
MAX_CONNECTIONS = 10_000
MAX_TRACE = 1_000_000
MAX_RETRIES = 10
OPEN, CLOSED = "open", "closed"
DEFAULTS: dict[str, Any] = {
    "arrivals": POISSON,
    "max_connections": 1000,
    "max_inflight": 2000,
    "timeout_s": 10.0,
    "seed": None,
    "warm_up_s": 0.0,
    "trace_every": 0,
    "trace_ids": None,
    "retries": 0,
    "retry_wait_s": 0.0,
    "requests": [],
    "keepalive": 1.0,
    "think_s": 0.0,
    "paused": False,
    "phase": 0.0,
}
OPEN_ONLY = ("arrivals", "phase", "max_connections", "max_inflight")
CLOSED_ONLY = ("think_s",)


class BadPlan(ValueError):
    """There is no such plan; says what is wrong with it."""


@dataclass(frozen=True)
class Trace:
    """Moments at which requests are due, in nanoseconds from the beginning, and which request of the mix each is."""

    due_ns: Sequence[int]
    which: Sequence[int] | None
    """None: as the mix's weights have it."""
    ends_ns: int


@dataclass(frozen=True)
class Plan:
    """What is to come, and the bounds that a load has."""

    executor: str
    stages: list[Stage]
    """Rates of an open model, users of a closed one; empty with a trace."""
    trace: Trace | None
    arrivals: str
    max_connections: int
    max_inflight: int
    timeout_ns: int
    seed: int | str | None
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
    keepalive: float = 1.0
    """The share of requests that go out on a connection that is kept; each of the others has one of its own."""
    think_ns: int = 0
    """What a user of a closed model waits between an answer and the next request."""
    requests: Sequence[Mapping[str, Any]] = ()
    """As `mix.py` reads them; none: GET of the URL."""
    paused: bool = False
    """Whether nothing is sent until it is resumed."""
    phase: float = 0.0
    """How much of a step evenly spaced arrivals begin later: clients of one load take turns."""

    @property
    def duration_ns(self) -> int:
        return duration_ns(self.stages) if self.trace is None else self.trace.ends_ns


def plan_of(stages: list[dict[str, float]], options: dict[str, Any]) -> Plan:
    """A plan of stages, all of rates or all of users. Raises `BadPlan`."""
    executor = CLOSED if stages and all("users" in stage for stage in stages) else OPEN
    given = _options(executor, options)
    if not stages:
        raise BadPlan("a load needs a stage")
    plan = [_users(each) if executor == CLOSED else _rates(each) for each in stages]
    if executor == CLOSED:
        if not any(max(stage.rate, stage.rate_at_end) >= 1 for stage in plan):
            raise BadPlan(f"a load needs between 1 and {MAX_USERS} users at once, not 0")
        most = round(max(max(stage.rate, stage.rate_at_end) for stage in plan))
        given |= {"max_connections": most, "max_inflight": MAX_USERS}
    return _plan(executor, plan, None, given)


def trace_plan_of(
    due_us: Sequence[int], which: Sequence[int] | None, duration_s: float, options: dict[str, Any]
) -> Plan:
    """A plan of given moments, in microseconds from its beginning. Raises `BadPlan`."""
    given = _options(OPEN, options)
    if not due_us:
        raise BadPlan("a trace needs a moment at which something is due")
    if len(due_us) > MAX_TRACE:
        raise BadPlan(f"a trace has at most {MAX_TRACE:,} requests, not {len(due_us):,}")
    if due_us[0] < 0 or any(later < earlier for earlier, later in pairwise(due_us)):
        raise BadPlan("the moments of a trace begin at 0 or later, and do not go back")
    most = max(len(given["requests"]), 1)
    if which is not None and (len(which) != len(due_us) or not all(0 <= each < most for each in which)):
        raise BadPlan("a trace says of each moment which of the requests is due")
    ends_ns = max(round(duration_s * SECOND), due_us[-1] * 1000 + 1)
    return _plan(OPEN, [], Trace([due * 1000 for due in due_us], which, ends_ns), given)


def _options(executor: str, options: Mapping[str, Any]) -> dict[str, Any]:
    foreign = CLOSED_ONLY if executor == OPEN else OPEN_ONLY
    known = [name for name in DEFAULTS if name not in foreign]
    for name in options:
        if name in foreign:
            what = "a closed model's" if executor == OPEN else "an open model's"
            raise BadPlan(f"{name} is {what}: this load is {executor}")
        if name not in known:
            raise BadPlan(f"unknown option {name!r}; a load has {', '.join(known)}")
    given = {**DEFAULTS, **options}
    _check(given)
    return given


def _check(given: Mapping[str, Any]) -> None:
    if given["arrivals"] not in PATTERNS:
        raise BadPlan(f"arrivals are {' or '.join(PATTERNS)}, not {given['arrivals']!r}")
    if not 1 <= given["max_connections"] <= MAX_CONNECTIONS:
        raise BadPlan(
            f"a load has between 1 and {MAX_CONNECTIONS} connections, not {given['max_connections']}"
        )
    if given["max_inflight"] < 1:
        raise BadPlan(f"max_inflight is 1 or more, not {given['max_inflight']}")
    if not given["timeout_s"] > 0:
        raise BadPlan(f"a request is given longer than {given['timeout_s']:g} s")
    if given["trace_every"] < 0:
        raise BadPlan(f"one of {given['trace_every']} requests cannot be recorded")
    if not 0 <= given["retries"] <= MAX_RETRIES or given["retry_wait_s"] < 0:
        raise BadPlan(f"a client asks again between 0 and {MAX_RETRIES} times, each after a while")
    if not 0 <= given["keepalive"] <= 1:
        raise BadPlan(f"keepalive is a share between 0 and 1, not {given['keepalive']:g}")
    if not 0 <= given["phase"] < 1:
        raise BadPlan(
            f"phase is a part of the step between two requests, from 0 to 1, not {given['phase']:g}"
        )
    if given["think_s"] < 0:
        raise BadPlan(f"nobody thinks for {given['think_s']:g} s")


def _plan(executor: str, stages: list[Stage], trace: Trace | None, given: Mapping[str, Any]) -> Plan:
    warm_up_ns = round(given["warm_up_s"] * SECOND)
    plan = Plan(
        executor,
        stages,
        trace,
        given["arrivals"],
        given["max_connections"],
        given["max_inflight"],
        round(given["timeout_s"] * SECOND),
        given["seed"],
        warm_up_ns,
        given["trace_every"],
        given["trace_ids"],
        given["retries"],
        round(given["retry_wait_s"] * SECOND),
        given["keepalive"],
        round(given["think_s"] * SECOND),
        given["requests"],
        given["paused"],
        given["phase"],
    )
    if not 0 <= warm_up_ns < plan.duration_ns:
        raise BadPlan(f"the warm-up ends before the load does, not after {given['warm_up_s']:g} s")
    return plan


def check_rate(rate: float) -> None:
    """Raises `BadPlan`."""
    if not 0 <= rate <= MAX_RATE:
        raise BadPlan(f"a rate is at most {MAX_RATE:,.0f} requests a second, not {rate:g}")


def check_users(users: float) -> None:
    """Raises `BadPlan`."""
    if not 0 <= users <= MAX_USERS or users != int(users):
        raise BadPlan(f"a load needs between 1 and {MAX_USERS} users at once, not {users:g}")


def _rates(given: Mapping[str, float]) -> Stage:
    stage = _stage(given, "rate")
    for rate in (stage.rate, stage.rate_at_end):
        check_rate(rate)
    if stage.expected() <= 0:
        raise BadPlan("a stage needs a rate above 0")
    return stage


def _users(given: Mapping[str, float]) -> Stage:
    stage = _stage(given, "users")
    for users in (stage.rate, stage.rate_at_end):
        check_users(users)
    return stage


def _stage(given: Mapping[str, float], what: str) -> Stage:
    at_end = f"{what}_at_end"
    unknown = given.keys() - {"duration_s", what, at_end}
    if unknown or not {"duration_s", what} <= given.keys():
        raise BadPlan(f"a stage has duration_s, {what} and perhaps {at_end}, not {', '.join(sorted(given))}")
    stage = Stage(round(given["duration_s"] * SECOND), given[what], given.get(at_end, given[what]))
    if stage.duration_ns <= 0:
        raise BadPlan(f"a stage lasts longer than {given['duration_s']:g} s")
    return stage
