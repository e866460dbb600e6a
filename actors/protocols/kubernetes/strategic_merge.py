"""Strategic merge patch: a merge patch that knows which lists are merged by a key.

The keys and strategies are those of the schema (x-kubernetes-patch-merge-key, x-kubernetes-patch-strategy). Directives
in it (`$patch`, `$retainKeys`, `$deleteFromPrimitiveList/...`, `$setElementOrder/...`) say what it cannot otherwise.
Source: k8s.io/apimachinery pkg/util/strategicpatch/patch.go.
"""

from typing import Any

from actors.protocols.kubernetes.schema import Shape, shape
from actors.protocols.kubernetes.status import ApiError

_PATCH, _RETAIN_KEYS = "$patch", "$retainKeys"
_DELETE_FROM, _SET_ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"

Object = dict[str, Any]


def strategic_merge(current: Object, patch: Object, definition: str) -> Object:
    """What the patch makes of an object of that definition. Neither is changed; the result may share parts with both.

    Raises `ApiError` 400 for malformed directives and 422 for list items without the key they are merged by.
    """
    if not isinstance(patch, dict):
        raise ApiError(400, "error decoding patch: json: cannot unmarshal a patch that is no object")
    return _merge_map(current, patch, shape(definition))


def _merge_map(current: Object, patch: Object, at: Shape) -> Object:
    directive = patch.get(_PATCH)
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _PATCH}
    if directive not in (None, "merge"):
        raise ApiError(400, f"Unknown patch type found: {directive}")
    result = _retained(current, patch)
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            field = key.removeprefix(_DELETE_FROM)
            gone = _directive_list(key, value)
            if isinstance(result.get(field), list):
                result[field] = [each for each in result[field] if each not in gone]
        elif not key.startswith("$"):
            _merge_field(result, key, value, at.child(key), patch.get(_SET_ORDER + key))
    for key, value in patch.items():
        field = key.removeprefix(_SET_ORDER)
        if field != key and field not in patch and isinstance(result.get(field), list):
            result[field] = _ordered(
                result[field], result[field], _directive_list(key, value), at.child(field)
            )
    return result


def _merge_field(result: Object, key: str, value: Any, at: Shape, order: Any) -> None:
    if value is None:
        result.pop(key, None)
        return
    there = result.get(key)
    if isinstance(value, dict):
        if isinstance(there, dict) and at.replaces and _PATCH not in value:
            there = {}
        result[key] = _merge_map(there if isinstance(there, dict) else {}, value, at)
    elif isinstance(value, list):
        result[key] = _merge_list(key, there if isinstance(there, list) else [], value, at, order)
    else:
        result[key] = value


def _retained(current: Object, patch: Object) -> Object:
    if _RETAIN_KEYS not in patch:
        return dict(current)
    keep = _directive_list(_RETAIN_KEYS, patch[_RETAIN_KEYS])
    extra = [key for key in patch if not key.startswith("$") and patch[key] is not None and key not in keep]
    if extra:
        told = f"patch content doesn't match {_RETAIN_KEYS} list: {extra[0]} is set but not listed"
        raise ApiError(422, told, "Invalid")
    return {key: value for key, value in current.items() if key in keep}


def _directive_list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ApiError(400, f"invalid patch format of {name}: must be a list")
    return value


def _merge_list(name: str, current: list[Any], patch: list[Any], at: Shape, order: Any) -> list[Any]:
    if not at.merges_lists:
        return [_cleaned(each, at.items) for each in patch if not _is_directive_alone(each)]
    if at.merge_key:
        merged = _merge_items(name, current, patch, at)
    else:
        merged = current + [each for each in patch if each not in current]
    if order is None:
        return merged
    return _ordered(current, merged, _directive_list(_SET_ORDER + name, order), at)


def _cleaned(item: Any, at: Shape) -> Any:
    return _merge_map({}, item, at) if isinstance(item, dict) else item


def _is_directive_alone(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {_PATCH}


def _merge_items(name: str, current: list[Any], patch: list[Any], at: Shape) -> list[Any]:
    if any(isinstance(each, dict) and each.get(_PATCH) == "replace" for each in patch):
        # The items that carry directives are not part of the list.
        return [_cleaned(each, at.items) for each in patch if not (isinstance(each, dict) and _PATCH in each)]
    result = list(current)
    for item in patch:
        key = _key(name, item, at)
        where = next((i for i, each in enumerate(result) if each.get(at.merge_key) == key), None)
        if item.get(_PATCH) == "delete":
            result = [each for each in result if each.get(at.merge_key) != key]
        elif where is None:
            result.append(_merge_map({}, item, at.items))
        else:
            result[where] = _merge_map(result[where], item, at.items)
    return result


def _key(name: str, item: Any, at: Shape) -> Any:
    if not isinstance(item, dict):
        raise ApiError(422, f"unable to merge a list of {name}: items must be objects", "Invalid")
    if at.merge_key not in item:
        held = " ".join(f"{key}:{value}" for key, value in sorted(item.items()))
        raise ApiError(
            422, f"map: map[{held}] does not contain declared merge key: {at.merge_key}", "Invalid"
        )
    return item[at.merge_key]


def _ordered(before: list[Any], items: list[Any], order: list[Any], at: Shape) -> list[Any]:
    """Items that the order names in that order; the others stay where they were relative to those."""

    def key(item: Any) -> Any:
        return item.get(at.merge_key) if at.merge_key and isinstance(item, dict) else item

    wanted = [key(each) for each in order]
    was = {_hashable(key(each)): position for position, each in enumerate(before)}
    rank = {_hashable(each): position for position, each in enumerate(wanted)}
    named = sorted(
        (each for each in items if key(each) in wanted), key=lambda each: rank[_hashable(key(each))]
    )
    others = [each for each in items if key(each) not in wanted]
    result: list[Any] = []
    while named and others:
        first, other = was.get(_hashable(key(named[0]))), was.get(_hashable(key(others[0])))
        take_named = first is None or (other is not None and first < other) or other is None
        result.append((named if take_named else others).pop(0))
    return result + named + others


def _hashable(key: Any) -> Any:
    return key if isinstance(key, str | int | float | bool | None) else repr(key)
