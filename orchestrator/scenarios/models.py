"""The scenario file as pydantic models."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from actors.units import MILLISECOND, Duration, Share
from orchestrator.config.models import Name
from orchestrator.load.models import Load, Part, RatePlan, Users
from orchestrator.scenarios.assertions import ALWAYS, EVENTUALLY, MOODS, NEVER, Claim, Watched, parse_claim
from orchestrator.scenarios.fault_models import At, FaultsAction
from orchestrator.scenarios.thresholds import METRICS, Condition, parse

Values = dict[str, Any]
Verdict = Literal["pass", "fail"]


# ---- what happens --------------------------------------------------------------------------------------------------


class SetAction(At):
    """As `journey set` does."""

    do: Literal["set"]
    target: str = Field(description="pod/nginx-0, alb, alb[NAME], tg/NAME or deployment/NAME")
    to: Values = Field(min_length=1, description="what is set: key and value, as for `journey set`")


class ScaleAction(At):
    """As `journey scale` does, without waiting."""

    do: Literal["scale"]
    target: str = Field(description="deployment/NAME")
    replicas: int = Field(ge=0, description="how many pods it is to have")


class RestartAction(At):
    """As `journey rollout restart` does."""

    do: Literal["rollout.restart"]
    target: str = Field(description="deployment/NAME")


class KillAction(At):
    """`kill -9` of an element's process; whoever started it starts it again."""

    do: Literal["kill"]
    target: str = Field(description="an element, or pod/nginx-0")


class DrainAction(At):
    """As `journey drain` does: the node takes no new pods, and those that it has are evicted."""

    do: Literal["drain"]
    target: str = Field(description="node/NAME")


class UncordonAction(At):
    """As `journey uncordon` does: the node takes pods again."""

    do: Literal["uncordon"]
    target: str = Field(description="node/NAME")


class PatchAction(At):
    """A merge patch of a Kubernetes object, as `kubectl patch --type=merge` sends it."""

    do: Literal["patch"]
    target: str = Field(description="KIND/NAME: ingress/nginx, or in a namespace ingress/NAMESPACE/NAME")
    with_: Values = Field(alias="with", min_length=1, description="what is merged into the object")


class ApplyAction(At):
    """Makes a Kubernetes object, or merges this into the one that there is, as `kubectl apply` does."""

    do: Literal["apply"]
    object: Values = Field(min_length=1, description="a manifest: apiVersion, kind, metadata, spec ...")


class DeleteAction(At):
    """As `kubectl delete` does, without waiting."""

    do: Literal["delete"]
    target: str = Field(description="KIND/NAME: ingress/nginx, or in a namespace ingress/NAMESPACE/NAME")


class AwsAction(At):
    """A request to the AWS API, as `journey aws` sends it."""

    do: Literal["aws"]
    service: str = Field(description="as boto3 calls it: route53, elbv2, ec2, acm")
    operation: str = Field(description="as AWS calls it: ChangeResourceRecordSets")
    parameters: Values = Field(default={}, description="of the operation, in AWS's spelling")


class LoadSetAction(At):
    """As `journey load set` does: the load goes on at this level until its end."""

    do: Literal["load.set"]
    rate: RatePlan | None = Field(default=None, description="requests a second of an open model: 800/s")
    users: Users | None = Field(default=None, description="users of a closed one: 20")

    @model_validator(mode="after")
    def _one_level(self) -> "LoadSetAction":
        if (self.rate is None) == (self.users is None):
            raise ValueError("say one of rate and users")
        level = self.rate or self.users
        if level is not None and level[0] != level[1]:
            raise ValueError("a load is set to one level; a ramp is a stage's")
        return self


class LoadAction(At):
    """As `journey load pause`, `resume` and `stop` do; the load's time goes on while it is paused."""

    do: Literal["load.pause", "load.resume", "load.stop"]


WorldAction = (
    SetAction
    | ScaleAction
    | RestartAction
    | KillAction
    | DrainAction
    | UncordonAction
    | PatchAction
    | ApplyAction
    | DeleteAction
    | AwsAction
    | FaultsAction
)
Action = Annotated[WorldAction | LoadSetAction | LoadAction, Field(discriminator="do")]


class Journeys(Part):
    """Which requests of the load are recorded hop by hop."""

    sample: Share = Field(default=0.01, description="how many are recorded; 0% records none")
    keep: list[Literal["errors", "slowest", "all"]] = Field(
        default=["errors", "slowest"], description="which of the recorded ones are kept"
    )
    slowest: int = Field(default=50, ge=1, le=1000, description="how many of the slowest are kept")


class Report(Part):
    """What is written about a run."""

    journeys: Journeys = Field(default=Journeys(), description="requests that are recorded hop by hop")
    html: bool = Field(default=True, description="whether report.html is made")

    def trace_every(self) -> int:
        """One of so many requests is recorded; 0: none."""
        return round(1 / self.journeys.sample) if self.journeys.sample else 0


class Variant(Part):
    """What one variant has that the others have not."""

    set_: Values = Field(default={}, alias="set", description="merged into the scenario's own `set`")
    overrides: Values = Field(default={}, description="merged into the scenario's own `overrides`")
    load: Values = Field(default={}, description="merged into the scenario's own `load`")
    timeline: list[Action] = Field(default=[], description="happens besides the scenario's own `timeline`")


