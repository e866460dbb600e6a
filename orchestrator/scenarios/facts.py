"""What assertions are about: the state of elements as numbers, by names such as `alb.targets.healthy`.

Each fact has a source, which is asked at most once for each look, and only if somebody wants to know.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from actors.element import CallFailed
from orchestrator.config.errors import suggestion
from orchestrator.scenarios.sampling import WORST_FIRST, Outstanding
from orchestrator.scenarios.scene import Scene
from orchestrator.settings.cluster import AsyncCluster, server_of

ALB, DEPLOYMENT, PODS, NAT, CNI, LOAD = "alb", "deployment", "pods", "nat", "cni", "load"
POD_STATES = ("pending", "containercreating", "running", "ready", "terminating")
"""As `kubectl get pods` has them, in small letters; one that is running is not ready yet."""
_DEPLOYMENT = {
    "replicas": "replicas",
    "updated": "updatedReplicas",
    "ready": "readyReplicas",
    "available": "availableReplicas",
}
_CNI = {
    "total": "total_ip_addresses",
    "assigned": "assigned_ip_addresses",
    "cooling": "cooling_ip_addresses",
}
FACTS: dict[str, tuple[str, str]] = {
    "alb.targets": (ALB, "all"),
    **{f"alb.targets.{state}": (ALB, state) for state in reversed(WORST_FIRST)},
    **{f"deployment.{key}": (DEPLOYMENT, key) for key in _DEPLOYMENT},
    "pods": (PODS, "all"),
    **{f"pods.{state}": (PODS, state) for state in POD_STATES},
    "nat.sessions": (NAT, "sessions"),
    "nat.session_limit": (NAT, "limit"),
    **{f"cni.{key}": (CNI, key) for key in (*_CNI, "warm")},
    "load.inflight": (LOAD, "inflight"),
    "load.connections": (LOAD, "open_connections"),
}
"""Every fact: which source has it, and under which key there."""
NAMED = (DEPLOYMENT, CNI)
"""Sources of which there may be several: `deployment[nginx].ready`, `cni[node-1].assigned`."""


class Fact(NamedTuple):
    """A name, taken apart."""

    text: str
    source: str
    key: str
    only: str
    """Of which one; empty: of all together."""


def fact_of(text: str) -> Fact:
    """`alb.targets.healthy`, `deployment[nginx].ready`. Raises ValueError."""
    match = re.fullmatch(r"([a-z]+)(?:\[([^\[\]]+)\])?((?:\.[a-z_]+)*)", text)
    plain = f"{match[1]}{match[3]}" if match else text
    if plain not in FACTS:
        raise ValueError(f"there is no {text!r} to be known{suggestion(plain, FACTS, otherwise='known are')}")
    assert match is not None
    source, key = FACTS[plain]
    if match[2] and source not in NAMED:
        raise ValueError(f"{plain} is of the whole world: leave out [{match[2]}]")
    return Fact(text, source, key, match[2] or "")


class Facts:
    """Asks, of the sources that are wanted."""

    def __init__(self, scene: Scene, outstanding: Outstanding, wanted: Iterable[Fact]) -> None:
        self._scene, self._outstanding = scene, outstanding
        self._sources = sorted({fact.source for fact in wanted})
        self._found: dict[str, Any] = {}
        self.load: dict[str, Any] = {}
        """The load's latest status."""
        self._ask: dict[str, Callable[[], Awaitable[Any]]] = {
            ALB: self._targets,
            DEPLOYMENT: self._deployments,
            PODS: self._pods,
            NAT: self._nat,
            CNI: self._cni,
            LOAD: self._load,
        }

    async def look(self) -> None:
        """Ask anew. A source that is away now tells nothing."""
        for source in self._sources:
            try:
                self._found[source] = await self._ask[source]()
            except CallFailed:
                self._found.pop(source, None)

    def value(self, fact: Fact) -> float | None:
        """The value at the last look; None when nobody can tell."""
        found = self._found.get(fact.source)
        if found is None:
            return None
        if fact.source in NAMED:
            if fact.only and fact.only not in found:
                return None
            chosen = [found[fact.only]] if fact.only else list(found.values())
            return float(sum(each.get(fact.key, 0) for each in chosen))
        return float(found.get(fact.key, 0))

    # ---- sources -----------------------------------------------------------------------------------------------

    async def _targets(self) -> dict[str, float]:
        states = list(self._outstanding.target_states().values())
        return {"all": len(states), **{state: states.count(state) for state in WORST_FIRST}}

    async def _deployments(self) -> dict[str, dict[str, float]]:
        found = {}
        for each in await self._cluster().every("Deployment"):
            status = {**each.get("status", {}), "replicas": each["spec"].get("replicas", 1)}
            found[each["metadata"]["name"]] = {key: status.get(name, 0) for key, name in _DEPLOYMENT.items()}
        return found

    async def _pods(self) -> dict[str, float]:
        await self._outstanding.learn_names()
        states = [state.lower() for state in self._outstanding.pod_states.values()]
        return {"all": len(states), **{state: states.count(state) for state in POD_STATES}}

    def _cluster(self) -> AsyncCluster:
        server = server_of(self._scene)
        if server is None:
            raise CallFailed("there is no API server")
        return AsyncCluster(self._scene, server)

    async def _nat(self) -> dict[str, float]:
        sessions, limit = 0, 0
        for name in self._of_kind("home_router"):
            state = await self._scene.call(name, "inspect")
            sessions, limit = sessions + state["nat"]["sessions"], limit + state["nat"]["session_limit"]
        return {"sessions": sessions, "limit": limit}

    async def _cni(self) -> dict[str, dict[str, float]]:
        found = {}
        for name in self._of_kind("cni_agent"):
            state = await self._scene.call(name, "inspect")
            counts = {key: state[field] for key, field in _CNI.items()}
            counts["warm"] = counts["total"] - counts["assigned"] - counts["cooling"]
            found[state["node"]] = counts
        return found

    async def _load(self) -> dict[str, float]:
        return self.load

    def _of_kind(self, kind: str) -> list[str]:
        return [name for name, each in self._scene.kinds().items() if each == kind]
