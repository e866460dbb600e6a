"""JSON merge patch (RFC 7386)."""

from typing import Any


def merge_patch(current: Any, patch: Any) -> Any:
    """What the patch makes of a value. Neither is changed; the result may share parts with both."""
    if not isinstance(patch, dict):
        return patch
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
