"""topologySpreadConstraints: pods evenly over zones, nodes, or whatever a label of nodes tells apart.

The rules are those of k8s.io/kubernetes: pkg/scheduler/framework/plugins/podtopologyspread.
"""

from collections.abc import Sequence
from math import log
from typing import Any, NamedTuple

from actors.protocols.kubernetes import node_affinity
from actors.protocols.kubernetes.scheduling.demand import Demand
from actors.protocols.kubernetes.scheduling.nodes import NodeInfo
from actors.protocols.kubernetes.selectors import match_object
from actors.protocols.kubernetes.taints import untolerated

Object = dict[str, Any]

SKEWED = "node(s) didn't match pod topology spread constraints"
UNLABELLED = "node(s) didn't match pod topology spread constraints (missing required label)"


class Spread(NamedTuple):
    """A constraint and how the pods that it counts are spread now, by the value of the nodes' label."""

    key: str
    most_skew: int
    hard: bool
    counts: dict[str, int]
    fewest: int
    """In the domain that has the fewest."""
    own: int
    """1 if the pod itself is one of those that count."""

    def refuses(self, info: NodeInfo) -> tuple[str, bool] | None:
        """Why the pod cannot go there, and whether that is due to the node itself."""
        if not self.hard:
            return None
        domain = _label(info, self.key)
        if domain is None:
            return UNLABELLED, True
        skew = self.counts.get(domain, 0) + self.own - self.fewest
        return (SKEWED, False) if skew > self.most_skew else None

    def crowd(self, info: NodeInfo) -> float:
        """How crowded the node's domain is, weighed by how many domains there are."""
        domain = _label(info, self.key)
        if domain is None:
            return 0.0
        return self.counts.get(domain, 0) * log(len(self.counts) + 2) + self.most_skew - 1


def spreads(demand: Demand, nodes: Sequence[NodeInfo]) -> list[Spread]:
    """The constraints of a pod, as things are now."""
    return [
        _spread(demand, constraint, nodes)
        for constraint in demand.spec.get("topologySpreadConstraints") or ()
    ]


def _spread(demand: Demand, constraint: Object, nodes: Sequence[NodeInfo]) -> Spread:
    key, selector = constraint["topologyKey"], _selector(demand, constraint)
    counts: dict[str, int] = {}
    for info in nodes:
        domain = _label(info, key)
        if domain is None or not _counts_with(demand, constraint, info):
            continue
        counts[domain] = counts.get(domain, 0) + sum(
            not each.going and each.namespace == demand.namespace and match_object(selector, each.labels)
            for each in info.demands.values()
        )
    fewest = min(counts.values(), default=0)
    if len(counts) < (constraint.get("minDomains") or 1):
        fewest = 0
    hard = constraint["whenUnsatisfiable"] == "DoNotSchedule"
    return Spread(
        key, constraint["maxSkew"], hard, counts, fewest, int(match_object(selector, demand.labels))
    )


def _selector(demand: Demand, constraint: Object) -> Object | None:
    selector, keys = constraint.get("labelSelector"), constraint.get("matchLabelKeys") or ()
    own = {key: demand.labels[key] for key in keys if key in demand.labels}
    if selector is None or not own:
        return dict(selector) if selector is not None else None
    return {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **own}}


def _counts_with(demand: Demand, constraint: Object, info: NodeInfo) -> bool:
    """Whether a node takes part, by the constraint's policies."""
    node = info.node or {}
    if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" and not node_affinity.matches(
        demand.spec, node
    ):
        return False
    if constraint.get("nodeTaintsPolicy", "Ignore") == "Ignore":
        return True
    taints = (node.get("spec") or {}).get("taints") or ()
    return untolerated(taints, demand.spec.get("tolerations") or ()) is None


def _label(info: NodeInfo, key: str) -> str | None:
    value = ((info.node or {}).get("metadata", {}).get("labels") or {}).get(key)
    return None if value is None else str(value)
