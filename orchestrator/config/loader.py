"""From a file to a `World`, or to all that is wrong with the file.

How this works. The text becomes a tree of values that know their places (`tree`); a file that extends another is laid
over that one's tree (`extending`); pydantic validates the values
(`models`), and its findings are put into words (`explain`). Parts that are right in themselves are then checked
against each other (`checks`, `addresses`), also when other parts are not, so that one reading finds every fault.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from actors.element import FileName, load_kind
from actors.links.impairments import LinkConfig
from orchestrator.config.addresses import check_addresses
from orchestrator.config.checks import Draft, check
from orchestrator.config.errors import ConfigError, ConfigErrors, Position
from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.explain import explain, keys_at
from orchestrator.config.extending import extended, overlaid, plain_yaml
from orchestrator.config.models import ElementSpec, World, plain_name
from orchestrator.config.reading import read_text
from orchestrator.config.tree import Entry, read_tree

Model = TypeVar("Model", bound=BaseModel)


def load_world(path: Path | str, *changes: Mapping[str, Any]) -> World:
    """Read and check a world file, with `changes` laid over it; raises `ConfigErrors` with every fault that it has."""
    path = Path(path)
    return read_world(read_text(path), path, *changes)


def read_world(text: str, path: Path, *changes: Mapping[str, Any]) -> World:
    """The same for a text; `path` is what faults are reported under, and files are looked for beside it."""
    tree, unreadable = extended(text, path)
    for change in filter(None, changes):
        tree = overlaid(tree, read_tree(plain_yaml(change), str(path))[0])
    report = _Report(str(path), tree)
    for position, where, what in unreadable:
        report.add(where, what, position)
    world, draft = _validate(report, partial(_folder_at, tree, path))
    for fault in (*check(draft), *check_addresses(draft)):
        position = tree.position(fault.path, of_key=fault.of_key)
        other = _elsewhere(tree.position(fault.other), position) if fault.other else ""
        report.add(fault.path, fault.what + other, position)
    if world is None or report.errors:
        raise ConfigErrors(report.errors)
    return world.model_copy(update={"elements": dict(_with_absolute_files(world, draft))})


def _folder_at(tree: Entry, path: Path, where: ConfigPath) -> Path:
    """The folder of the file in which something stands."""
    return Path(tree.position(where).file or path).parent


def _elsewhere(other: Position, position: Position) -> str:
    return f" ({f'{other.file}:' if other.file != position.file else 'line '}{other.line})"


class _Report:
    """Faults so far. What follows from a fault at the same place would only distract, so it is left out, and a fault
    behind an anchor is told once although it shows wherever the anchor is used."""

    def __init__(self, file: str, tree: Entry) -> None:
        self.tree = tree
        self.errors: list[ConfigError] = []
        self._file = file
        self._places: set[Position] = set()
        self._said: set[tuple[Position, str]] = set()

    def add(self, path: ConfigPath, what: str, position: Position) -> None:
        if position not in self._places and (position, what) not in self._said:
            self._said.add((position, what))
            self.errors.append(ConfigError(position.file or self._file, position, path, what))

    def close_places(self) -> None:
        """Later checks stay silent about the places that have a fault by now."""
        self._places = {error.position for error in self.errors if error.position}


def _validate(report: _Report, beside: Callable[[ConfigPath], Path]) -> tuple[World | None, Draft]:
    report.close_places()
    value = report.tree.value
    try:
        world = World.model_validate(value)
        ends = {name: list(link.between) for name, link in world.links.items()}
        return world, Draft(world.elements, world.links, set(world.elements), beside, ends)
    except ValidationError as error:
        for path, of_key, what in explain(error, report.tree, _keys_at(value)):
            report.add(path, what, report.tree.position(path, of_key=of_key))
        report.close_places()
        return None, _sound_parts(value, beside)


def _keys_at(value: Any) -> Callable[[ConfigPath], set[str]]:
    """The keys that may stand at a path of this file."""

    def keys(path: ConfigPath) -> set[str]:
        match path:
            case ("elements", str() as name, *inside):
                config, _ = load_kind(value["elements"][name]["kind"])
                return keys_at(config, tuple(inside)) | (set() if inside else {"kind"})
            case _:
                return keys_at(World, path)

    return keys


def _sound_parts(value: Any, beside: Callable[[ConfigPath], Path]) -> Draft:
    elements = value.get("elements") if isinstance(value, dict) else None
    links = value.get("links") if isinstance(value, dict) else None
    ends = {
        name: [str(end) for end in link["between"]]
        for name, link in (links if isinstance(links, dict) else {}).items()
        if isinstance(link, dict) and isinstance(link.get("between"), list)
    }
    declared = {name for name in elements if isinstance(name, str)} if isinstance(elements, dict) else set()
    declared |= {plain_name(name) for name in declared}
    return Draft(_valid(ElementSpec, elements), _valid(LinkConfig, links), declared, beside, ends)


def _valid(model: type[Model], values: Any) -> dict[str, Model]:
    valid = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        try:
            valid[name] = model.model_validate(value)
        except ValidationError:
            continue
    return valid


def _with_absolute_files(world: World, draft: Draft) -> Iterator[tuple[str, ElementSpec]]:
    """Elements run in processes of their own, which do not know where the world file lies."""
    for name, spec in world.elements.items():
        files = [
            (path, reference) for path, reference in spec.references() if isinstance(reference, FileName)
        ]
        if files:
            raw = copy.deepcopy(spec.raw)
            for path, file in files:
                folder = draft.beside(("elements", name, *path))
                _put(raw, path, str((folder / file).resolve()))
            spec = ElementSpec.model_validate({"kind": spec.kind, **raw})
        yield name, spec


def _put(value: Any, path: ConfigPath, new: str) -> None:
    for part in path[:-1]:
        value = value[part]
    value[path[-1]] = new
