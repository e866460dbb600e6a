"""What a pod asks of its node, read once from its spec (k8s.io/kubernetes: pkg/scheduler/framework)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from actors.protocols.kubernetes.node_affinity import pinned
from actors.protocols.kubernetes.quantity import parse
from actors.protocols.kubernetes.workloads.owners import controller_uid

Object = dict[str, Any]

CPU_WITHOUT_REQUEST = 100
MEMORY_WITHOUT_REQUEST = 200 * 1024**2
"""What a pod that asks for nothing is counted with when nodes are compared (not when it is asked whether it fits)."""


class HostPort(NamedTuple):
    """A port of the node's own that a container wants."""

    port: int
    protocol: str
    address: str


class Demand(NamedTuple):
    """CPU in thousandths of a core under `cpu`, everything else in units: bytes, pieces."""

    uid: str
    resources: dict[str, int]
    weight: tuple[int, int]
    """CPU and memory as they count for the comparison of nodes."""
    ports: tuple[HostPort, ...]
    group: str
    """Pods of one group (of one controller) are spread over nodes and zones."""
    nodes: frozenset[str] | None
    """The only nodes that come into question, None for all."""
    spec: Object
    namespace: str
    labels: dict[str, str]
    going: bool
    """It is being deleted: it takes room still, but counts for nothing else."""


def demand_of(pod: Object) -> Demand:
    spec = pod["spec"]
    resources = requests(spec)
    weight = (resources.get("cpu") or CPU_WITHOUT_REQUEST, resources.get("memory") or MEMORY_WITHOUT_REQUEST)
    ports = tuple(
        HostPort(port["hostPort"], port.get("protocol", "TCP"), port.get("hostIP") or "0.0.0.0")
        for container in spec["containers"]
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )
    metadata = pod["metadata"]
    uid = metadata["uid"]
    return Demand(
        uid,
        resources,
        weight,
        ports,
        controller_uid(pod) or uid,
        pinned(spec),
        spec,
        metadata.get("namespace", ""),
        metadata.get("labels") or {},
        "deletionTimestamp" in metadata,
    )


def requests(spec: Object) -> dict[str, int]:
    """What its containers request together, or one that initializes it alone if that is more; and its overhead."""
    found = _sum(spec["containers"])
    sidecars: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        own = _of(container)
        if container.get("restartPolicy") == "Always":
            found, sidecars = _add(found, own), _add(sidecars, own)
        else:
            found = _most(found, _add(sidecars, own))
    return _add(found, _amounts(spec.get("overhead") or {}))


def _sum(containers: Sequence[Object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for container in containers:
        found = _add(found, _of(container))
    return found


def _of(container: Object) -> dict[str, int]:
    return _amounts((container.get("resources") or {}).get("requests") or {})


def _amounts(resources: Object) -> dict[str, int]:
    return {name: amount(name, value) for name, value in resources.items()}


@lru_cache(4096)
def amount(name: str, value: str | int | float) -> int:
    """A quantity as the scheduler counts it: thousandths of `cpu`, units of everything else."""
    quantity = parse(value)
    return quantity.milli if name == "cpu" else quantity.whole


def _add(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _most(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}
