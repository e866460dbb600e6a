"""What a load is like: a closed loop of users, or an open model's plan; and what is left of it after a while."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol


class Begin(NamedTuple):
    """The laptop's call that begins a load."""

    verb: str
    arguments: dict[str, Any]


class Shape(Protocol):
    """Any load."""

    @property
    def duration_s(self) -> float: ...

    def begin(self, elapsed_s: float = 0.0) -> Begin | None:
        """How to begin it when so much of it is over; None when nothing is left."""


@dataclass(frozen=True)
class Closed:
    """So many users at once, each asking again when it has been answered."""

    concurrency: int
    duration_s: float

    def begin(self, elapsed_s: float = 0.0) -> Begin | None:
        left_s = self.duration_s - elapsed_s
        if left_s <= 0:
            return None
        return Begin("load_start", {"concurrency": self.concurrency, "duration_s": left_s})


@dataclass(frozen=True)
class Open:
    """Requests come at a rate: `stages` are `{"duration_s", "rate", "rate_at_end"}`, `options` the laptop's own."""

    stages: tuple[dict[str, float], ...]
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, rate: float, duration_s: float, **options: Any) -> "Open":
        """At one rate."""
        return cls(({"duration_s": duration_s, "rate": rate, "rate_at_end": rate},), options)

    @property
    def duration_s(self) -> float:
        return sum(stage["duration_s"] for stage in self.stages)

    def begin(self, elapsed_s: float = 0.0) -> Begin | None:
        stages, options = [], dict(self.options)
        if "warm_up_s" in options:
            options["warm_up_s"] = max(options["warm_up_s"] - elapsed_s, 0.0)
        for stage in self.stages:
            over_s = min(elapsed_s, stage["duration_s"])
            elapsed_s -= over_s
            if over_s < stage["duration_s"]:
                stages.append(_rest(stage, over_s))
        return Begin("load_open", {"stages": stages, **options}) if stages else None


def _rest(stage: dict[str, float], over_s: float) -> dict[str, float]:
    """The end of a stage, of which so much is over."""
    first, last = stage["rate"], stage.get("rate_at_end", stage["rate"])
    now = first + (last - first) * over_s / stage["duration_s"]
    return {"duration_s": stage["duration_s"] - over_s, "rate": now, "rate_at_end": last}
