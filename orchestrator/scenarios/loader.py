"""From a file to a `Scenario` with the world of each of its variants, or to all that is wrong with it.

The same steps as for a world file: values that know their places, pydantic's findings in words, and then what only
shows when parts are held against each other.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from actors.parts.load.mix import BadRequest, mix_of
from actors.parts.pod.modes import BadMode, Modes
from orchestrator.config.errors import ConfigError, ConfigErrors, Position, path_text, suggestion
from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.explain import explain, keys_at
from orchestrator.config.loader import load_world, read_text, read_world
from orchestrator.config.models import World
from orchestrator.config.tree import Entry, NotYaml, read_tree
from orchestrator.control.api import RequestFailed
from orchestrator.faults.places import zones_of
from orchestrator.faults.words import ELEMENT, LINK, ZONE, place_of
from orchestrator.load.models import Load
from orchestrator.load.trace import BadTrace, read_trace
from orchestrator.scenarios.actions import fault_in
from orchestrator.scenarios.cluster_actions import object_in, object_of
from orchestrator.scenarios.models import (
    Action,
    ApplyAction,
    DeleteAction,
    DrainAction,
    FaultAction,
    KillAction,
    LoadSetAction,
    PatchAction,
    Scenario,
    Threshold,
    UncordonAction,
)
from orchestrator.scenarios.thresholds import complaints
from orchestrator.scenarios.windows import WINDOWED
from orchestrator.settings import deployments
from orchestrator.settings.words import DEPLOYMENT, POD, Target, as_text, from_mapping, refuse, target_of

_ACTIONS: TypeAdapter[Action] = TypeAdapter(Action)

Fault = tuple[ConfigPath, bool, str]
"""Where, whether the key is at fault, and what."""


class Loaded(NamedTuple):
    """A scenario that can be run."""

    path: Path
    scenario: Scenario
    worlds: dict[str, World]
    """By variant."""
    loads: dict[str, Load]
    """By variant."""


def is_scenario(path: Path) -> bool:
    """Whether a file is one, or else (as far as can be seen) a world."""
    try:
        value = read_tree(read_text(path))[0].value
    except NotYaml:
        return False
    return isinstance(value, dict) and "elements" not in value and ("load" in value or "world" in value)


def load_scenario(path: Path | str) -> Loaded:
    """Read and check a scenario file; raises `ConfigErrors` with every fault that it has."""
    path = Path(path)
    return load_text(read_text(path), path)


def load_text(text: str, path: Path) -> Loaded:
    """As `load_scenario`, of what such a file could say. Raises `ConfigErrors`."""
    file = str(path)
    try:
        tree, unreadable = read_tree(text)
    except NotYaml as error:
        raise ConfigErrors([ConfigError(file, error.position, (), error.what)]) from None
    errors = [ConfigError(file, position, where, what) for position, where, what in unreadable]

    def add(faults: Iterator[Fault]) -> None:
        seen: set[Position | None] = {error.position for error in errors}
        for where, of_key, what in faults:
            position = tree.position(where, of_key=of_key)
            if position not in seen:
                errors.append(ConfigError(file, position, where, what))

    scenario = None
    try:
        scenario = Scenario.model_validate(tree.value)
    except ValidationError as error:
        add(explain(error, tree, lambda where: keys_at(Scenario, where)))
    add(_disagreements(tree))
    worlds: dict[str, World] = {}
    if isinstance(tree.value, dict):
        add(_load_worlds(tree.value, path.parent, scenario, worlds))
    loads: dict[str, Load] = {}
    if scenario is not None:
        add(_load_loads(tree.value, path.parent, scenario, loads, worlds))
    if scenario is None or errors:
        raise ConfigErrors(errors)
    return Loaded(path, scenario, worlds, loads)


# ---- parts against each other --------------------------------------------------------------------------------------


def _disagreements(tree: Entry) -> Iterator[Fault]:
    """What pydantic cannot see; of parts that are not what they should be, nothing is said here."""
    value = tree.value if isinstance(tree.value, dict) else {}
    yield from _set_faults(value.get("set"), ("set",))
    variants = value.get("variants")
    variants = variants if isinstance(variants, dict) else {}
    for name, variant in variants.items():
        if isinstance(variant, dict):
            yield from _set_faults(variant.get("set"), ("variants", name, "set"))
    expect = value.get("expect")
    for name in expect if isinstance(expect, dict) else ():
        if variants and name not in variants:
            hint = suggestion(str(name), variants, otherwise="variants are")
            yield ("expect", name), True, f"there is no variant {name!r}{hint}"
    yield from _name_faults(value)
    for where, action in _actions(value):
        yield from _action_faults(action, where)
    thresholds = value.get("thresholds")
    for number, threshold in enumerate(thresholds if isinstance(thresholds, list) else ()):
        yield from _threshold_faults(threshold, ("thresholds", number))


def _set_faults(values: Any, path: ConfigPath) -> Iterator[Fault]:
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        try:
            settings = from_mapping({str(key): value})
        except RequestFailed as error:
            yield (*path, key), True, str(error)
            continue
        for target, wanted in settings.items():
            inside = isinstance(value, dict)
            for bad, of_key, what in _target_faults(target, wanted):
                yield ((*path, key, bad) if inside and bad else (*path, key)), of_key, what


def _target_faults(target: Target, values: dict[str, str]) -> Iterator[tuple[str, bool, str]]:
    """What can be known of settings without a world: pods' modes, and replicas."""
    if target.kind == POD:
        modes = Modes()
        for key, text in values.items():
            try:
                modes.change({"errors": "1%", "stall": "1%", key: text})
            except BadMode as error:
                yield key, str(error).startswith("unknown key"), str(error)
    if target.kind == DEPLOYMENT:
        for key, text in values.items():
            if (fault := deployments.complaint(key, text)) is not None:
                yield key, fault.startswith("unknown key"), fault


