"""Which nodes a pod may run on by its nodeSelector and node affinity (k8s.io/component-helpers: nodeaffinity)."""

from collections.abc import Sequence
from typing import Any

from actors.protocols.kubernetes.selectors import Requirement

Object = dict[str, Any]

_OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}


def matches(spec: Object, node: Object) -> bool:
    """Whether the node has what a pod's spec requires."""
    labels = node["metadata"].get("labels") or {}
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    required = _affinity(spec).get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(term_matches(term, node) for term in required["nodeSelectorTerms"])


def preference(spec: Object, node: Object) -> int:
    """The weights of the preferred terms that the node satisfies, in all."""
    preferred = _affinity(spec).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(each["weight"] for each in preferred if term_matches(each["preference"], node))


def pinned(spec: Object) -> frozenset[str] | None:
    """The names of the only nodes that come into question (as a DaemonSet's pods say it), None if that is open."""
    required = _affinity(spec).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return None
    names: set[str] = set()
    for term in required["nodeSelectorTerms"]:
        fields = [each for each in term.get("matchFields") or () if each["operator"] == "In"]
        if not fields:
            return None
        names.update(*(each["values"] for each in fields))
    return frozenset(names)


def _affinity(spec: Object) -> Object:
    return (spec.get("affinity") or {}).get("nodeAffinity") or {}


def term_matches(term: Object, node: Object) -> bool:
    """A term without requirements matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    metadata = node["metadata"]
    names = {"metadata.name": metadata["name"]}
    return _all(expressions, metadata.get("labels") or {}) and _all(fields, names)


def _all(requirements: Sequence[Object], labels: dict[str, str]) -> bool:
    return all(
        Requirement(each["key"], _OPERATORS[each["operator"]], tuple(each.get("values") or ())).matches(
            labels
        )
        for each in requirements
    )
