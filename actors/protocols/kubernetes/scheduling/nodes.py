"""What is taken of each node, kept up to date pod by pod instead of counted anew for every decision."""

from collections import Counter
from typing import Any

from actors.protocols.kubernetes.scheduling.demand import Demand, HostPort, amount

Object = dict[str, Any]

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


class NodeInfo:
    """A node and the demands of the pods on it; `node` is None while only its pods are known."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Object | None = None
        self.allocatable: dict[str, int] = {}
        self.taken: Counter[str] = Counter()
        self.weight = [0, 0]
        self.ports: Counter[HostPort] = Counter()
        self.groups: Counter[str] = Counter()
        self.demands: dict[str, Demand] = {}
        self.zone = ""

    def describe(self, node: Object | None) -> None:
        """The node is like that now."""
        self.node = node
        allocatable = {} if node is None else (node.get("status") or {}).get("allocatable") or {}
        self.allocatable = {name: amount(name, value) for name, value in allocatable.items()}
        self.zone = "" if node is None else (node["metadata"].get("labels") or {}).get(ZONE, "")

    def add(self, demand: Demand) -> None:
        self._count(demand, 1)
        self.demands[demand.uid] = demand

    def remove(self, uid: str) -> None:
        self._count(self.demands.pop(uid), -1)

    def _count(self, demand: Demand, sign: int) -> None:
        for name, value in demand.resources.items():
            self.taken[name] += sign * value
        for at, value in enumerate(demand.weight):
            self.weight[at] += sign * value
        for port in demand.ports:
            self.ports[port] += sign
        self.groups[demand.group] += sign
        if not self.groups[demand.group]:
            del self.groups[demand.group]


class Nodes:
    """All nodes, and which one each pod is on."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._place: dict[str, str] = {}

    def get(self, name: str) -> NodeInfo | None:
        return self._nodes.get(name)

    def all(self) -> list[NodeInfo]:
        """Those that are there, in the order of their names."""
        return [self._nodes[name] for name in sorted(self._nodes) if self._nodes[name].node is not None]

    def set_node(self, node: Object) -> None:
        self._info(node["metadata"]["name"]).describe(node)

    def remove_node(self, name: str) -> None:
        info = self._info(name)
        info.describe(None)
        self._tidy(info)

    def place_of(self, uid: str) -> str | None:
        """The node that a pod is on, None if it is on none that we know of."""
        return self._place.get(uid)

    def add_pod(self, name: str, demand: Demand) -> None:
        """The pod is on that node; it may have been counted there already."""
        self.remove_pod(demand.uid)
        self._info(name).add(demand)
        self._place[demand.uid] = name

    def demand(self, uid: str) -> Demand | None:
        """What a pod that is on some node takes there."""
        name = self._place.get(uid)
        return None if name is None else self._nodes[name].demands[uid]

    def remove_pod(self, uid: str) -> None:
        name = self._place.pop(uid, None)
        if name is not None:
            info = self._nodes[name]
            info.remove(uid)
            self._tidy(info)

    def _info(self, name: str) -> NodeInfo:
        if name not in self._nodes:
            self._nodes[name] = NodeInfo(name)
        return self._nodes[name]

    def _tidy(self, info: NodeInfo) -> None:
        if info.node is None and not info.demands:
            self._nodes.pop(info.name, None)
