"""Pydantic's findings in the words of the person who wrote the file."""

import re
from collections.abc import Callable, Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.config.errors import Path, nearest, suggestion
from orchestrator.config.tree import Entry

_WANTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping (key: value)",
    "mapping": "a mapping (key: value)",
    "model": "a mapping (key: value)",
}


def explain(
    error: ValidationError, tree: Entry, keys: Callable[[Path], set[str]]
) -> Iterator[tuple[Path, bool, str]]:
    """Each fault as `(path, whether the key is at fault, what)`; `keys` tells which keys may stand at a path.

    A misspelt key is not reported as missing as well, and what the members of a union want is one fault.
    """
    faults: dict[Path, list[tuple[bool, str]]] = {}
    misspelt: set[Path] = set()
    details = error.errors(include_url=False)
    for detail in sorted(details, key=lambda detail: detail["type"] != "extra_forbidden"):
        path, of_key = _real_path(detail["loc"], tree)
        if detail["type"].startswith("union_tag_"):
            path = (*path, detail["ctx"]["discriminator"].strip("'"))
        if detail["type"] == "missing":
            if isinstance(detail["loc"][-1], str):
                path = (*path, detail["loc"][-1])
            if path in misspelt:
                continue
        elif detail["type"] == "extra_forbidden":
            of_key = True
            known = keys(path[:-1]) - _siblings(tree, path)
            if (meant := nearest(str(path[-1]), known)) is not None:
                misspelt.add((*path[:-1], meant))
            faults[path] = [
                (of_key, "unknown key" + suggestion(str(path[-1]), known, otherwise="the other keys are"))
            ]
            continue
        faults.setdefault(path, []).append((of_key, _what(detail, tree.find(path))))
    for path, alternatives in faults.items():
        yield path, alternatives[0][0], _either([what for _, what in alternatives])


def _either(whats: list[str]) -> str:
    """`must be a whole number, not 'x'` and `must be 'auto', not 'x'` as one sentence."""
    wanted, _, given = zip(*(what.rpartition(", not ") for what in whats), strict=True)
    if len(whats) > 1 and all(what.startswith("must be ") for what in wanted) and len(set(given)) == 1:
        choices = " or ".join(dict.fromkeys(what.removeprefix("must be ") for what in wanted))
        return f"must be {choices}, not {given[0]}"
    return ", or ".join(dict.fromkeys(whats))


def _real_path(loc: Iterable[str | int], tree: Entry) -> tuple[Path, bool]:
    """The part of a location that stands in the file, without pydantic's marks for union members and keys."""
    entry, path, of_key = tree, [], False
    for part in loc:
        if part == "[key]":
            of_key = True
        elif part in entry.children:
            path.append(part)
            entry = entry.children[part]
    return tuple(path), of_key


def _siblings(tree: Entry, path: Path) -> set[str]:
    """What stands beside it in the same file; what an extended one has there may well be meant."""
    parent, file = tree.find(path[:-1]), tree.position(path, of_key=True).file
    return {str(key) for key, at in parent.keys.items() if at.file == file} if parent else set()


def _what(detail: ErrorDetails, entry: Entry | None) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    wanted = _WANTED.get(re.sub(r"_(type|parsing|from_float|attributes_type|parsing_size)$", "", kind))
    match kind:
        case "missing" if isinstance(detail["loc"][-1], int):
            return "this list needs more entries"
        case "missing" | "union_tag_not_found":
            return "this key is required"
        case "literal_error" | "enum":
            return _one_of(context["expected"], detail["input"])
        case "too_short" | "too_long":
            limit = context.get("min_length", context.get("max_length"))
            return f"must have {limit} or {'more' if kind == 'too_short' else 'fewer'} entries"
        case "union_tag_invalid":
            return _one_of(context["expected_tags"].replace(", ", " or "), context["tag"])
        case "greater_than":
            return f"must be more than {context['gt']}"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "less_than":
            return f"must be less than {context['lt']}"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case _ if wanted is not None:
            return f"must be {wanted}, not {describe(detail['input'], entry)}"
        case _:
            what = re.sub(r"^(Value error|Assertion failed), ", "", detail["msg"])
            return re.sub(r"^(Input|String|Number|Value) should", "must", what).replace("\n", " ")


def _one_of(expected: str, given: Any) -> str:
    choices = re.findall(r"'([^']*)'", expected)
    near = nearest(given, choices) if isinstance(given, str) else None
    return f"must be {expected}, not {describe(given, None)}" + (f", did you mean {near!r}?" if near else "")


def describe(value: Any, entry: Entry | None) -> str:
    """A value as its author sees it, with the reason when YAML made something else of it."""
    text = entry.text if entry else None
    match value:
        case None:
            return "empty"
        case bool():
            plain = str(value).lower()
            return (
                f"{plain} (unquoted `{text}` means {plain}; quote it)" if text not in (None, plain) else plain
            )
        case int() | float():
            return f"the number {text or value}"
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "...")
        case list():
            return "a list"
        case _:
            return "a mapping"


def keys_at(model: Any, path: Path) -> set[str]:
    """The keys that a mapping at this path may have, as people write them; empty where any will do."""
    kinds = {model}
    for part in path:
        kinds = {inner for kind in _members(kinds) for inner in _inside(kind, part)}
    models = [kind for kind in _members(kinds) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return {field.alias or name for kind in models for name, field in kind.model_fields.items()}


def _members(kinds: Iterable[Any]) -> Iterator[Any]:
    """Types without `Annotated`, unions as their members."""
    for kind in kinds:
        if get_origin(kind) is Annotated:
            yield from _members(get_args(kind)[:1])
        elif get_origin(kind) in (Union, UnionType):
            yield from _members(get_args(kind))
        else:
            yield kind


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (field.alias, name):
                yield field.annotation
    elif isinstance(part, int):
        yield from get_args(kind)
    else:
        yield from get_args(kind)[1:]
