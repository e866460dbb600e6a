"""Sets of fields of an object, in the form that `metadata.managedFields` stores (FieldsV1).

How this works. A set is a tree of dictionaries. A key is one step: `f:<field>`, `k:{"name":"nginx"}` (the item of a
list that has these keys), or `v:"text"` (that element of a list that is a set). `{}` says that the place itself is in
the set; `"."` does, where places below it are in it too. Source: sigs.k8s.io/structured-merge-diff: fieldpath, typed.
Sets are never changed once made: results share parts with what they were made of.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from actors.protocols.kubernetes.schema import ANY, Shape, key_of

FieldSet = dict[str, Any]
Step = str

NOTHING: FieldSet = {}
_SELF: FieldSet = {".": {}}
_compact = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def _holds_itself(node: FieldSet) -> bool:
    return not node or "." in node


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in one or the other."""
    if not one or not other:
        return one or other
    result = dict(one)
    for step, below in other.items():
        there = result.get(step)
        result[step] = below if there is None else _joined(there, below)
    return result


def _joined(one: FieldSet, other: FieldSet) -> FieldSet:
    if not one and not other:
        return one
    return union(one or _SELF, other or _SELF)


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in one and not in the other, place by place: a place goes without what is below it."""
    if not other:
        return one
    result = {}
    for step, below in one.items():
        there = other.get(step)
        if there is None:
            result[step] = below
        elif step != ".":
            left = _left(below, there)
            if left is not None:
                result[step] = left
    return result


def _left(one: FieldSet, other: FieldSet) -> FieldSet | None:
    itself = _holds_itself(one) and not _holds_itself(other)
    below = difference({k: v for k, v in one.items() if k != "."}, other)
    if below:
        return {**_SELF, **below} if itself else below
    return {} if itself else None


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in both."""
    result = {}
    for step, below in one.items():
        there = other.get(step)
        if there is None or step == ".":
            continue
        itself = _holds_itself(below) and _holds_itself(there)
        common = intersection(below, there)
        if common:
            result[step] = {**_SELF, **common} if itself else common
        elif itself:
            result[step] = {}
    return result


def covers(one: FieldSet, other: FieldSet) -> bool:
    """Whether everything in the other is in the one: cheaper than an empty difference."""
    for step, below in other.items():
        there = one.get(step)
        if there is None:
            return False
        if step == ".":
            continue
        if _holds_itself(below) and not _holds_itself(there):
            return False
        if below and not covers(there, {k: v for k, v in below.items() if k != "."}):
            return False
    return True


def paths(fields: FieldSet, before: str = "") -> Iterator[str]:
    """Its places as error messages have them: `.spec.containers[name="nginx"].image`."""
    for step in sorted(fields, key=_order):
        if step == ".":
            continue
        below, path = fields[step], before + step_text(step)
        if _holds_itself(below):
            yield path
        yield from paths(below, path)


def _order(step: Step) -> tuple[int, str]:
    return "fkvi".find(step[:1]), step


def step_text(step: Step) -> str:
    if step.startswith("f:"):
        return f".{step[2:]}"
    if step.startswith("k:"):
        keys = json.loads(step[2:])
        return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in keys.items()) + "]"
    return f"[={step[2:]}]"


def item_step(item: Any, at: Shape) -> Step | None:
    """The step to an item of a list that is a map or a set; None if the item lacks its key."""
    if at.list_type == "set":
        return "v:" + _compact(item)
    key = key_of(item, at.keys)
    if key is None:
        return None
    return "k:" + _compact(dict(zip(at.keys, key, strict=True)))


def by_step(items: Any, at: Shape) -> dict[Step, Any]:
    """The items of a list that is a map or a set, by the steps to them."""
    found: dict[Step, Any] = {}
    for item in items or ():
        step = item_step(item, at)
        if step is not None:
            found.setdefault(step, item)
    return found


def fields_of(value: Any, at: Shape) -> FieldSet:
    """All places that a value sets: what somebody who applies it owns."""
    if at.atomic or value is None:
        return NOTHING
    if isinstance(value, dict) and at.type in ("object", "map"):
        return {f"f:{name}": fields_of(below, at.child(name)) for name, below in value.items()}
    if isinstance(value, list) and at.type == "array":
        return {step: {**_SELF, **fields_of(item, at.items)} for step, item in by_step(value, at).items()}
    return NOTHING


_ALWAYS_THERE = frozenset(
    ("metadata", "spec", "status", "template", "strategy", "updateStrategy", "containers", "resources",
     "loadBalancer", "serviceRef", "data")
)  # fmt: skip
"""Fields that are no pointers in Go: the object that an update starts from has them, so nobody has added them."""