def _actions(value: dict[str, Any]) -> Iterator[tuple[ConfigPath, dict[str, Any]]]:
    """All that happens, in whichever variant, with its place."""
    variants = value.get("variants")
    of_variants = [
        (("variants", name, "timeline"), variant.get("timeline"))
        for name, variant in (variants.items() if isinstance(variants, dict) else ())
        if isinstance(variant, dict)
    ]
    timelines: list[tuple[ConfigPath, Any]] = [(("timeline",), value.get("timeline")), *of_variants]
    for where, timeline in timelines:
        for number, action in enumerate(timeline if isinstance(timeline, list) else ()):
            if isinstance(action, dict):
                yield (*where, number), action


def _name_faults(value: dict[str, Any]) -> Iterator[Fault]:
    """Names of the timeline's entries, and thresholds that are about them."""
    thresholds = value.get("thresholds")
    names: list[str] = []
    for where, action in _actions(value):
        name = action.get("name")
        if isinstance(name, str):
            if name in names and where[0] == "timeline":
                yield (*where, "name"), False, f"there is an entry {name!r} already"
            names.append(name)
    for number, threshold in enumerate(thresholds if isinstance(thresholds, list) else ()):
        during = threshold.get("during") if isinstance(threshold, dict) else None
        if isinstance(during, str) and during not in names:
            hint = suggestion(during, names, otherwise="names are") if names else ": none has a name"
            yield ("thresholds", number, "during"), False, f"the timeline has no entry {during!r}{hint}"


def _action_faults(action: dict[str, Any], path: ConfigPath) -> Iterator[Fault]:
    name, kind = action.get("target"), action.get("do")
    if kind == "apply" or (
        kind in ("fault.add", "patch", "delete", "drain", "uncordon") and isinstance(name, str)
    ):
        yield from _refused(action, path)
        return
    if not isinstance(name, str) or kind in ("kill", "fault.clear"):
        return
    try:
        target = target_of(name)
    except RequestFailed as error:
        yield (*path, "target"), False, str(error)
        return
    if kind in ("scale", "rollout.restart") and target.kind != DEPLOYMENT:
        yield (
            (*path, "target"),
            False,
            f"only deployments can do that, such as deployment/nginx, not {name!r}",
        )
    if kind == "set" and isinstance(action.get("to"), dict):
        values = {str(key): as_text(value) for key, value in action["to"].items()}
        for bad, of_key, what in _target_faults(target, values):
            yield (*path, "to", bad), of_key, what


