"""What a load is like, as its client is told it: stages of rates or users, or a trace; and what is left of it later."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self

PAUSE, RESUME, SET, STOP = "pause", "resume", "set", "stop"

Stage = dict[str, float]


class Begin(NamedTuple):
    """The laptop's call that begins a load."""

    verb: str
    arguments: dict[str, Any]


class Change(NamedTuple):
    """What somebody wants of a load that runs."""

    do: str
    rate: float | None = None
    users: int | None = None


class Shape(Protocol):
    """Any load."""

    @property
    def duration_s(self) -> float: ...

    @property
    def warm_up_s(self) -> float: ...

    def begin(self, elapsed_s: float = 0.0) -> Begin | None:
        """How to begin it when so much of it is over; None when nothing is left."""

    def changed(self, elapsed_s: float, change: Change) -> "Shape":
        """What it is like from then on."""


@dataclass(frozen=True)
class Staged:
    """An open model, whose stages are `{"duration_s", "rate", "rate_at_end"?}`, or a closed one with `users` in their
    place; `options` are the laptop's own."""

    stages: tuple[Stage, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        return sum(stage["duration_s"] for stage in self.stages)

    @property
    def warm_up_s(self) -> float:
        return float(self.options.get("warm_up_s", 0.0))

    def warmed_up(self) -> Self:
        """With a stage before the others, at the first one's level, that lasts as long as the warm-up."""
        if not self.warm_up_s:
            return self
        first = self.stages[0]
        what = "users" if "users" in first else "rate"
        level = first[what] or first.get(f"{what}_at_end", 0)
        warm_up: Stage = {"duration_s": self.warm_up_s, what: level, f"{what}_at_end": level}
        return replace(self, stages=(warm_up, *self.stages))

    def begin(self, elapsed_s: float = 0.0) -> Begin | None:
        stages = self._rest(elapsed_s)
        options = _options_after(self.options, elapsed_s)
        return Begin("load_plan", {"stages": stages, **options}) if stages else None

    def changed(self, elapsed_s: float, change: Change) -> Self:
        if change.do != SET:
            rest = self._until(elapsed_s) if change.do == STOP else self.stages
            return replace(self, stages=tuple(rest), options=_paused(self.options, change))
        left_s = self.duration_s - elapsed_s
        level = {"rate": change.rate} if change.users is None else {"users": change.users}
        tail: list[Any] = [{"duration_s": left_s, **level}] if left_s > 0 else []
        return replace(self, stages=(*self._until(elapsed_s), *tail))

    def _rest(self, elapsed_s: float) -> list[Stage]:
        stages = []
        for stage in self.stages:
            over_s = min(elapsed_s, stage["duration_s"])
            elapsed_s -= over_s
            if over_s < stage["duration_s"]:
                stages.append(_cut(stage, over_s, stage["duration_s"]))
        return stages

    def _until(self, elapsed_s: float) -> list[Stage]:
        stages = []
        for stage in self.stages:
            if elapsed_s > 0:
                stages.append(_cut(stage, 0.0, min(elapsed_s, stage["duration_s"])))
            elapsed_s -= stage["duration_s"]
        return stages


@dataclass(frozen=True)
class Traced:
    """Requests at given moments (microseconds from the beginning); `which` of the options' `requests` each is."""

    due_us: tuple[int, ...]
    which: tuple[int, ...] | None
    duration_s: float
    options: dict[str, Any] = field(default_factory=dict)
    warm_up_s: float = 0.0

    def begin(self, elapsed_s: float = 0.0) -> Begin | None:
        over_us = round(elapsed_s * 1e6)
        left = [number for number, due in enumerate(self.due_us) if due >= over_us]
        if not left:
            return None
        arguments: dict[str, Any] = {
            "due_us": [self.due_us[number] - over_us for number in left],
            "which": None if self.which is None else [self.which[number] for number in left],
            "duration_s": self.duration_s - elapsed_s,
        }
        return Begin("load_trace", {**arguments, **self.options})

    def changed(self, elapsed_s: float, change: Change) -> Self:
        if change.do == STOP:
            return replace(self, duration_s=elapsed_s, due_us=(), which=None)
        return replace(self, options=_paused(self.options, change))


def closed(users: int, duration_s: float, **options: Any) -> Staged:
    """So many users at once, each asking again when it has been answered."""
    return Staged(({"duration_s": duration_s, "users": users},), options)


def open_at(rate: float, duration_s: float, **options: Any) -> Staged:
    """Requests at one rate."""
    return Staged(({"duration_s": duration_s, "rate": rate},), options)


def _options_after(options: dict[str, Any], elapsed_s: float) -> dict[str, Any]:
    if "warm_up_s" not in options:
        return options
    return {**options, "warm_up_s": max(options["warm_up_s"] - elapsed_s, 0.0)}


def _paused(options: dict[str, Any], change: Change) -> dict[str, Any]:
    return options if change.do == STOP else {**options, "paused": change.do == PAUSE}


def _cut(stage: Stage, since_s: float, until_s: float) -> Stage:
    """A part of a stage."""
    what = "users" if "users" in stage else "rate"
    first, last = stage[what], stage.get(f"{what}_at_end", stage[what])
    slope = (last - first) / stage["duration_s"]
    at = [first + slope * since_s, last if until_s == stage["duration_s"] else first + slope * until_s]
    if what == "users":
        at = [round(value) for value in at]
    return {"duration_s": until_s - since_s, what: at[0], f"{what}_at_end": at[1]}
