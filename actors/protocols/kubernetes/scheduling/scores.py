"""Where a pod runs best, of the nodes where it can (k8s.io/kubernetes: pkg/scheduler/framework/plugins).

Each score is 0 to 100; their weights are those of the default profile.
"""

from collections.abc import Callable, Sequence
from math import log

from actors.protocols.kubernetes import node_affinity
from actors.protocols.kubernetes.scheduling.demand import Demand
from actors.protocols.kubernetes.scheduling.nodes import NodeInfo
from actors.protocols.kubernetes.scheduling.topology import Spread
from actors.protocols.kubernetes.taints import untolerated

MOST = 100
_HOST_SKEW, _ZONE_SKEW = 3, 5
"""`maxSkew` of the constraints that pods have without saying so."""

SPREAD_WEIGHT = 2

Score = Callable[[Demand, Sequence[NodeInfo]], list[float]]


def best(demand: Demand, nodes: Sequence[NodeInfo], spreads: Sequence[Spread] = ()) -> list[NodeInfo]:
    """Those with the highest score; more than one if they are equally good."""
    if len(nodes) == 1:
        return list(nodes)
    wishes = [each for each in spreads if not each.hard]
    crowding = _evened(_crowds(wishes, nodes)) if wishes else [0.0] * len(nodes)
    if not spreads:
        crowding = spread(demand, nodes)
    totals = [SPREAD_WEIGHT * value for value in crowding]
    for score, weight in SCORES:
        for at, value in enumerate(score(demand, nodes)):
            totals[at] += weight * value
    top = max(totals)
    return [node for node, total in zip(nodes, totals, strict=True) if total == top]


def least_allocated(demand: Demand, nodes: Sequence[NodeInfo]) -> list[float]:
    """How much of CPU and memory would be left."""
    return [_least_allocated(demand, node) for node in nodes]


def _least_allocated(demand: Demand, info: NodeInfo) -> float:
    found = []
    for at, name in enumerate(("cpu", "memory")):
        there, taken = info.allocatable.get(name, 0), info.weight[at] + demand.weight[at]
        found.append(0 if taken > there or not there else (there - taken) * MOST // there)
    return sum(found) // len(found)


def balanced(demand: Demand, nodes: Sequence[NodeInfo]) -> list[float]:
    """How evenly CPU and memory would be used up."""
    return [_balanced(demand, node) for node in nodes]


def _balanced(demand: Demand, info: NodeInfo) -> float:
    shares = []
    for name in ("cpu", "memory"):
        there, taken = info.allocatable.get(name, 0), info.taken[name] + demand.resources.get(name, 0)
        shares.append(min(1.0, taken / there) if there else 1.0)
    return int((1 - abs(shares[0] - shares[1]) / 2) * MOST)


def spread(demand: Demand, nodes: Sequence[NodeInfo]) -> list[float]:
    """How few of the pod's siblings are on the node and in its zone: for pods that have no constraints themselves."""
    by_zone: dict[str, int] = {}
    for node in nodes:
        by_zone[node.zone] = by_zone.get(node.zone, 0) + node.groups.get(demand.group, 0)
    host_weight, zone_weight = log(len(nodes) + 2), log(len(by_zone) + 2)
    crowds: list[int] = []
    for node in nodes:
        here = node.groups.get(demand.group, 0) * host_weight + _HOST_SKEW - 1
        around = by_zone[node.zone] * zone_weight + _ZONE_SKEW - 1 if node.zone else 0.0
        crowds.append(round(here + around))
    return _evened(crowds)


def _crowds(spreads: Sequence[Spread], nodes: Sequence[NodeInfo]) -> list[int]:
    return [round(sum(each.crowd(node) for each in spreads)) for node in nodes]


def _evened(crowds: Sequence[int]) -> list[float]:
    """The fewer the better."""
    most, least = max(crowds), min(crowds)
    return [MOST * (most + least - crowd) // most if most else float(MOST) for crowd in crowds]


def preferred(demand: Demand, nodes: Sequence[NodeInfo]) -> list[float]:
    """How much of the preferred node affinity is satisfied."""
    if not demand.spec.get("affinity"):
        return [0.0] * len(nodes)
    found = [node_affinity.preference(demand.spec, node.node or {}) for node in nodes]
    most = max(found)
    return [MOST * value // most if most else 0.0 for value in found]


def tolerable(demand: Demand, nodes: Sequence[NodeInfo]) -> list[float]:
    """How few taints would rather not have the pod there."""
    tolerations = [
        each
        for each in demand.spec.get("tolerations") or ()
        if each.get("effect") in (None, "", "PreferNoSchedule")
    ]
    found = []
    for node in nodes:
        taints = ((node.node or {}).get("spec") or {}).get("taints") or ()
        found.append(
            sum(untolerated([taint], tolerations, ("PreferNoSchedule",)) is not None for taint in taints)
        )
    most = max(found)
    return [MOST - MOST * value // most if most else float(MOST) for value in found]


SCORES: tuple[tuple[Score, int], ...] = (
    (tolerable, 3),
    (preferred, 2),
    (least_allocated, 1),
    (balanced, 1),
)
