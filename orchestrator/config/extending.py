"""A world file that says only in what it differs from another one (`extends`).

How this works. Both files become trees, and one is laid over the other: mappings are merged key by key, all else takes
the place of what was there, and null takes a key away (as in RFC 7396, and as a scenario's overrides do). An element
of another kind has nothing in common with the one it replaces, so that none of it stays. Every value keeps its place:
a fault is told in the file in which it stands, and a file is looked for beside the one that names it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from orchestrator.config.default import default_world
from orchestrator.config.errors import ConfigError, ConfigErrors, suggestion
from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.reading import read_text
from orchestrator.config.tree import Entry, Fault, NotYaml, read_tree

EXTENDS, DEFAULT = "extends", "default"


def extended(text: str, path: Path, below: tuple[Path, ...] = ()) -> tuple[Entry, list[Fault]]:
    """A file's tree, laid over those of the files that it extends, and what is wrong with them so far.

    `below` are the files that extend this one. Raises `ConfigErrors` where there is nothing to go on with."""
    try:
        tree, faults = read_tree(text, str(path))
    except NotYaml as error:
        raise ConfigErrors([ConfigError(str(path), error.position, (), error.what)]) from None
    if not isinstance(tree.value, dict) or EXTENDS not in tree.children:
        return tree, faults
    base_path = _base(tree.children[EXTENDS], path, (*below, path))
    base, base_faults = extended(read_text(base_path), base_path, (*below, path))
    if not isinstance(base.value, dict):
        _refuse(tree.children[EXTENDS], path, f"{base_path.name} is not a world: it is no mapping")
    own = {key: child for key, child in tree.children.items() if key != EXTENDS}
    over = tree.with_children(tree.keys, own)
    faults += [(over.position(where, of_key=True), where, what) for where, what in _idle(base, over, ())]
    return overlaid(base, over), base_faults + faults


def _base(named: Entry, path: Path, chain: tuple[Path, ...]) -> Path:
    """The file that another one extends; raises `ConfigErrors` if there is none, or if it extends itself."""
    if not isinstance(named.value, str) or not named.value:
        _refuse(named, path, f"must be a world file, or `{DEFAULT}`")
    if named.value == DEFAULT:
        base = default_world()
    else:
        base = path.parent / named.value
    if not base.is_file():
        beside = [each.name for each in path.parent.glob("*.yaml") if each != path]
        near = suggestion(named.value, [*beside, DEFAULT], otherwise="there are")
        _refuse(named, path, f"there is no file {named.value!r} beside this one{near}")
    resolved = [each.resolve() for each in chain]
    if base.resolve() in resolved:
        circle = [*chain[resolved.index(base.resolve()) :], base]
        _refuse(named, path, "a world cannot extend itself: " + " -> ".join(each.name for each in circle))
    return base


def _refuse(named: Entry, path: Path, what: str) -> None:
    raise ConfigErrors([ConfigError(str(path), named.at, (EXTENDS,), what)])


def overlaid(base: Entry, over: Entry, path: ConfigPath = ()) -> Entry:
    """One tree laid over another."""
    if not isinstance(over.value, dict):
        return over
    nothing = over.with_children({}, {})
    under = base if _merges(base, over, path) else nothing
    children, keys = dict(under.children), {**under.keys, **over.keys}
    for key, child in over.children.items():
        if child.value is None:
            children.pop(key, None)
        else:
            children[key] = overlaid(under.children.get(key, nothing), child, (*path, key))
    return over.with_children(keys, children)


def _merges(base: Entry, over: Entry, path: ConfigPath) -> bool:
    """Whether two values become one, instead of the second standing alone."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return False
    if len(path) == 2 and path[0] == "elements" and "kind" in base.value:
        return bool(over.value.get("kind", base.value["kind"]) == base.value["kind"])
    return True


def _idle(base: Entry, over: Entry, path: ConfigPath) -> list[tuple[ConfigPath, str]]:
    """Where null would take away what is not there: the name is misspelt, or has changed in the file below."""
    if not _merges(base, over, path):
        return []
    found: list[tuple[ConfigPath, str]] = []
    for key, child in over.children.items():
        if key in base.children:
            found += _idle(base.children[key], child, (*path, key))
        elif child.value is None:
            near = suggestion(str(key), map(str, base.children), otherwise="there are")
            found.append(((*path, key), f"null takes away what the extended file has, and it has none{near}"))
    return found


def plain_yaml(value: Mapping[str, Any]) -> str:
    """Plain values as YAML, so that they become a tree like a file's."""
    return str(yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False))
