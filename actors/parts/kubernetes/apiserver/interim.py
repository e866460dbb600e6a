"""Stand-ins for what actors/protocols/kubernetes is about to have."""

from random import Random
from typing import Any

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def generate_name(prefix: str, random: Random) -> str:
    return prefix[:58] + "".join(random.choice(ALPHABET) for _ in range(5))


def uid(random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{random.choice('89ab')}{digits[17:20]}-{digits[20:]}"
    )


def merge_patch(current: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
