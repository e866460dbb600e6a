"""Faults of a timeline: brought about when their moment has come, and checked before."""

from collections.abc import Iterator, Sequence
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
    there: dict[str, tuple[str | None, Fault]] = {}
    for number in sorted(range(len(timeline)), key=lambda number: timeline[number].at):
        action = timeline[number]
        try:
            match action:
                case FaultAction() | PartitionAction():
                    there[str(number)] = (action.name, fault_in(action))
                case FaultSetAction():
                    key = _only(there, action.target)
                    there[key] = (there[key][0], changed(there[key][1], _fields(action)))
                case ClearAction() if action.target is not None:
                    _found(there, action.target)
        except BadFault as error:
            yield Wrong(number, error.key if error.key in _keys(action) else "target", str(error))


def _keys(action: At) -> set[str]:
    return {field.alias or name for name, field in type(action).model_fields.items()}


def _found(there: dict[str, tuple[str | None, Fault]], which: str) -> list[str]:
    """As `FaultBook` finds them."""
    as_target = which.replace(":", "/", 1)
    found = [key for key, (name, fault) in there.items() if which == name or as_target == str(fault.place)]
    if not found:
        names = [name for name, _ in there.values() if name]
        known = [*names, *dict.fromkeys(str(fault.place) for _, fault in there.values())]
        hint = suggestion(which, known, otherwise="there are") if known else ": there are none before it"
        raise BadFault(f"there is no fault {which!r}{hint}")
    return found


def _only(there: dict[str, tuple[str | None, Fault]], which: str) -> str:
    found = _found(there, which)
    if len(found) > 1:
        raise BadFault(f"{which} has {len(found)} faults: give the entry a name, and say that")
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