def _added(value: Any, at: Shape, name: str = "") -> FieldSet:
    """All places of something that was not there before, itself included unless Go would have had it."""
    below: FieldSet = NOTHING
    if not at.atomic and isinstance(value, dict):
        below = {
            f"f:{key}": _added(each, at.child(key), key) for key, each in value.items() if each is not None
        }
    elif not at.atomic and isinstance(value, list):
        below = {step: _added(item, at.items) for step, item in by_step(value, at).items()}
    if not below or (name in _ALWAYS_THERE and not (name == "data" and at.type == "map")):
        return below
    return {**_SELF, **below}


def _all(value: Any, at: Shape) -> FieldSet:
    """All places of something that is gone."""
    below = fields_of(value, at)
    return {**_SELF, **below} if below else below


class Changes(NamedTuple):
    """What differs between two objects: places set anew or to something else, and places that are gone."""

    changed: FieldSet
    removed: FieldSet


def compare(before: Any, after: Any, at: Shape, without: frozenset[str] = frozenset()) -> Changes:
    """Compare two values of a shape, leaving out some of its fields. Equal parts cost one comparison."""
    changed: FieldSet = {}
    removed: FieldSet = {}
    if at.type == "array":
        for step, was, now in _pairs(before, after, at):
            _compare_at(step, was, now, at.items, "", changed, removed)
        return Changes(changed, removed)
    for name in _both(before, after):
        if name in without:
            continue
        was, now = before.get(name), after.get(name)
        if was is now or was == now:
            continue
        _compare_at(f"f:{name}", was, now, at.child(name), name, changed, removed)
    return Changes(changed, removed)


def _pairs(before: list[Any], after: list[Any], at: Shape) -> Iterator[tuple[Step, Any, Any]]:
    """Items with the same key. Most lists keep their order, so only those that differ need their steps."""
    if len(before) == len(after):
        differing = [
            (was, now) for was, now in zip(before, after, strict=True) if was is not now and was != now
        ]
        steps = [(item_step(was, at), item_step(now, at)) for was, now in differing]
        if all(one is not None and one == other for one, other in steps):
            for (step, _), (was, now) in zip(steps, differing, strict=True):
                yield step or "", was, now
            return
    old, new = by_step(before, at), by_step(after, at)
    for step in _both(old, new):
        yield step, old.get(step), new.get(step)


def _both(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    yield from other
    yield from (key for key in one if key not in other)


def _compare_at(
    step: Step, was: Any, now: Any, at: Shape, name: str, changed: FieldSet, removed: FieldSet
) -> None:
    if was is now or was == now:
        return
    if now is None:
        removed[step] = _all(was, at)
    elif was is None:
        changed[step] = _added(now, at, name)
    elif at.atomic or type(was) is not type(now) or not isinstance(now, dict | list) or not was or not now:
        changed[step] = _added(now, at, name)
        if was and not at.atomic and isinstance(was, dict | list):
            removed[step] = fields_of(was, at)
    else:
        inner = compare(was, now, at)
        if inner.changed:
            changed[step] = inner.changed
        if inner.removed:
            removed[step] = inner.removed


def merged(live: Any, applied: Any, at: Shape) -> Any:
    """What applying a value to what is there gives: maps and keyed lists are merged, everything else replaced."""
    if at.atomic or at is ANY:
        return applied
    if isinstance(live, dict) and isinstance(applied, dict):
        result = dict(live)
        for name, value in applied.items():
            result[name] = merged(live[name], value, at.child(name)) if name in live else value
        return result
    if isinstance(live, list) and isinstance(applied, list):
        return _merged_list(live, applied, at)
    return applied


def _merged_list(live: list[Any], applied: list[Any], at: Shape) -> list[Any]:
    """The applied items in their order; the others stay in front of what they were in front of."""
    there, wanted = by_step(live, at), by_step(applied, at)
    result: dict[Step, Any] = {}
    waiting = list(there)
    for step, item in wanted.items():
        while waiting and waiting[0] not in wanted:
            other = waiting.pop(0)
            result[other] = there[other]
        if step in there:
            waiting.remove(step)
            item = merged(there[step], item, at.items)
        result[step] = item
    for step in waiting:
        result[step] = there[step]
    return list(result.values())


def pruned(value: Any, last: FieldSet, owned: FieldSet, at: Shape) -> Any:
    """A value without what is in the set `last` and that nobody owns any more, not even something below it."""
    if at.type == "array" and isinstance(value, list):
        steps = [(item_step(item, at), item) for item in value]
        return [
            _pruned_below(item, last, owned, step or "", at.items)
            for step, item in steps
            if step not in last or step in owned
        ]
    if not isinstance(value, dict):
        return value
    return {
        name: _pruned_below(each, last, owned, f"f:{name}", at.child(name))
        for name, each in value.items()
        if (step := f"f:{name}") not in last or step in owned
    }


def _pruned_below(value: Any, last: FieldSet, owned: FieldSet, step: Step, at: Shape) -> Any:
    below = last.get(step)
    return pruned(value, below, owned.get(step, NOTHING), at) if below else value
