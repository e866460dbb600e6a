"""YAML as plain values that remember where they stand in the file.

`yaml.compose` gives nodes with positions; here they become values, with merge keys (`<<`), aliases and duplicate keys
dealt with, and the traps of YAML 1.1 explained instead of sprung: `1:30` is the number 90, `017` is 15, `on` is true.
Nothing but scalars, lists and mappings comes out, whatever tags a file carries.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.config.errors import Path, Position, suggestion

MAX_VALUES = 1_000_000
"""A file of a few lines can stand for billions of values by aliases of aliases; this many do for any world."""

_STANDARD = "tag:yaml.org,2002:"
_NUMBERS = {_STANDARD + "int", _STANDARD + "float"}
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0[0-7_]*[0-7]")
_TEXTS = {_STANDARD + name for name in ("str", "timestamp", "value", "merge")}
_SCALARS = _NUMBERS | _TEXTS | {_STANDARD + "null", _STANDARD + "bool"}
_constructor = SafeConstructor()
_QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, where PyYAML was built with it: ten times as quick."""

Fault = tuple[Position, Path, str]


class NotYaml(Exception):
    """The text cannot be read at all; says where and why."""

    def __init__(self, position: Position, what: str) -> None:
        super().__init__(what)
        self.position, self.what = position, what


@dataclass(slots=True)
class Entry:
    """A value: where it stands, what is written there if it is a scalar, what is in it if it is a list or mapping."""

    value: Any
    at: Position
    text: str | None = None
    keys: dict[str | int, Position] = field(default_factory=dict)
    children: dict[str | int, "Entry"] = field(default_factory=dict)
    size: int = 1

    def add(self, key: str | int, at: Position, child: "Entry") -> None:
        self.keys[key], self.children[key] = at, child
        self.size += child.size

    def with_children(self, keys: dict[str | int, Position], children: "dict[str | int, Entry]") -> "Entry":
        """A mapping that stands here, with other things in it."""
        entry = Entry({key: child.value for key, child in children.items()}, self.at)
        for key, child in children.items():
            entry.add(key, keys[key], child)
        return entry

    def find(self, path: Path) -> "Entry | None":
        entry: Entry | None = self
        for part in path:
            entry = entry and entry.children.get(part)
        return entry

    def position(self, path: Path, *, of_key: bool = False) -> Position:
        """Where the value (or its key) stands; for a path that is not in the file, the key of its nearest parent."""
        entry, key_at = self, self.at
        for part in path:
            if part not in entry.children:
                return key_at
            key_at, entry = entry.keys[part], entry.children[part]
        return key_at if of_key else entry.at


def read_tree(text: str, file: str = "") -> tuple[Entry, list[Fault]]:
    """The file's values, and what is wrong with them as YAML; raises `NotYaml` when there is nothing to go on with."""
    try:
        node = _compose(text)
        if node is None:
            raise NotYaml(Position(1, 1), "the file is empty")
        reader = _Reader(file)
        return reader.entry(node, ()), reader.faults
    except RecursionError:
        raise NotYaml(Position(1, 1), "this is nested too deeply") from None


