"""Faults of a timeline: brought about when their moment has come, and checked before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from actors.units import SECOND
from orchestrator.config.errors import suggestion
from orchestrator.config.models import World
from orchestrator.faults.book import FaultBook
from orchestrator.faults.places import zones_of
from orchestrator.faults.words import (
    CRASH,
    ELEMENT,
    LINK,
    ZONE,
    BadFault,
    Fault,
    Place,
    changed,
    fault_of,
    partition_of,
    said_by,
)
from orchestrator.scenarios.fault_models import (
    At,
    ClearAction,
    FaultAction,
    FaultsAction,
    FaultSetAction,
    PartitionAction,
)


async def act_on_faults(action: FaultsAction, faults: FaultBook) -> dict[str, Any]:
    """Do it; `what` was done, in words; a fault has its id as `fault`, what ends faults has theirs as `ended`, and what
    changes how long one lasts has `lasts_on`: its id, and until when. Raises `RequestFailed`."""
    match action:
        case FaultSetAction():
            made = await faults.change(action.target, _fields(action))
            what = {"what": f"{made['target']} changed: {made['what']}"}
            return {**what, "lasts_on": (made["id"], _until(action))} if _says_for(action) else what
        case ClearAction():
            ended = await faults.clear(action.target)
            names = ", ".join(each["target"] for each in ended) or "there were none"
            return {"what": f"faults end: {names}", "ended": [each["id"] for each in ended]}
        case _:
            fault = fault_in(action)
            made = await faults.add(fault, action.name)
            until_s = _until(action)
            lasts = {} if until_s is None else {"until_s": until_s}
            return {"what": f"{fault.place}: {fault.told()}", "fault": made["id"], **lasts}


def _says_for(action: FaultSetAction) -> bool:
    return "for_" in action.model_fields_set


def _until(action: FaultAction | FaultSetAction | PartitionAction) -> float | None:
    return None if action.for_ is None else (action.at + action.for_) / SECOND


def _fields(action: FaultAction | FaultSetAction) -> dict[str, Any]:
    return said_by(action, action.for_)


def fault_in(action: FaultAction | PartitionAction) -> Fault:
    """What an action makes go wrong. Raises `BadFault`."""
    if isinstance(action, PartitionAction):
        one, other = action.between
        return partition_of(one, other, None if action.for_ is None else f"{action.for_}ns")
    return fault_of(action.target, {**_fields(action), **({CRASH: True} if action.crash else {})})


# ---- before the run ------------------------------------------------------------------------------------------------


class Wrong(NamedTuple):
    """What is wrong with which action, at which key."""

    number: int
    key: str
    what: str


def faults_of_timeline(timeline: Sequence[At]) -> Iterator[Wrong]:
    """Play what is said of faults, without a world: words that do not go together, and faults that are not there."""
    there = _There()
    for number in sorted(range(len(timeline)), key=lambda number: timeline[number].at):
        action = timeline[number]
        try:
            there.take(action)
        except BadFault as error:
            yield Wrong(number, _blamed(action, error.key), str(error))


def _blamed(action: At, key: str) -> str:
    """The key that is to blame, if it is said here; else what the action is of."""
    said = {type(action).model_fields[name].alias or name for name in action.model_fields_set}
    return next(each for each in (key, "target", "between") if each in said)


@dataclass
class _Planned:
    """A fault that there will be, and until when."""

    name: str | None
    fault: Fault
    ends_ns: int | None

    def is_called(self, which: str) -> bool:
        return which == self.name or which.replace(":", "/", 1) == str(self.fault.place)

    def lasts(self, began_ns: int) -> None:
        self.ends_ns = None if self.fault.for_ns is None else began_ns + self.fault.for_ns


class _There:
    """The faults that a `FaultBook` will have at each moment of a timeline."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def take(self, action: At) -> None:
        """What happens next. Raises `BadFault`."""
        match action:
            case FaultAction() | PartitionAction():
                planned = _Planned(action.name, fault_in(action), None)
                planned.lasts(action.at)
                if not planned.fault.crash or planned.ends_ns is not None:  # else it is over in a moment
                    self._planned.append(planned)
            case FaultSetAction():
                planned = self._only(action)
                planned.fault = changed(planned.fault, _fields(action))
                if _says_for(action):
                    planned.lasts(action.at)
            case ClearAction():
                for planned in self._now(action.at) if action.target is None else self._found(action):
                    planned.ends_ns = action.at

    def _now(self, at_ns: int) -> list[_Planned]:
        return [each for each in self._planned if each.ends_ns is None or each.ends_ns > at_ns]

    def _found(self, action: FaultSetAction | ClearAction) -> list[_Planned]:
        which, now = str(action.target), self._now(action.at)
        if found := [each for each in now if each.is_called(which)]:
            return found
        if any(each.is_called(which) for each in self._planned):
            raise BadFault(f"{which} is over by then")
        known = [each.name for each in now if each.name] + [str(each.fault.place) for each in now]
        hint = (
            suggestion(which, set(known), otherwise="there are") if known else ": there are none at that time"
        )
        raise BadFault(f"there is no fault {which!r}{hint}")

    def _only(self, action: FaultSetAction) -> _Planned:
        found = self._found(action)
        if len(found) > 1:
            raise BadFault(f"{action.target} has {len(found)} faults: give the entry a name, and say that")
        return found[0]


def unknown_places(action: FaultAction | PartitionAction, world: World) -> Iterator[tuple[str, str]]:
    """Places that a world does not have: the key, and what is wrong."""
    try:
        fault = fault_in(action)
    except BadFault:
        return  # that has been said already
    known = {LINK: list(world.links), ELEMENT: list(world.elements), ZONE: list(zones_of(world))}
    places: list[Place] = [fault.place] if fault.sides is None else [*fault.sides[0], *fault.sides[1]]
    for kind, name in places:
        if kind in known and name not in known[kind]:
            hint = suggestion(name, known[kind], otherwise=f"{kind}s are")
            yield "target" if fault.sides is None else "between", f"there is no {kind} {name!r}{hint}"
