"""Server-side apply: who owns which field, and what follows when two want it differently.

How this works. `metadata.managedFields` has one entry per (manager, operation, apiVersion, subresource) with the set of
fields that it last set. An apply owns exactly what it names: what it named before and nobody else owns is removed, and
what somebody else owns and it would change is a conflict unless forced. An update takes over what it changed.
Sources: k8s.io/apimachinery pkg/util/managedfields, sigs.k8s.io/structured-merge-diff merge/update.go.
"""

import json
from typing import Any, NamedTuple

from actors.protocols.kubernetes import field_sets
from actors.protocols.kubernetes.field_sets import NOTHING, FieldSet
from actors.protocols.kubernetes.schema import Shape, definition_of, shape
from actors.protocols.kubernetes.status import ApiError

Object = dict[str, Any]

MOST_UPDATERS = 10
"""Entries of operation Update; older ones become one of the manager `ancient-changes`."""
BEFORE_FIRST_APPLY = "before-first-apply"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_KEPT_BY_SERVER = frozenset(
    (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)
_NOT_OWNED: FieldSet = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {".": {}, **{f"f:{name}": {} for name in _KEPT_BY_SERVER}},
}


class _Owner(NamedTuple):
    manager: str
    operation: str
    api_version: str
    subresource: str


class _Entry(NamedTuple):
    owner: _Owner
    time: str
    fields: FieldSet


def apply(
    current: Object | None,
    applied: Object,
    definition: str | None,
    manager: str,
    *,
    force: bool,
    now: str,
    api_version: str,
    subresource: str = "",
) -> Object:
    """The object that applying a configuration gives, with `metadata.managedFields` brought up to date.

    Neither input is changed. `definition` None: that of the object's kind. `now` is an RFC 3339 time. An object that
    results as it was has the managedFields that it had. Raises `ApiError` 409 for conflicts unless forced, 400 for a
    configuration that brings managedFields itself.
    """
    if (applied.get("metadata") or {}).get("managedFields"):
        raise ApiError(400, "metadata.managedFields must be nil")
    at = shape(definition or definition_of(applied["kind"]))
    config = _complete(_without_ignored(applied, subresource), at)
    live = current if current is not None else {}
    entries = _entries(live)
    if current is not None and not entries:
        everything = field_sets.difference(field_sets.fields_of(_owned_part(live), at), _NOT_OWNED)
        entries = [_Entry(_Owner(BEFORE_FIRST_APPLY, "Update", api_version, ""), now, everything)]
    owner = _Owner(manager, "Apply", api_version, subresource)
    fields = field_sets.difference(field_sets.fields_of(config, at), _NOT_OWNED)
    last = next((each.fields for each in entries if _same_owner(each.owner, owner)), NOTHING)
    others = [each for each in entries if not _same_owner(each.owner, owner)]
    result = field_sets.merged(live, config, at)
    result = _prune(result, last, fields, others, at)
    remaining = _settled(live, result, others, at, force=force or _is_migration(live, manager, at))
    mine = _Entry(owner, now, fields)
    return _with_entries(result, _dated(entries, [*remaining, mine]), live)


def track_update(
    before: Object | None,
    after: Object,
    definition: str | None,
    manager: str,
    now: str,
    api_version: str,
    subresource: str = "",
) -> list[Object]:
    """The `metadata.managedFields` that an object is to have after a create, update or patch by that manager.

    `before` None: it was created. Neither object is changed; the managedFields that `after` itself has do not count,
    except that an empty list in them gives up all ownership, as in the real API. Costs little where little changed.
    """
    metadata = after.get("metadata") or {}
    old: Object = before if before is not None else {}
    known: list[Object] = (old.get("metadata") or {}).get("managedFields") or []
    if before is not None and metadata.get("managedFields") == [] and known:
        known = []
    at = shape(definition or definition_of(after["kind"]))
    changed, removed = _changes(old, after, at, _ignored(subresource))
    if not changed and not removed:
        return known
    owner = _Owner(manager, "Update", api_version, subresource)
    result, found = [], False
    for raw in known:
        if _is_owner(raw, owner):
            found = True
            updated = _owning(raw, changed, removed, now)
        else:
            updated = _yielding(raw, changed, removed)
        if updated is not None:
            result.append(updated)
    if not found and changed:
        result.append(_described(_Entry(owner, now, changed)))
    return _capped(result)


