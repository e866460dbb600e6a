"""An open model's plan, from the plain values that a management call carries."""

from typing import Any

from actors.parts.load.open_model import Plan
from actors.protocols.arrivals import PATTERNS, POISSON, Stage, duration_ns
from actors.units import SECOND

MAX_RATE = 100_000.0
MAX_CONNECTIONS = 10_000
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
}
MAX_RETRIES = 10


class BadPlan(ValueError):
    """There is no such plan; says what is wrong with it."""


def plan_of(stages: list[dict[str, float]], options: dict[str, Any]) -> Plan:
    """Check everything. Raises `BadPlan`."""
    for name in options:
        if name not in DEFAULTS:
            raise BadPlan(f"unknown option {name!r}; a load has {', '.join(DEFAULTS)}")
    given = {**DEFAULTS, **options}
    if given["arrivals"] not in PATTERNS:
        raise BadPlan(f"arrivals are {' or '.join(PATTERNS)}, not {given['arrivals']!r}")
    if not stages:
        raise BadPlan("a load needs a stage")
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
    plan = [_stage(each) for each in stages]
    warm_up_ns = round(given["warm_up_s"] * SECOND)
    if not 0 <= warm_up_ns < duration_ns(plan):
        raise BadPlan(f"the warm-up ends before the load does, not after {given['warm_up_s']:g} s")
    return Plan(
        plan,
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
    )


def _stage(given: dict[str, float]) -> Stage:
    unknown = given.keys() - {"duration_s", "rate", "rate_at_end"}
    if unknown or not {"duration_s", "rate"} <= given.keys():
        raise BadPlan(f"a stage has duration_s, rate and perhaps rate_at_end, not {', '.join(sorted(given))}")
    stage = Stage(round(given["duration_s"] * SECOND), given["rate"], given.get("rate_at_end", given["rate"]))
    if stage.duration_ns <= 0:
        raise BadPlan(f"a stage lasts longer than {given['duration_s']:g} s")
    for rate in (stage.rate, stage.rate_at_end):
        if not 0 <= rate <= MAX_RATE:
            raise BadPlan(f"a rate is at most {MAX_RATE:,.0f} requests a second, not {rate:g}")
    if stage.expected() <= 0:
        raise BadPlan("a stage needs a rate above 0")
    return stage