def _refused(action: dict[str, Any], path: ConfigPath) -> Iterator[Fault]:
    """What the verbs themselves would refuse."""
    try:
        checked = _ACTIONS.validate_python(action)
    except ValidationError:
        return  # pydantic has said why
    try:
        match checked:
            case FaultAction():
                fault_in(checked)
            case PatchAction() | DeleteAction():
                object_of(checked.target)
            case ApplyAction():
                object_in(checked.object)
            case DrainAction() | UncordonAction() if not checked.target.startswith("node/"):
                raise refuse(f"only nodes can do that, such as node/node-1, not {checked.target!r}")
    except RequestFailed as error:
        yield (*path, "object" if checked.do == "apply" else "target"), False, str(error)


def _threshold_faults(value: Any, path: ConfigPath) -> Iterator[Fault]:
    try:
        threshold = Threshold.model_validate(value)
    except ValidationError:
        return
    for key, what in complaints(threshold.metric, threshold.is_, threshold.where):
        yield (*path, key), False, what
    part = "during" if threshold.during is not None else "after" if threshold.after else None
    if part and (threshold.metric not in WINDOWED or (threshold.metric == "latency" and threshold.where)):
        known = ", ".join(WINDOWED)
        yield (
            (*path, part),
            True,
            f"{threshold.metric}{' of a pod' if threshold.where else ''} is known of the whole run only; "
            f"by the second there are {known}",
        )


# ---- worlds --------------------------------------------------------------------------------------------------------


def _load_worlds(
    value: dict[str, Any], directory: Path, scenario: Scenario | None, worlds: dict[str, World]
) -> Iterator[Fault]:
    """Read the world file, and make each variant's own of it."""
    if not isinstance(value.get("world"), str) or not value["world"]:
        return
    path = directory / value["world"]
    try:
        plain = load_world(path)
    except ConfigErrors as error:
        yield ("world",), False, _as_one(error)
        return
    if scenario is None:
        return
    raw = read_tree(read_text(path))[0].value
    base = merged(raw, scenario.overrides)
    seen: set[ConfigPath] = set()
    for name, variant in scenario.named_variants().items():
        whole = merged(base, variant.overrides)
        where: ConfigPath = ("variants", name, "overrides") if variant.overrides else ("overrides",)
        try:
            worlds[name] = plain if whole == raw else read_world(_yaml(whole), path)
        except ConfigErrors as error:
            what = "; ".join(f"{_place(each)}{each.what}" for each in error.errors)
            yield where, False, f"with this the world is wrong: {what}"
            worlds[name] = plain
        for fault in _element_faults(scenario, name, worlds[name]):
            if fault[0] not in seen:
                seen.add(fault[0])
                yield fault


def _load_loads(
    value: dict[str, Any],
    directory: Path,
    scenario: Scenario,
    loads: dict[str, Load],
    worlds: dict[str, World],
) -> Iterator[Fault]:
    """Make each variant's own load of the scenario's, and read their traces."""
    yield from _load_faults(scenario.load, directory, ("load",))
    for name, variant in scenario.named_variants().items():
        loads[name] = scenario.load
        if variant.load:
            yield from _own_load(value, name, variant.load, loads)
            yield from _load_faults(loads[name], directory, ("variants", name, "load"))
        yield from _level_faults(scenario, name, loads[name])
        if name in worlds:
            own = "clients" in variant.load
            yield from _client_faults(
                loads[name], worlds[name], ("variants", name, "load") if own else ("load",)
            )
        if (trace := loads[name].trace) is not None:
            loads[name] = loads[name].model_copy(update={"trace": str(directory / trace)})


def _client_faults(load: Load, world: World, where: ConfigPath) -> Iterator[Fault]:
    laptops = [name for name, element in world.elements.items() if element.kind == "laptop"]
    for number, name in enumerate(load.clients):
        if name not in laptops:
            hint = suggestion(name, laptops, otherwise="there are")
            yield (*where, "clients", number), False, f"there is no laptop {name!r}{hint}"
        elif name in load.clients[:number]:
            yield (*where, "clients", number), False, f"{name} stands here twice"


