"""Requests that failed, one by one, as the load balancer's nodes remember them, recorded hop by hop or not.

Which requests are recorded hop by hop is decided when they set out, and an error that comes once in ten thousand is
hardly ever among them. A node knows of each request that failed what it had to do with it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from actors.element import CallFailed, load_kind
from orchestrator.scenarios.sampling import ALB
from orchestrator.scenarios.scene import Scene

MOST_ERRORS = 1000
MOST_OF_A_KIND = 20
"""A rare error is not to be pushed out by a frequent one."""

Plain = dict[str, Any]
_FIELDS = ("request", "request_id", "journey", "client", "target", "target_status", "request_ms", "target_ms")


async def remembered(scene: Scene, nodes: Sequence[str], since_unix_s: float) -> list[Plain]:
    """Answers of 4xx and 5xx, and those broken off, to requests that came since then: the nodes' own entries, with
    `node` and `at_s`, by time."""
    if not nodes or not hasattr(load_kind(ALB)[1], "call_errors"):
        return []
    found = []
    for node in nodes:
        try:
            errors = await scene.call(node, "errors", limit=MOST_ERRORS)
        except CallFailed:
            continue
        for each in errors:
            at_s = datetime.fromisoformat(each["time"]).timestamp() - each["total_ms"] / 1000 - since_unix_s
            if at_s >= 0:  # else one of the warm-up, or of what came before
                found.append({**each, "node": node, "at_s": round(at_s, 6)})
    return sorted(found, key=lambda each: (each["at_s"], each["node"], each["request_id"]))


def by_cause(errors: Sequence[Plain]) -> list[Plain]:
    """How many there were by node, status and cause."""
    counts = Counter((each["node"], *_kind(each)) for each in errors)
    return [
        {"node": node, "status": status, "cause": cause, "sentence": sentence, "count": count}
        for (node, status, cause, sentence), count in sorted(counts.items())
    ]


def failures(errors: Sequence[Plain]) -> list[Plain]:
    """The first ones of each status and cause, by time."""
    seen: Counter[tuple[int, str, str]] = Counter()
    kept = []
    for each in errors:
        status, cause, sentence = kind = _kind(each)
        seen[kind] += 1
        if seen[kind] <= MOST_OF_A_KIND:
            told = {name: each.get(name) for name in _FIELDS}
            told |= {"at_s": each["at_s"], "node": each["node"], "total_ms": each["total_ms"]}
            kept.append({**told, "status": status, "cause": cause, "sentence": sentence})
    return kept


def _kind(error: Plain) -> tuple[int, str, str]:
    return error["status"], error["cause"] or "target", error["sentence"]
