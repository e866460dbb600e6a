"""How many requests each target has, at each node of the load balancer, looked at again and again on model time.

Each node counts for itself and knows nothing of the others: that is what least outstanding requests decides on, and
what CloudWatch does not show.
"""

from typing import Any

from actors.element import CallFailed
from orchestrator.kubernetes.workloads import shown_state
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.settings.words import Calls

ALB = "alb"


class Tally:
    """A number that is looked at now and then."""

    def __init__(self) -> None:
        self.samples, self.total, self.most = 0, 0, 0

    def add(self, value: int) -> None:
        self.samples += 1
        self.total += value
        self.most = max(self.most, value)

    def plain(self) -> dict[str, float]:
        return {"mean": self.total / self.samples if self.samples else 0.0, "max": self.most}


class Outstanding:
    """Of all targets, while a load runs."""

    def __init__(self, world: Calls) -> None:
        self._world = world
        self.nodes = [name for name, kind in world.kinds().items() if kind == ALB]
        self.pods: dict[str, str] = {}
        """Names by address; a pod that has gone leaves its name."""
        self._nameless: set[str] = set()
        self._per_node: dict[str, dict[str, Tally]] = {}
        self._altogether: dict[str, Tally] = {}
        self.states: dict[str, dict[str, str]] = {}
        self.latest: dict[str, dict[str, str]] = {}
        """By target and node: the states at the last look, of those that are still targets."""
        self.pod_states: dict[str, str] = {}
        self._second: dict[str, dict[str, Tally]] = {}

    async def look(self) -> None:
        """One sample of every node; one that is away is left out."""
        sums: dict[str, int] = {}
        self.latest = {}
        for node in self.nodes:
            try:
                targets = await self._world.call(node, "targets")
            except CallFailed:
                continue
            await self._learn_new(targets)
            for target, found in targets.items():
                name = self.pod_of(target)
                self._per_node.setdefault(name, {}).setdefault(node, Tally()).add(found["outstanding"])
                self._second.setdefault(node, {}).setdefault(name, Tally()).add(found["outstanding"])
                self.states.setdefault(name, {})[node] = found["state"]
                self.latest.setdefault(name, {})[node] = found["state"]
                sums[name] = sums.get(name, 0) + found["outstanding"]
        for name, value in sums.items():
            self._altogether.setdefault(name, Tally()).add(value)

    async def _learn_new(self, targets: dict[str, dict[str, Any]]) -> None:
        """Ask for names when there is an address that has none yet: once, it may be nobody's."""
        new = {target.partition(":")[0] for target in targets} - self.pods.keys() - self._nameless
        if new:
            await self.learn_names()
            self._nameless |= new - self.pods.keys()

    async def learn_names(self) -> None:
        """Which pod has which address now."""
        server = server_of(self._world)
        if server is None:
            return
        try:
            pods = await AsyncCluster(self._world, server).every("Pod")
        except CallFailed:
            return  # it is being started again
        self.pod_states = {pod["metadata"]["name"]: shown_state(pod) for pod in pods}
        for pod in pods:
            if (address := pod.get("status", {}).get("podIP")) is not None:
                self.pods[address] = pod["metadata"]["name"]

    def pod_of(self, target: str) -> str:
        """The pod that a target `10.0.10.20:80` is, or the target itself."""
        return self.pods.get(target.partition(":")[0], target)

    def second(self) -> dict[str, dict[str, float]]:
        """By node and target: the mean of what was seen since this was asked last."""
        seen, self._second = self._second, {}
        return {
            node: {name: tally.plain()["mean"] for name, tally in targets.items()}
            for node, targets in seen.items()
        }

    def target_states(self) -> dict[str, str]:
        """The worst that any node says of each target."""
        return {name: min(states.values(), key=_severity) for name, states in sorted(self.latest.items())}

    def names(self) -> list[str]:
        return sorted(self._altogether)

    def of(self, pod: str) -> dict[str, Any]:
        """`outstanding` over all nodes, and `per_node`."""
        nodes = self._per_node.get(pod, {})
        return {
            "outstanding": self._altogether.get(pod, Tally()).plain(),
            "per_node": {node: nodes[node].plain() for node in self.nodes if node in nodes},
        }


WORST_FIRST = ("unused", "unhealthy", "draining", "initial", "healthy")


def _severity(state: str) -> int:
    return WORST_FIRST.index(state) if state in WORST_FIRST else 0