def _own_load(
    value: dict[str, Any], name: str, change: dict[str, Any], loads: dict[str, Load]
) -> Iterator[Fault]:
    whole = merged(value["load"], change)
    try:
        loads[name] = Load.model_validate(whole)
    except ValidationError as error:
        tree, _ = read_tree(_yaml(whole))
        for where, of_key, what in explain(error, tree, lambda where: keys_at(Load, where)):
            inside = where if len(where) == 1 and where[0] in change else ()
            yield ("variants", name, "load", *inside), of_key and bool(inside), what


def _level_faults(scenario: Scenario, variant: str, load: Load) -> Iterator[Fault]:
    """Changes that this load does not know."""
    own = scenario.named_variants()[variant].timeline
    for where, timeline in ((("timeline",), scenario.timeline), (("variants", variant, "timeline"), own)):
        for number, action in enumerate(timeline):
            if not isinstance(action, LoadSetAction):
                continue
            key = "rate" if action.users is None else "users"
            if load.trace is not None:
                yield (
                    (*where, number, key),
                    True,
                    "the moments of a trace are given: it has no level to be set",
                )
            elif load.closed == (key == "rate"):
                has = "users, not a rate" if load.closed else "a rate, not users"
                yield (*where, number, key), True, f"the load has {has}"


def _load_faults(load: Load, directory: Path, where: ConfigPath) -> Iterator[Fault]:
    """Of a load by itself: its trace, and names of its requests."""
    try:
        mix_of(URL("https://packet-journey.com/"), [request.plain() for request in load.requests])
    except BadRequest as error:
        yield (*where, "requests"), False, str(error)
    if load.trace is None:
        return
    try:
        trace = read_trace(directory / load.trace)
    except BadTrace as error:
        yield (*where, "trace"), False, str(error)
        return
    if trace.which is not None and load.requests:
        yield (*where, "requests"), True, f"the lines of {load.trace} say themselves what they ask for"


def _element_faults(scenario: Scenario, variant: str, world: World) -> Iterator[Fault]:
    """Names that a variant's world does not have."""
    own = scenario.named_variants()[variant].timeline
    timelines: list[tuple[ConfigPath, list[Action]]] = [
        (("timeline",), scenario.timeline),
        (("variants", variant, "timeline"), own),
    ]
    for where, timeline in timelines:
        for number, action in enumerate(timeline):
            if (what := _unknown(action, world)) is not None:
                yield (*where, number, "target"), False, what
    yield from _node_faults(scenario, world)


def _unknown(action: Action, world: World) -> str | None:
    """What is wrong with the name of what an action is done to."""
    elements = list(world.elements)
    match action:
        case KillAction() if not action.target.startswith(f"{POD}/"):
            kind, name, known = ELEMENT, action.target, elements
        case FaultAction():
            try:
                kind, name = place_of(action.target)
            except RequestFailed:
                return None  # that has been said already
            places = {LINK: list(world.links), ELEMENT: elements, ZONE: list(zones_of(world))}
            if kind not in places:
                return None
            known = places[kind]
        case DrainAction() | UncordonAction():
            kind, name = "node", action.target.removeprefix("node/")
            known = [each for each, spec in world.elements.items() if spec.kind == "eks_node"]
        case _:
            return None
    return (
        None
        if name in known
        else f"there is no {kind} {name!r}{suggestion(name, known, otherwise=f'{kind}s are')}"
    )


def _node_faults(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Load balancer nodes that thresholds are about."""
    balancers = [name for name, spec in world.elements.items() if spec.kind == "alb"]
    for number, threshold in enumerate(scenario.thresholds):
        named = threshold.where.get("node")
        if named is not None and balancers and named not in balancers:
            hint = suggestion(named, balancers, otherwise="nodes are")
            yield ("thresholds", number, "where"), False, f"there is no load balancer node {named!r}{hint}"


def merged(base: Any, change: Any) -> Any:
    """A change merged into values: mappings key by key, all else replaced, and null takes a key away (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    before = base if isinstance(base, dict) else {}
    whole = {**before, **{key: merged(before.get(key), value) for key, value in change.items()}}
    return {key: value for key, value in whole.items() if value is not None or key not in change}


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False)


def _place(error: ConfigError) -> str:
    return f"{path_text(error.path)}: " if error.path else ""


def _as_one(error: ConfigErrors) -> str:
    first, *more = map(str, error.errors)
    return first if not more else f"{first} (and {len(more)} more; `journey validate` shows all)"
