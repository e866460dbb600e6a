"""From a file to a `Scenario` with the world of each of its variants, or to all that is wrong with it.

The same steps as for a world file: values that know their places, pydantic's findings in words, and then what only
shows when parts are held against each other.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from actors.parts.pod.modes import BadMode, Modes
from orchestrator.config.errors import ConfigError, ConfigErrors, Position, suggestion
from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.explain import explain, keys_at
from orchestrator.config.models import World
from orchestrator.config.reading import read_text
from orchestrator.config.tree import Entry, NotYaml, read_tree
from orchestrator.control.api import RequestFailed
from orchestrator.load.models import Load
from orchestrator.scenarios.cluster_actions import object_in, object_of
from orchestrator.scenarios.fault_actions import faults_of_timeline
from orchestrator.scenarios.foreseen import attribute_faults
from orchestrator.scenarios.models import (
    Action,
    ApplyAction,
    DeleteAction,
    DrainAction,
    PatchAction,
    Scenario,
    Threshold,
    UncordonAction,
)
from orchestrator.scenarios.thresholds import complaints
from orchestrator.scenarios.variants import Fault, load_loads, load_worlds
from orchestrator.scenarios.windows import WINDOWED
from orchestrator.settings import deployments
from orchestrator.settings.words import (
    ALB,
    DEPLOYMENT,
    POD,
    TARGET_GROUP,
    Target,
    as_text,
    from_mapping,
    refuse,
    target_of,
)

_ACTIONS: TypeAdapter[Action] = TypeAdapter(Action)


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
        add(load_worlds(tree.value, path.parent, scenario, worlds))
    loads: dict[str, Load] = {}
    if scenario is not None:
        add(load_loads(tree.value, path.parent, scenario, loads, worlds))
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
        if name not in variants:
            hint = (
                suggestion(str(name), variants, otherwise="variants are") if variants else ": there are none"
            )
            yield ("expect", name), True, f"there is no variant {name!r}{hint}"
    yield from _name_faults(value)
    for where, action in _actions(value):
        yield from _action_faults(action, where)
    yield from _fault_faults(value)
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
    if target.kind in (ALB, TARGET_GROUP):
        yield from attribute_faults(values, of_group=target.kind == TARGET_GROUP)


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


def _fault_faults(value: dict[str, Any]) -> Iterator[Fault]:
    """What timelines say of faults: each variant's with that of all."""
    actions: dict[ConfigPath, Any] = {}
    for where, action in _actions(value):
        with contextlib.suppress(ValidationError):  # pydantic says why
            actions[where] = _ACTIONS.validate_python(action)
    shared = [where for where in actions if where[0] == "timeline"]
    names = dict.fromkeys(where[1] for where in actions if where[0] == "variants") or {"": None}
    for name in names:
        places = [*shared, *(where for where in actions if where[:2] == ("variants", name))]
        for index, key, what in faults_of_timeline([actions[where] for where in places]):
            yield (*places[index], key), False, what


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
    if kind == "apply" or (kind in ("patch", "delete", "drain", "uncordon") and isinstance(name, str)):
        yield from _refused(action, path)
        return
    if not isinstance(name, str) or kind == "kill" or str(kind).startswith("fault."):
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