def _compose(text: str) -> Node | None:
    try:
        return yaml.compose(text, Loader=_QUICK)
    except (yaml.YAMLError, ValueError):
        pass  # what is wrong is told by PyYAML's own reader, whose sentences and marks are better
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        raise NotYaml(position, _problem(error, text)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        position = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise NotYaml(position, f"the character {chr(error.character)!a} may not stand in YAML") from None
    except (ValueError, OverflowError) as error:  # PyYAML lets escapes beyond Unicode through to chr()
        raise NotYaml(Position(1, 1), f"this is not YAML: {error}") from None


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = (error.problem or "this is not YAML").replace("\n", " ")
    if alias := re.fullmatch(r"found undefined alias '(.*)'", problem):
        return f"there is no anchor &{alias[1]}" + suggestion(
            alias[1], _anchors(text), otherwise="the anchors are"
        )
    if r"\t" in problem:
        return "a tab cannot indent YAML; use spaces"
    context = f" {error.context}" if error.context and error.context.startswith("while") else ""
    return f"this is not YAML: {problem}{context}"


def _anchors(text: str) -> Iterator[str]:
    with contextlib.suppress(yaml.YAMLError):
        yield from (token.value for token in yaml.scan(text) if isinstance(token, yaml.AnchorToken))


class _Reader:
    """Turns nodes into entries; a node that aliases repeat is read once and shared."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.faults: list[Fault] = []
        self._done: dict[Node, Entry] = {}
        self._open: set[Node] = set()

    def entry(self, node: Node, path: Path) -> Entry:
        if node in self._done:
            return self._done[node]
        if node in self._open:
            raise NotYaml(self._at(node), "this anchor contains itself")
        self._open.add(node)
        match node:
            case MappingNode():
                entry = self._mapping(node, path)
            case SequenceNode():
                entry = self._sequence(node, path)
            case ScalarNode():
                entry = self._scalar(node, path)
        self._open.discard(node)
        self._done[node] = entry
        if entry.size > MAX_VALUES:
            raise NotYaml(entry.at, f"aliases make this more than {MAX_VALUES:,} values")
        return entry

    def _at(self, node: Node) -> Position:
        return Position(node.start_mark.line + 1, node.start_mark.column + 1, self._file)

    def _fault(self, node: Node, path: Path, what: str) -> None:
        self.faults.append((self._at(node), path, what))

    def _sequence(self, node: SequenceNode, path: Path) -> Entry:
        entry = Entry([], self._at(node))
        self._check_tag(node, "seq", path)
        for index, child_node in enumerate(node.value):
            child = self.entry(child_node, (*path, index))
            entry.add(index, child.at, child)
            entry.value.append(child.value)
        return entry

    def _mapping(self, node: MappingNode, path: Path) -> Entry:
        entry = Entry({}, self._at(node))
        self._check_tag(node, "map", path)
        merged: list[Entry] = []
        for key_node, value_node in node.value:
            if key_node.tag == _STANDARD + "merge":
                merged += self._merged(value_node, path)
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in entry.keys:
                first = entry.keys[key].line
                self._fault(
                    key_node, (*path, key), f"this key stands here twice; the first is on line {first}"
                )
                continue
            entry.add(key, self._at(key_node), self.entry(value_node, (*path, key)))
        for other in merged:
            for key, child in other.children.items():
                if key not in entry.children:
                    entry.add(key, other.keys[key], child)
        entry.value = {key: child.value for key, child in entry.children.items()}
        return entry

    def _merged(self, node: Node, path: Path) -> list[Entry]:
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        for other in nodes:
            if not isinstance(other, MappingNode):
                self._fault(other, (*path, "<<"), "`<<` takes in mappings, such as *name or [*name, *other]")
        return [self.entry(other, path) for other in nodes if isinstance(other, MappingNode)]

    def _key(self, node: Node, path: Path) -> str | int | None:
        if not isinstance(node, ScalarNode):
            self._fault(node, path, "a key must be text, not a list or a mapping")
            return None
        faults = len(self.faults)
        key = self._scalar(node, path).value
        if len(self.faults) > faults:
            return None
        if isinstance(key, bool | float) or key is None:
            self._fault(
                node, path, f"the key `{node.value}` is read as {_yaml_text(key)}; quote it: '{node.value}'"
            )
            return None
        return key

    def _scalar(self, node: ScalarNode, path: Path) -> Entry:
        entry = Entry(node.value, self._at(node), text=node.value if not node.style else None)
        if node.tag in _NUMBERS and _BASE_60.fullmatch(node.value):
            what = "quote it, and write durations like 1m30s"
            self._fault(node, path, f"{node.value} is {_base_60(node.value)} in YAML 1.1 (base 60); {what}")
        elif node.tag == _STANDARD + "int" and _OCTAL.fullmatch(node.value):
            number = int(node.value.replace("_", ""), 8)
            self._fault(
                node, path, f"{node.value} is {number} in YAML 1.1 (octal); quote it, or drop the zero"
            )
        elif node.tag not in _SCALARS:
            self._check_tag(node, "str", path)
        elif node.tag not in _TEXTS:
            try:
                entry.value = _constructor.construct_object(node)
            except (ValueError, KeyError, IndexError):
                self._fault(node, path, f"{node.value[:40]!r} is not a {node.tag.removeprefix(_STANDARD)}")
        return entry

    def _check_tag(self, node: Node, standard: str, path: Path) -> None:
        if node.tag != _STANDARD + standard:
            self._fault(node, path, f"the tag {node.tag.replace(_STANDARD, '!!')} means nothing here")


def _base_60(text: str) -> str:
    total = 0.0
    for part in text.lstrip("+-").replace("_", "").split(":"):
        total = total * 60 + float(part)
    return f"the number {'-' if text.startswith('-') else ''}{total:.15g}"


def _yaml_text(value: Any) -> str:
    return {True: "true", False: "false", None: "null"}.get(value, str(value))
