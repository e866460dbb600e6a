"""The load in a scenario file, and what a file of requests says, as pydantic models."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from actors.parts.load import mix
from actors.units import SECOND, Duration, Share
from orchestrator.config.models import Url
from orchestrator.load.shapes import Shape, Staged
from orchestrator.load.trace import read_trace


class Part(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


# ---- stages --------------------------------------------------------------------------------------------------------

_RATE = r"(\d+(?:\.\d+)?)\s*/\s*s"


def parse_rate_plan(value: Any) -> tuple[float, float]:
    """`300/s`, or `50/s to 300/s`, as requests a second at the beginning and at the end. Raises ValueError."""
    if isinstance(value, tuple):
        return value
    match = re.fullmatch(rf"{_RATE}(?:\s+to\s+{_RATE})?", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a rate; write it like 300/s, or 50/s to 300/s")
    first = float(match[1])
    last = first if match[2] is None else float(match[2])
    if first + last == 0:
        raise ValueError("a stage needs a rate above 0")
    return first, last


def parse_users(value: Any) -> tuple[int, int]:
    """`20`, or `5 to 50`, as users at the beginning and at the end. Raises ValueError."""
    if isinstance(value, tuple):
        return value
    match = (
        re.fullmatch(r"(\d+)(?:\s+to\s+(\d+))?", str(value).strip()) if type(value) in (int, str) else None
    )
    if match is None:
        raise ValueError(f"{value!r} is not a number of users; write it like 20, or 5 to 50")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if first + last == 0:
        raise ValueError("a stage needs a user")
    return first, last


RatePlan = Annotated[
    tuple[float, float],
    BeforeValidator(parse_rate_plan),
    WithJsonSchema({"type": "string", "examples": ["300/s", "50/s to 300/s"]}),
]
Users = Annotated[
    tuple[int, int],
    BeforeValidator(parse_users),
    WithJsonSchema({"type": ["integer", "string"], "examples": [20, "5 to 50"]}),
]


class Stage(Part):
    """A part of the load: of an open model with a rate, of a closed one with users."""

    for_: Annotated[Duration, Field(gt=0)] = Field(alias="for", description="how long")
    rate: RatePlan | None = Field(
        default=None, description="requests a second: 300/s, or in a straight line 50/s to 300/s"
    )
    users: Users | None = Field(
        default=None, description="users who each ask again when they have been answered: 20, or 5 to 50"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "Stage":
        if (self.rate is None) == (self.users is None):
            raise ValueError("say one of rate (an open model) and users (a closed one)")
        return self

    def plain(self) -> dict[str, float]:
        """As the laptop is told."""
        what = "rate" if self.users is None else "users"
        first, last = (self.rate if self.users is None else self.users) or (0, 0)
        return {"duration_s": self.for_ / SECOND, what: first, f"{what}_at_end": last}


# ---- requests ------------------------------------------------------------------------------------------------------


def _statuses(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


class Expect(Part):
    """The answer that is expected; another one is an error `unexpected`."""

    status: (
        Annotated[
            list[str],
            BeforeValidator(_statuses),
            WithJsonSchema({"type": ["integer", "string", "array"], "examples": [200, "2xx", [200, 304]]}),
        ]
        | None
    ) = Field(default=None, description="200, 2xx, or several: [200, 304]")
    contains: str | None = Field(default=None, description="text that is in the answer's body")

    @field_validator("status")
    @classmethod
    def _check_status(cls, value: list[str] | None) -> list[str] | None:
        return value if value is None else _checked("expect", {"status": value})["status"]

    @field_validator("contains")
    @classmethod
    def _check_contains(cls, value: str | None) -> str | None:
        return value if value is None else _checked("expect", {"contains": value})["contains"]


def _checked(key: str, value: Any) -> Any:
    """A value that a request can have for this key. Raises `mix.BadRequest`, which is a ValueError."""
    mix.check({key: value})
    return value


class Request(Part):
    """What is asked for."""

    name: str | None = Field(
        default=None, min_length=1, description="what it is called; METHOD PATH if not given"
    )
    path: str | None = Field(default=None, description="path and query; the URL's own if not given")
    method: str = Field(default="GET", description="GET, HEAD, POST ...")
    host: str | None = Field(
        default=None, description="the field Host; connections go to the URL's host all the same"
    )
    headers: dict[str, str] = Field(default={}, description="header fields")
    body: str | None = Field(default=None, description="content, as text")
    body_bytes: int | None = Field(default=None, description="or its size, if what it says does not matter")
    weight: float = Field(default=1, description="how often it is asked for, against the others")
    expect: Expect = Field(
        default=Expect(), description="the answer that is expected; below 400 if nothing is said"
    )

    @field_validator("path", "method", "host", "headers", "body_bytes", "weight")
    @classmethod
    def _check(cls, value: Any, info: Any) -> Any:
        return value if value is None else _checked(info.field_name, value)

    @model_validator(mode="after")
    def _one_body(self) -> "Request":
        if self.body is not None and self.body_bytes is not None:
            raise ValueError("body is the text of it, body_bytes its size: give one of them")
        return self

    def plain(self) -> dict[str, Any]:
        """As the laptop is told."""
        return self.model_dump(exclude_defaults=True, exclude_none=True)


class RequestFile(Part):
    """A file of requests."""

    requests: list[Request] = Field(min_length=1, description="what is asked for, by weight")


# ---- the load ------------------------------------------------------------------------------------------------------


class Load(Part):
    """Requests of an open model, which come whatever happens to those before them, or of a closed one, whose users wait
    for their answers."""

    url: Url | None = Field(
        default=None, description="what is asked for; the world's own URL if none is given"
    )
    clients: list[str] = Field(
        default=[],
        description="the laptops that it comes from, in even parts; all that the world has if none is named",
    )
    requests: list[Request] = Field(
        default=[], description="what is asked for there, by weight; GET of the URL if nothing is said"
    )
    keepalive: Share = Field(
        default=1.0,
        description="share of requests on connections that are kept; each of the others opens its own",
    )
    arrivals: Literal["poisson", "uniform"] = Field(
        default="poisson", description="how requests of an open model are spaced"
    )
    warm_up: Duration = Field(
        default=0, description="load at the first stage's level before that, which nothing is counted of"
    )
    stages: list[Stage] = Field(default=[], description="rates or users, one after the other")
    trace: str | None = Field(
        default=None,
        min_length=1,
        description="instead of stages: a file with the moments at which requests are due, relative to this one",
    )
    think: Duration = Field(
        default=0, description="what a user of a closed model waits between an answer and the next request"
    )
    max_connections: int = Field(
        default=1000, ge=1, le=10_000, description="connections of an open model at most, kept alive"
    )
    max_inflight: int = Field(
        default=2000,
        ge=1,
        description="requests of an open model under way at most; beyond it they are dropped and counted",
    )
    timeout: Annotated[Duration, Field(gt=0)] = Field(
        default=10 * SECOND, description="a request (each try of it) is given up after this long"
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=10,
        description="how often a client asks again after a 5xx, a timeout or a lost connection",
    )
    retry_wait: Duration = Field(
        default=0, description="what it waits before it asks again, doubled each time after the first"
    )

    @model_validator(mode="after")
    def _one_executor(self) -> "Load":
        if (self.trace is None) == (not self.stages):
            raise ValueError("a load has stages, or a trace: say one of them")
        given = self.model_fields_set
        if self.trace is not None and (foreign := given & {"arrivals", "warm_up", "think"}):
            raise ValueError(
                f"a trace says itself when requests are due: {', '.join(sorted(foreign))} is of no use"
            )
        if len({stage.users is None for stage in self.stages}) > 1:
            raise ValueError("stages are all of rates (an open model) or all of users (a closed one)")
        if self.closed and (foreign := given & {"arrivals", "max_connections", "max_inflight"}):
            raise ValueError(f"{', '.join(sorted(foreign))} is an open model's, and this load has users")
        if not self.closed and "think" in given:
            raise ValueError("think is a closed model's, and this load has no users")
        return self

    @property
    def closed(self) -> bool:
        """Whether it has users, and not a rate."""
        return bool(self.stages) and self.stages[0].users is not None

    def shape(self, seed: int, *, trace_every: int = 0, trace_ids: str | None = None) -> Shape:
        """As the laptop is told; equal seeds give equal arrivals, in all variants. Raises `BadTrace`."""
        options: dict[str, Any] = {
            "timeout_s": self.timeout / SECOND,
            "seed": seed,
            "trace_every": trace_every,
            "trace_ids": trace_ids,
            "retries": self.retries,
            "retry_wait_s": self.retry_wait / SECOND,
            "requests": [request.plain() for request in self.requests],
            "keepalive": self.keepalive,
        }
        if self.closed:
            options["think_s"] = self.think / SECOND
        else:
            options |= {"max_connections": self.max_connections, "max_inflight": self.max_inflight}
        if self.trace is not None:
            return read_trace(self.trace).shape(options)
        if not self.closed:
            options["arrivals"] = self.arrivals
        stages = tuple(stage.plain() for stage in self.stages)
        return Staged(stages, {**options, "warm_up_s": self.warm_up / SECOND}).warmed_up()
