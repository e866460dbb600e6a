"""The form of `summary.json`, for programs that read it: a JSON Schema made of these models."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.reports.result import Format

Verdict = Literal["pass", "fail", "invalid"]
Values = list[float | None]


class Part(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Open(BaseModel):
    """There may be more in it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Checked(Open):
    """A threshold, with what came out."""

    metric: str
    is_: str = Field(alias="is", description="the condition, as the scenario has it")
    where: dict[str, str] = Field(default={}, description="of which pod, node, code ...")
    value: float | None = Field(
        description="in ms, as a share of 1, or a plain number; null if there is none"
    )
    told: str = Field(description="the value in the limit's unit, or why there is none")
    ok: bool = Field(description="true: it holds")


class Client(Open):
    """What one client counted; percentiles of all are made of all latencies, not of these."""

    requests: int
    requests_per_s: float
    errors: dict[str, int]
    latency_ms: dict[str, float]
    hdr: str = Field(description="as of the whole")
    lost_clients: int = Field(description="how often it was killed on the way")


class Load(Open):
    """What the clients counted."""

    requests: int = Field(description="answered")
    requests_per_s: float
    elapsed_s: float
    offered: int | None = Field(default=None, description="due; an open model's alone")
    dropped: dict[str, int] = Field(default={}, description="due and not sent, by reason")
    statuses: dict[str, int] = Field(description="answers by HTTP status")
    errors: dict[str, int] = Field(description="by kind: http_5xx, timeout, reset ...")
    latency_ms: dict[str, float] = Field(description="percentiles from when requests were due")
    service_ms: dict[str, float] = Field(default={}, description="percentiles from when they were sent")
    dispatch_lag_ms: dict[str, float] = Field(default={}, description="the generator's own lateness")
    clients: dict[str, Client] = Field(default={}, description="what each has counted, by name")
    lost_clients: int = Field(default=0, description="how often one was killed on the way")
    hdr: str = Field(description="HdrHistogram, V2 compressed, base64; microseconds from when due")


class Pod(Open):
    """A pod, or a target that no pod is known of."""

    pod: str
    as_: str = Field(alias="as", description="nginx-0 and so on; empty for one that has gone")
    modes: dict[str, str] = Field(description="how it misbehaves")
    requests: int
    share: float = Field(description="of all answers, 0 to 1")
    latency_ms: dict[str, float]
    outstanding: dict[str, float] = Field(description="mean and max over all nodes")
    per_node: dict[str, dict[str, float]] = Field(description="mean and max as each node counts them")
    states: dict[str, str] = Field(description="target state, by node, at the end")


class AlbError(Open):
    """Errors as a node of the load balancer explains them."""

    node: str
    status: int
    cause: str
    sentence: str | None
    count: int


class Failure(Part):
    """A request that failed, as a node of the load balancer remembers it; null is what it did not come to."""

    at_s: float = Field(description="when it came to the node, after the warm-up")
    node: str
    request: str = Field(description="method and URL")
    request_id: str = Field(description="the Root of its X-Amzn-Trace-Id")
    journey: str | None = Field(description="of a request that was recorded hop by hop")
    client: str
    status: int
    cause: str
    sentence: str | None
    target: str | None
    target_status: int | None
    request_ms: float | None = Field(description="until it was sent on to the target")
    target_ms: float | None = Field(description="from then to the first byte of the target's answer")
    total_ms: float


class Event(Open):
    """An action of the scenario's timeline."""

    at_s: float
    what: str
    name: str | None = Field(default=None, description="what thresholds call it by")
    until_s: float | None = Field(default=None, description="when it was over, if that could be seen")


class Router(Open):
    """What one router found."""

    event: str = Field(description="session_up, session_down, link_down, hold_timer: what it was told of")
    took_s: float = Field(description="from the fault's event to its last change of a best path")
    changes: int = Field(description="of best paths")


class Convergence(Open):
    """How long routers took to find other paths after a fault began, was changed or ended."""

    fault: str = Field(description="its id")
    name: str | None = Field(default=None, description="as the timeline calls it")
    target: str
    what: str
    when: Literal["begins", "changes", "ends"]
    at_s: float
    took_s: float = Field(description="until the last of them had")
    routers: dict[str, Router]
    told: str = Field(description="the same in words")


class Asserted(Open):
    """An assertion, with what came out."""

    assertion: Literal["never", "always", "eventually"]
    claim: str = Field(description="as the scenario has it")
    ok: bool = Field(description="true: it is as it should be")
    at_s: float | None = Field(description="when that was decided; null: not before the end")
    told: str = Field(description="the values then")


class Seconds(Part):
    """One value for each second."""

    t_s: list[float] = Field(description="the seconds' ends, after the warm-up")
    offered: list[int]
    sent: list[int]
    completed: list[int]
    failed: dict[str, list[int]] = Field(description="by kind")
    dropped: list[int]
    inflight: list[int]
    latency_ms: dict[str, Values] = Field(description="p50, p90, p99, max")
    service_p99_ms: Values
    requests: dict[str, list[int]] = Field(description="answers by pod")
    outstanding: dict[str, dict[str, Values]] = Field(description="by load balancer node and target")
    target_states: dict[str, list[str | None]]
    pod_states: dict[str, list[str | None]]


class Tier(Part):
    """A part of the way."""

    tier: str
    ms: float
    ways: dict[str, float] = Field(description="propagation, queueing, processing, service ...")


class Percentiles(Part):
    """Percentile and milliseconds."""

    due: list[tuple[float, float]]
    sent: list[tuple[float, float]]


class Journeys(Part):
    """Requests that were recorded hop by hop."""

    recorded: int
    kept: int
    slowest: list[str] = Field(description="their ids, which are trace ids, too")


class Variant(Open):
    """One variant."""

    verdict: Verdict
    outcome: Literal["pass", "fail"] = Field(description="of its thresholds and assertions")
    expected: Literal["pass", "fail"] = Field(description="what was meant to come out")
    thresholds: list[Checked]
    assertions: list[Asserted] = Field(default=[])
    invalid: list[str] = Field(description="why the figures cannot be believed")
    unsettled: list[str] = Field(description="elements that were not ready when it began")
    load: Load
    pods: list[Pod]
    nodes: list[str] = Field(description="the load balancer's")
    alb_errors: list[AlbError]
    failures: list[Failure] = Field(default=[], description="the first twenty of each status and cause")
    origins: dict[str, dict[str, int]] = Field(description="errors by who caused them")
    events: list[Event]
    convergence: list[Convergence] = Field(default=[])
    began_unix_ns: int = Field(description="the end of the warm-up, in the world's time of day")
    began_ns: int = Field(description="the same as model time")
    service_hdr: str
    percentiles: Percentiles
    series: Seconds
    budget: list[Tier] = Field(description="where the time of recorded requests went, on average")
    journeys: Journeys


class Wall(Part):
    """All that differs between two simulated runs of one seed."""

    started: str = Field(description="UTC, ISO 8601")
    took_s: float


class Summary(Part):
    """A run's `summary.json`."""

    format: Format
    scenario: str
    title: str
    description: str
    clock: Literal["virtual", "real"]
    seed: int
    verdict: Verdict = Field(description="invalid beats fail, fail beats pass")
    interrupted: bool
    variants: dict[str, Variant] = Field(description="by name; the only one of a plain scenario has none")
    wall: Wall


def summary_schema() -> dict[str, Any]:
    """The JSON Schema."""
    schema = Summary.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
