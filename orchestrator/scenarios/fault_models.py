"""What a timeline says about faults, with the words that `journey fault` has."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from actors.links.impairments import Weather
from actors.units import Duration
from orchestrator.config.models import Name
from orchestrator.load.models import Part


class At(Part):
    """Something that happens at a moment."""

    at: Duration = Field(description="when, counted from the beginning of the load (after the warm-up)")
    name: Name | None = Field(default=None, description="what thresholds call it by: `during: NAME`")


For = Annotated[Duration, Field(gt=0)] | None


class FaultAction(At, Weather):
    """As `journey fault add` does: something goes wrong, for a time or until it is cleared."""

    do: Literal["fault.add"]
    target: str = Field(description="link/NAME, element/NAME, pod/NAME or zone/NAME")
    crash: bool = Field(
        default=False, description="elements end at once, and stay down for as long as `for` says"
    )
    for_: For = Field(default=None, alias="for", description="how long; until `fault.clear` if not given")


class FaultSetAction(At, Weather):
    """As `journey fault set` does: what is said changes (0, false and null end it), all else stays as it is."""

    do: Literal["fault.set"]
    target: str = Field(description="which fault: by its entry's name, or by its target if that has one only")
    for_: For = Field(default=None, alias="for", description="how long from now; null: until `fault.clear`")


def _listed(value: Any) -> Any:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


Side = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]


class PartitionAction(At):
    """As `journey fault partition` does: nothing passes between two sides."""

    do: Literal["fault.partition"]
    between: tuple[Side, Side] = Field(
        description="the two sides, each of elements, pod/NAME or zone/NAME: [isp, [transit-1, transit-2]]"
    )
    for_: For = Field(default=None, alias="for", description="how long; until `fault.clear` if not given")


class ClearAction(At):
    """As `journey fault clear` does."""

    do: Literal["fault.clear"]
    target: str | None = Field(
        default=None, description="which faults end: an entry's name, or of what they are; all if not given"
    )


FaultsAction = FaultAction | FaultSetAction | PartitionAction | ClearAction
