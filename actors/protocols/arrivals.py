"""When requests of an open model are due: evenly spaced or Poisson, at a rate that may change along a plan.

How this works. A plan is a row of stages, each with a rate that is constant or goes in a straight line. The number of
arrivals expected up to a moment is the area under the rate; the next arrival is where that area has grown by one
(evenly spaced) or by a draw of the exponential distribution with mean 1 (Poisson). Sans-IO: times are nanoseconds
after the plan's beginning, dice are handed in.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from random import Random
from typing import NamedTuple

SECOND = 1_000_000_000
UNIFORM, POISSON = "uniform", "poisson"
PATTERNS = (POISSON, UNIFORM)


class Stage(NamedTuple):
    """For so long, so many requests a second, at its beginning and at its end."""

    duration_ns: int
    rate: float
    rate_at_end: float

    def expected(self) -> float:
        """How many arrivals, on average."""
        return (self.rate + self.rate_at_end) / 2 * self.duration_ns / SECOND

    def at(self, offset_ns: int) -> float:
        """The rate so long after the stage's beginning."""
        return self.rate + (self.rate_at_end - self.rate) * offset_ns / self.duration_ns

    def when(self, area: float) -> float:
        """Seconds into the stage until this many arrivals are expected (fewer than in all of it)."""
        slope = (self.rate_at_end - self.rate) / (self.duration_ns / SECOND)
        # rate * t + slope / 2 * t^2 = area, in the form that does not lose digits for small slopes
        return (
            2 * area / (self.rate + sqrt(max(self.rate * self.rate + 2 * slope * area, 0.0))) if area else 0.0
        )


def constant(rate: float, duration_ns: int) -> list[Stage]:
    """A plan of one stage."""
    return [Stage(duration_ns, rate, rate)]


def arrivals(plan: Sequence[Stage], pattern: str, dice: Random, phase: float = 0.0) -> Iterator[int]:
    """When each request is due. An evenly spaced plan begins with one, or by `phase` (a part of a step) later."""
    began_ns, area = 0, phase if pattern == UNIFORM else dice.expovariate(1.0)
    for stage in plan:
        expected = stage.expected()
        while area < expected:
            yield began_ns + round(stage.when(area) * SECOND)
            area += 1.0 if pattern == UNIFORM else dice.expovariate(1.0)
        area -= expected
        began_ns += stage.duration_ns


def duration_ns(plan: Sequence[Stage]) -> int:
    return sum(stage.duration_ns for stage in plan)


def rate_at(plan: Sequence[Stage], offset_ns: int) -> float:
    """The rate so long after the plan's beginning; 0 after its end."""
    for stage in plan:
        if offset_ns < stage.duration_ns:
            return stage.at(max(offset_ns, 0))
        offset_ns -= stage.duration_ns
    return 0.0


def rest_of(plan: Sequence[Stage], offset_ns: int) -> list[Stage]:
    """What is left of a plan so long after its beginning."""
    left = []
    for stage in plan:
        over_ns = min(offset_ns, stage.duration_ns)
        offset_ns -= over_ns
        if over_ns < stage.duration_ns:
            left.append(Stage(stage.duration_ns - over_ns, stage.at(over_ns), stage.rate_at_end))
    return left