def _changes(before: Object, after: Object, at: Shape, ignored: frozenset[str]) -> field_sets.Changes:
    changed, removed = field_sets.compare(before, after, at, ignored | {"apiVersion", "kind", "metadata"})
    was, now = before.get("metadata") or {}, after.get("metadata") or {}
    if was is not now:
        of_metadata = field_sets.compare(was, now, at.child("metadata"), _KEPT_BY_SERVER)
        if of_metadata.changed:
            changed["f:metadata"] = of_metadata.changed
        if of_metadata.removed:
            removed["f:metadata"] = of_metadata.removed
    return field_sets.Changes(changed, removed)


def _is_owner(raw: Object, owner: _Owner) -> bool:
    return (
        raw["manager"] == owner.manager
        and raw["operation"] == owner.operation
        and raw["apiVersion"] == owner.api_version
        and raw.get("subresource", "") == owner.subresource
    )


def _owning(raw: Object, changed: FieldSet, removed: FieldSet, now: str) -> Object | None:
    fields = raw["fieldsV1"]
    if not removed and field_sets.covers(fields, changed):
        return raw
    kept = field_sets.union(field_sets.difference(fields, removed), changed)
    if kept == fields:
        return raw
    return {**raw, "time": now, "fieldsV1": kept} if kept else None


def _yielding(raw: Object, changed: FieldSet, removed: FieldSet) -> Object | None:
    fields = raw["fieldsV1"]
    if not _meet(fields, changed) and not _meet(fields, removed):
        return raw
    kept = field_sets.difference(field_sets.difference(fields, changed), removed)
    if kept == fields:
        return raw
    return {**raw, "fieldsV1": kept} if kept else None


def _meet(one: FieldSet, other: FieldSet) -> bool:
    """Whether they can have anything in common, seen from their first two steps."""
    for step in other:
        there = one.get(step)
        if there is not None and (not there or not other[step] or not there.keys().isdisjoint(other[step])):
            return True
    return False


def _capped(entries: list[Object]) -> list[Object]:
    updates = [each for each in entries if each["operation"] == "Update"]
    if len(updates) <= MOST_UPDATERS:
        return entries
    updates.sort(key=lambda each: (each.get("time", ""), each["manager"]))
    old = updates[: len(updates) - MOST_UPDATERS + 1]
    fields: FieldSet = NOTHING
    for each in old:
        fields = field_sets.union(fields, each["fieldsV1"])
    owner = _Owner("ancient-changes", "Update", old[-1]["apiVersion"], "")
    ancient = _described(_Entry(owner, old[-1].get("time", ""), fields))
    return [each for each in entries if all(each is not gone for gone in old)] + [ancient]


def _ignored(subresource: str) -> frozenset[str]:
    """What a write to the object itself, or to its status, leaves alone."""
    return frozenset(("spec",) if subresource == "status" else ("status",) if not subresource else ())


def _without_ignored(value: Object, subresource: str) -> Object:
    ignored = _ignored(subresource)
    return {name: each for name, each in value.items() if name not in ignored}


def _owned_part(value: Object) -> Object:
    metadata = {name: each for name, each in value["metadata"].items() if name not in _KEPT_BY_SERVER}
    return {**value, "metadata": metadata}


