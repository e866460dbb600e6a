"""What each variant of a scenario is played in: its world, its load, and whether what happens there can."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from orchestrator.config.errors import ConfigError, ConfigErrors, path_text, suggestion
from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.explain import explain, keys_at
from orchestrator.config.loader import load_world
from orchestrator.config.models import World
from orchestrator.config.tree import read_tree
from orchestrator.control.api import RequestFailed
from orchestrator.faults.words import ELEMENT
from orchestrator.load.models import Load
from orchestrator.scenarios.aws_requests import aws_faults
from orchestrator.scenarios.cluster_names import names_in, unknown_deployment, unknown_object
from orchestrator.scenarios.fault_actions import unknown_places
from orchestrator.scenarios.fault_models import FaultAction, PartitionAction
from orchestrator.scenarios.foreseen import too_late
from orchestrator.scenarios.loads import client_faults, level_faults, load_faults
from orchestrator.scenarios.models import (
    Action,
    DrainAction,
    KillAction,
    Scenario,
    UncordonAction,
    Values,
)
from orchestrator.settings.words import POD, from_mapping

Fault = tuple[ConfigPath, bool, str]
"""Where, whether the key is at fault, and what."""


def load_worlds(
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
    seen: set[ConfigPath] = set()
    for name, variant in scenario.named_variants().items():
        where: ConfigPath = ("variants", name, "overrides") if variant.overrides else ("overrides",)
        try:
            changes = [scenario.overrides, variant.overrides]
            worlds[name] = load_world(path, *changes) if any(changes) else plain
        except ConfigErrors as error:
            what = "; ".join(f"{_place(each)}{each.what}" for each in error.errors)
            yield where, False, f"with this the world is wrong: {what}"
            worlds[name] = plain
        for fault in _element_faults(scenario, name, worlds[name]):
            if fault[0] not in seen:
                seen.add(fault[0])
                yield fault


def load_loads(
    value: dict[str, Any],
    directory: Path,
    scenario: Scenario,
    loads: dict[str, Load],
    worlds: dict[str, World],
) -> Iterator[Fault]:
    """Make each variant's own load of the scenario's, and hold timelines against it."""
    seen: set[ConfigPath] = set()
    yield from load_faults(scenario.load, directory, ("load",))
    for name, variant in scenario.named_variants().items():
        loads[name] = scenario.load
        if variant.load:
            whole = merged(value["load"], variant.load)
            try:
                loads[name] = Load.model_validate(whole)
            except ValidationError as error:
                tree, _ = read_tree(_yaml(whole))
                for where, of_key, what in explain(error, tree, lambda where: keys_at(Load, where)):
                    inside = where if len(where) == 1 and where[0] in variant.load else ()
                    yield ("variants", name, "load", *inside), of_key and bool(inside), what
            yield from load_faults(loads[name], directory, ("variants", name, "load"))
        yield from level_faults(scenario, name, loads[name])
        if name in worlds:
            own: ConfigPath = ("variants", name) if "clients" in variant.load else ()
            yield from client_faults(loads[name], worlds[name], (*own, "load"))
        if (trace := loads[name].trace) is not None:
            loads[name] = loads[name].model_copy(update={"trace": str(directory / trace)})
        for where, timeline in _timelines(scenario, name):
            for number, action in enumerate(timeline):
                place = (*where, number, "at")
                if place not in seen and (fault := too_late(action, loads[name])) is not None:
                    seen.add(place)
                    yield place, False, fault


def _element_faults(scenario: Scenario, variant: str, world: World) -> Iterator[Fault]:
    """Names that a variant's world does not have."""
    for where, timeline in _timelines(scenario, variant):
        for number, action in enumerate(timeline):
            if (what := _unknown(action, world)) is not None:
                yield (*where, number, "target"), False, what
            for inside, of_key, what in aws_faults(action):
                yield (*where, number, *inside), of_key, what
            if isinstance(action, FaultAction | PartitionAction):
                for key, what in unknown_places(action, world):
                    yield (*where, number, key), False, what
    yield from _object_faults(scenario, variant, world)
    yield from _node_faults(scenario, world)


def _object_faults(scenario: Scenario, variant: str, world: World) -> Iterator[Fault]:
    """Objects of Kubernetes that a variant's world does not have."""
    timelines = _timelines(scenario, variant)
    names = names_in(world, [action for _, timeline in timelines for action in timeline])
    for where, timeline in timelines:
        for number, action in enumerate(timeline):
            if (what := unknown_object(action, names)) is not None:
                yield (*where, number, "target"), False, what
    own = scenario.named_variants()[variant].set_
    settings: list[tuple[ConfigPath, Values]] = [
        (("set",), scenario.set_),
        (("variants", variant, "set"), own),
    ]
    for where, values in settings:
        for key, value in values.items():
            try:
                targets = from_mapping({key: value})
            except RequestFailed:
                continue  # that has been said already
            for target in targets:
                if (what := unknown_deployment(target, names)) is not None:
                    yield (*where, key), True, what


def _timelines(scenario: Scenario, variant: str) -> list[tuple[ConfigPath, list[Action]]]:
    """What happens in all variants, and what in this one alone, with their places."""
    own = scenario.named_variants()[variant].timeline
    return [(("timeline",), scenario.timeline), (("variants", variant, "timeline"), own)]


def _unknown(action: Action, world: World) -> str | None:
    """What is wrong with the name of what an action is done to."""
    elements = list(world.elements)
    match action:
        case KillAction() if not action.target.startswith(f"{POD}/"):
            kind, name, known = ELEMENT, action.target, elements
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
