"""Why a pod cannot run on a node, in the scheduler's words (k8s.io/kubernetes: pkg/scheduler/framework/plugins)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from actors.protocols.kubernetes import node_affinity
from actors.protocols.kubernetes.scheduling.demand import Demand, HostPort
from actors.protocols.kubernetes.scheduling.nodes import NodeInfo
from actors.protocols.kubernetes.scheduling.topology import Spread
from actors.protocols.kubernetes.taints import UNSCHEDULABLE, tolerates, untolerated

Object = dict[str, Any]

NO_NODES = "no nodes available to schedule pods"
PINNED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
_NO_VICTIMS = "No preemption victims found for incoming pod"
_NOT_HELPFUL = "Preemption is not helpful for scheduling"


class Refusal(NamedTuple):
    """The reasons of one node; `final` if they would stay were there no other pods on it."""

    reasons: tuple[str, ...]
    final: bool


def refusal(demand: Demand, info: NodeInfo, spreads: Sequence[Spread] = ()) -> Refusal | None:
    """Why the pod cannot run there, None if it can. The first filter that objects is the one that is named."""
    assert info.node is not None
    said = _by_nature(demand, info.node, info.name)
    if said is not None:
        return Refusal((said,), True)
    if demand.ports and any(
        _clashes(port, taken) for port in demand.ports for taken in info.ports if info.ports[taken]
    ):
        return Refusal(("node(s) didn't have free ports for the requested pod ports",), False)
    return _by_room(demand, info) or _by_spread(info, spreads)


def _by_spread(info: NodeInfo, spreads: Sequence[Spread]) -> Refusal | None:
    for spread in spreads:
        said = spread.refuses(info)
        if said is not None:
            return Refusal((said[0],), said[1])
    return None


def _by_nature(demand: Demand, node: Object, name: str) -> str | None:
    """What is due to the node itself, whoever else is on it."""
    spec, tolerations = node.get("spec") or {}, demand.spec.get("tolerations") or ()
    if demand.nodes is not None and name not in demand.nodes:
        return PINNED
    if spec.get("unschedulable"):
        cordon = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}
        if not any(tolerates(each, cordon) for each in tolerations):
            return "node(s) were unschedulable"
    taint = untolerated(spec.get("taints") or (), tolerations)
    if taint is not None:
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not node_affinity.matches(demand.spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return None


def _clashes(one: HostPort, other: HostPort) -> bool:
    anywhere = "0.0.0.0" in (one.address, other.address)
    return one[:2] == other[:2] and (anywhere or one.address == other.address)


def _by_room(demand: Demand, info: NodeInfo) -> Refusal | None:
    reasons, final = [], False
    if len(info.demands) + 1 > info.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for name, wanted in demand.resources.items():
        there = info.allocatable.get(name, 0)
        if wanted and wanted > there - info.taken[name]:
            reasons.append(f"Insufficient {name}")
            final = final or wanted > there
    return Refusal(tuple(reasons), final) if reasons else None


def told(refusals: Mapping[str, Refusal]) -> str:
    """The message of the event FailedScheduling, and of the pod's condition."""
    if not refusals:
        return NO_NODES
    total = len(refusals)
    preemption = Counter(_NOT_HELPFUL if each.final else _NO_VICTIMS for each in refusals.values())
    reasons = Counter(reason for each in refusals.values() for reason in each.reasons)
    return f"{_histogram(total, reasons)} preemption: {_histogram(total, preemption)}"


def _histogram(total: int, reasons: Counter[str]) -> str:
    texts: Sequence[str] = sorted(f"{count} {reason}" for reason, count in reasons.items())
    return f"0/{total} nodes are available: {', '.join(texts)}."