def _complete(value: Any, at: Shape) -> Any:
    """A configuration without nulls. Raises `ApiError` for list items without their keys, or with equal ones."""
    if isinstance(value, dict):
        return {name: _complete(each, at.child(name)) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        items = [_complete(each, at.items) for each in value]
        if not at.atomic:
            _check_items(items, at)
        return items
    return value


def _check_items(items: list[Any], at: Shape) -> None:
    seen: set[str] = set()
    for position, item in enumerate(items):
        step = field_sets.item_step(item, at)
        if step is None:
            missing = [key for key in at.keys if not isinstance(item, dict) or key not in item]
            raise ApiError(
                500,
                "failed to create typed patch object: element"
                f" {position}: associative list with keys has an element that omits key field {json.dumps(missing[0])}"
                " (and doesn't have default value)",
            )
        if step in seen:
            told = field_sets.step_text(step)
            raise ApiError(500, f"failed to create typed patch object: duplicate entries for key {told}")
        seen.add(step)


def _same_owner(one: _Owner, other: _Owner) -> bool:
    """An applier stays the same when it changes the version that it applies."""
    if "Apply" == one.operation == other.operation:
        return (one.manager, one.subresource) == (other.manager, other.subresource)
    return one == other


def _prune(result: Object, last: FieldSet, fields: FieldSet, others: list[_Entry], at: Shape) -> Object:
    gone = field_sets.difference(last, fields)
    if not gone:
        return result
    owned = fields
    for each in others:
        owned = field_sets.union(owned, each.fields)
    for root in ("f:metadata", "f:spec"):
        # These are there in any object; only what is in them can go.
        owned = owned if root in owned else {**owned, root: {}}
    left: Object = field_sets.pruned(result, last, owned, at)
    return left


def _settled(live: Object, result: Object, others: list[_Entry], at: Shape, *, force: bool) -> list[_Entry]:
    """The other owners with what they keep. Raises `ApiError` 409 for what they would lose unless forced."""
    changed, removed = _changes(live, result, at, frozenset()) if live else field_sets.Changes({}, {})
    conflicts = [(each.owner, field_sets.intersection(each.fields, changed)) for each in others]
    conflicts = [(owner, fields) for owner, fields in conflicts if fields]
    if conflicts and not force:
        raise _conflict(conflicts)
    left = []
    for each in others:
        kept = field_sets.difference(field_sets.difference(each.fields, changed), removed)
        if kept:
            left.append(each._replace(fields=kept))
    return left


def _conflict(conflicts: list[tuple[_Owner, FieldSet]]) -> ApiError:
    causes, told = [], []
    for owner, fields in sorted(conflicts, key=lambda each: each[0]):
        name = _named(owner)
        places = list(field_sets.paths(fields))
        told.append(f"conflicts with {name}:\n" + "\n".join(f"- {place}" for place in places))
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {name}", "field": place}
            for place in places
        ]
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        message = f"Apply failed with {len(causes)} conflicts: " + "\n".join(told)
    return ApiError(409, message, "Conflict", {"causes": causes})


def _named(owner: _Owner) -> str:
    name = f'"{owner.manager}"'
    if owner.subresource:
        name += f' with subresource "{owner.subresource}"'
    return f"{name} using {owner.api_version}" if owner.operation == "Update" else name


def _is_migration(live: Object, manager: str, at: Shape) -> bool:
    """Whether kubectl applies to an object that it has itself applied from the client's side so far."""
    if manager != "kubectl":
        return False
    metadata = live.get("metadata") or {}
    if LAST_APPLIED not in (metadata.get("annotations") or {}):
        return False
    owners = {each.get("manager") for each in metadata.get("managedFields") or ()}
    return "kubectl-client-side-apply" in owners and "kubectl" not in owners


def _entries(value: Object) -> list[_Entry]:
    known = (value.get("metadata") or {}).get("managedFields") or []
    return [
        _Entry(
            _Owner(each["manager"], each["operation"], each["apiVersion"], each.get("subresource", "")),
            each.get("time", ""),
            each.get("fieldsV1") or {},
        )
        for each in known
    ]


def _dated(before: list[_Entry], after: list[_Entry]) -> list[_Entry]:
    """Entries whose fields are as they were keep their times."""
    known = {each.owner: each for each in before}
    dated = []
    for each in after:
        was = known.get(each.owner)
        dated.append(each._replace(time=was.time) if was and was.fields == each.fields else each)
    return dated


def _with_entries(value: Object, entries: list[_Entry], live: Object) -> Object:
    entries = sorted(entries, key=lambda each: (each.owner.operation != "Apply", each.time, each.owner))
    described = [_described(each) for each in entries if each.fields]
    metadata = {**value.get("metadata", {}), "managedFields": described}
    return {**value, "metadata": metadata}


def _described(entry: _Entry) -> Object:
    owner = entry.owner
    told = {
        "manager": owner.manager,
        "operation": owner.operation,
        "apiVersion": owner.api_version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": entry.fields,
    }
    return {**told, "subresource": owner.subresource} if owner.subresource else told
