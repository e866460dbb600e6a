"""Which pods of a ReplicaSet go first when it has too many.

The order is that of k8s.io/kubernetes: pkg/controller/controller_utils.go, ActivePodsWithRanks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cmp_to_key
from math import log2
from typing import Any, NamedTuple

from actors.protocols.kubernetes.workloads.pods import (
    is_active,
    node_of,
    phase,
    ready_since,
    restarts,
    seconds,
)

Object = dict[str, Any]

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


class _Rank(NamedTuple):
    """What is compared of a pod."""

    first: tuple[bool, int, bool, int, int]
    """Bound, phase, ready, cost, and the negative number of relatives on its node."""
    ready_since: float | None
    restarts: int
    created: float
    uid: str


def victims(pods: Sequence[Object], related: Iterable[Object], count: int, now_s: float) -> list[Object]:
    """The pods to delete. `related` are those of all ReplicaSets of the same owner: crowded nodes lose theirs first."""
    if count >= len(pods):
        return list(pods)
    crowds = Counter(node_of(pod) for pod in related if is_active(pod) and node_of(pod))
    ranks = {pod["metadata"]["uid"]: _rank(pod, crowds) for pod in pods}

    def compare(one: _Rank, other: _Rank) -> int:
        return _compare(one, other, now_s)

    order = cmp_to_key(compare)
    return sorted(pods, key=lambda pod: order(ranks[pod["metadata"]["uid"]]))[:count]


def _rank(pod: Object, crowds: Counter[str]) -> _Rank:
    since = ready_since(pod)
    node, metadata = node_of(pod), pod["metadata"]
    first = (bool(node), _PHASES.get(phase(pod), 0), since is not None, deletion_cost(pod), -crowds[node])
    return _Rank(first, since, restarts(pod), seconds(metadata["creationTimestamp"]), metadata["uid"])


def deletion_cost(pod: Object) -> int:
    """What its annotation says; 0 if that is no number."""
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def _compare(one: _Rank, other: _Rank, now_s: float) -> int:
    """Negative if the first is to go before the other."""
    if one.first != other.first:
        return -1 if one.first < other.first else 1
    if one.ready_since is not None and other.ready_since is not None and one.ready_since != other.ready_since:
        return _younger(one.ready_since, other.ready_since, now_s) or _by_uid(one, other)
    if one.restarts != other.restarts:
        return other.restarts - one.restarts
    if one.created != other.created:
        return _younger(one.created, other.created, now_s) or _by_uid(one, other)
    return _by_uid(one, other)


def _younger(one_s: float, other_s: float, now_s: float) -> int:
    """Ages compare by their magnitude, so that which of two contemporaries goes is left to chance (their UIDs)."""
    return _magnitude(now_s - one_s) - _magnitude(now_s - other_s)


def _magnitude(age_s: float) -> int:
    return int(log2(age_s * 1e9)) if age_s > 0 else -1


def _by_uid(one: _Rank, other: _Rank) -> int:
    return (one.uid > other.uid) - (one.uid < other.uid)
