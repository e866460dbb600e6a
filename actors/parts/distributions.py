"""How long things take, as configs say it: `{distribution: lognormal, median: 400us, p99: 2ms}`."""

from math import exp, log
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from actors.parts.config_fields import Part
from actors.units import Duration

Z99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""


class Constant(Part):
    """Always the same."""

    distribution: Literal["constant"]
    value: Duration = Field(description="what every draw gives")

    def draw(self, dice: Random) -> int:
        """Nanoseconds."""
        return self.value


class Uniform(Part):
    """Anything between `low` and `high`, all alike."""

    distribution: Literal["uniform"]
    low: Duration = Field(description="the least")
    high: Duration = Field(description="the most")

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self

    def draw(self, dice: Random) -> int:
        """Nanoseconds."""
        return round(dice.uniform(self.low, self.high))


class Exponential(Part):
    """What has no memory: mostly short, sometimes long."""

    distribution: Literal["exponential"]
    mean: Annotated[Duration, Field(gt=0)] = Field(description="the average")

    def draw(self, dice: Random) -> int:
        """Nanoseconds."""
        return round(dice.expovariate(1 / self.mean))


class Lognormal(Part):
    """What service times look like: never near nothing, half of them below `median`, one in a hundred above `p99`."""

    distribution: Literal["lognormal"]
    median: Annotated[Duration, Field(gt=0)] = Field(description="half of the draws lie below")
    p99: Duration = Field(description="99 of 100 draws lie below")

    @model_validator(mode="after")
    def _ordered(self) -> "Lognormal":
        if self.p99 <= self.median:
            raise ValueError("p99 must be above median")
        return self

    def draw(self, dice: Random) -> int:
        """Nanoseconds."""
        return round(self.median * exp(dice.gauss(0.0, log(self.p99 / self.median) / Z99)))


Distribution = Annotated[Constant | Uniform | Exponential | Lognormal, Field(discriminator="distribution")]
"""A config field; `draw(dice)` gives nanoseconds."""