# ---- what must come out --------------------------------------------------------------------------------------------


def _condition(value: Any) -> Condition:
    return value if isinstance(value, Condition) else parse(value)


class Threshold(Part):
    """A number that must be so."""

    metric: str = Field(description=f"one of {', '.join(METRICS)}", json_schema_extra={"enum": list(METRICS)})
    is_: Annotated[
        Condition,
        BeforeValidator(_condition),
        WithJsonSchema({"type": "string", "examples": ["p(99) < 400ms", "rate < 0.1%", "count == 0"]}),
    ] = Field(alias="is", description="`p(99) < 400ms`, `rate < 0.1%`, `max <= 20`")
    where: dict[str, str] = Field(default={}, description="of which pod, node or code")
    after: Duration = Field(default=0, description="of the load after this time only")
    during: str | None = Field(
        default=None, description="of the load while this entry of the timeline lasted only, by its name"
    )


def _claim(value: Any) -> Claim:
    return value if isinstance(value, Claim) else parse_claim(value)


ClaimText = Annotated[
    Claim,
    BeforeValidator(_claim),
    WithJsonSchema(
        {"type": "string", "examples": ["alb.targets.healthy < 4", "nat.sessions < nat.session_limit"]}
    ),
]


class Assertion(Part):
    """What must hold of the world's state while the load runs: one of `never`, `always` and `eventually`."""

    never: ClaimText | None = Field(default=None, description="must not be so at any look")
    always: ClaimText | None = Field(default=None, description="must be so at every look")
    eventually: ClaimText | None = Field(default=None, description="must be so at some look")
    within: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None, description="how long it is watched, counted from `after`; to the end if not given"
    )
    after: Duration = Field(default=0, description="from when on, counted from the beginning of the load")

    @model_validator(mode="after")
    def _one_mood(self) -> "Assertion":
        if len([mood for mood in MOODS if getattr(self, mood) is not None]) != 1:
            raise ValueError(f"say one of {NEVER}, {ALWAYS} and {EVENTUALLY}")
        return self

    def watched(self) -> Watched:
        """To be looked at."""
        mood = next(mood for mood in MOODS if getattr(self, mood) is not None)
        return Watched(mood, getattr(self, mood), self.after, self.within)


class Validity(Part):
    """What a run must keep to for its figures to be believed."""

    max_dropped: int = Field(default=0, ge=0, description="requests that could not be sent, at most")
    max_dispatch_lag_p99: Duration = Field(
        default=5 * MILLISECOND, description="how late the generator may be, for 99 of 100 requests"
    )
    max_dispatch_lag: Duration = Field(
        default=100 * MILLISECOND, description="how late the generator may be for any request"
    )
    max_element_lag: Duration = Field(
        default=500 * MILLISECOND,
        description="how late any element may be at any time, on the machine's clock; none is on the virtual one",
    )


class Scenario(Part):
    """A scenario: a world, load on it, what happens when, and what must come out."""

    version: Literal[1] = Field(description="version of this format")
    name: Name = Field(description="what it is called")
    title: str = Field(min_length=1, description="the question that it answers")
    description: str = Field(default="", description="what happens in it")
    seed: int = Field(default=1, ge=0, description="all dice are thrown from this, and arrivals are drawn")
    world: str = Field(min_length=1, description="the world file, relative to this one")
    overrides: Values = Field(
        default={},
        description="merged into the world file: mappings key by key, all else replaced; null takes a key away",
    )
    set_: Values = Field(
        default={},
        alias="set",
        description="before the load: `pod/nginx-0: {latency: 200ms}`, `deployment/nginx: {replicas: 6}`, "
        "`alb.algorithm: round_robin`",
    )
    variants: dict[Name, Variant] = Field(
        default={}, description="the same again with something else, each in a world of its own"
    )
    load: Load = Field(description="requests")
    timeline: list[Action] = Field(default=[], description="what happens while the load runs")
    thresholds: list[Threshold] = Field(default=[], description="what must come out, of each variant")
    assertions: list[Assertion] = Field(
        default=[], description="what must hold of the world's state meanwhile, in each variant"
    )
    expect: dict[Name, Verdict] = Field(
        default={}, description="variants that are meant to fail (or pass); pass if nothing is said"
    )
    validity: Validity = Field(default=Validity(), description="what a run must keep to")
    report: Report = Field(default=Report(), description="what is written about a run")
    sample: Annotated[Duration, Field(ge=10 * MILLISECOND)] = Field(
        default=100 * MILLISECOND, description="how often outstanding requests are looked at"
    )

    def named_variants(self) -> dict[str, Variant]:
        """At least one: a scenario without variants has a nameless one."""
        return dict(self.variants) or {"": Variant()}

    def timeline_of(self, variant: str) -> list[Action]:
        """What happens in a variant, in its order."""
        own = self.named_variants()[variant].timeline
        return sorted([*self.timeline, *own], key=lambda action: action.at)

    def expected(self, variant: str) -> str:
        return self.expect.get(variant, "pass")
