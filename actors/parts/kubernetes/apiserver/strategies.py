"""What the API server itself decides about an object of each kind when it is written (k8s.io: pkg/registry/*/strategy).

A strategy gets its own copy of the object and changes it. `create` runs before an object is stored for the first time,
`update` before it takes the place of `old`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from actors.parts.kubernetes.apiserver.requests import Object
from actors.protocols.kubernetes.resources import Resource

OF_THE_SERVER = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
"""Metadata that nobody else writes."""
_NOT_SPEC = ("apiVersion", "kind", "metadata", "status")


def _nothing(value: Object) -> None:
    pass


@dataclass(frozen=True)
class Strategy:
    """How a kind is written."""

    create: Callable[[Object], None] = _nothing
    owns_status: bool = True
    """What is said about the status outside of `/status` is ignored."""
    counts_generations: bool = False
    """`metadata.generation` grows with every change of what is wanted."""
    status_owns_metadata: bool = False
    """A write to `/status` may change labels and annotations."""
    unconditional: bool = True
    """A PUT needs no resourceVersion."""
    creates_on_update: bool = False
    """A PUT of what is not there creates it."""


def _create_pod(pod: Object) -> None:
    pod["status"] = {}  # the defaults make of it that the pod is pending


def _create_namespace(namespace: Object) -> None:
    spec = namespace.setdefault("spec", {})
    spec["finalizers"] = sorted({*spec.get("finalizers", ()), "kubernetes"})
    namespace["status"] = {"phase": "Active"}
    labels = namespace["metadata"].get("labels") or {}
    name = namespace["metadata"]["name"]
    namespace["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name}


def _create_service(service: Object) -> None:
    service["status"] = {"loadBalancer": {}}


def _create_with_empty_status(value: Object) -> None:
    value["status"] = {}


def _create_with_load_balancer(ingress: Object) -> None:
    ingress["status"] = {"loadBalancer": {}}


def _create_replica_set(value: Object) -> None:
    value["status"] = {"replicas": 0}


def _create_daemon_set(value: Object) -> None:
    names = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    value["status"] = dict.fromkeys(names, 0)


STRATEGIES = {
    "Namespace": Strategy(_create_namespace, status_owns_metadata=True),
    "Node": Strategy(status_owns_metadata=True),
    "Pod": Strategy(_create_pod, status_owns_metadata=True),
    "Service": Strategy(_create_service, status_owns_metadata=True, creates_on_update=True),
    "Endpoints": Strategy(owns_status=False, creates_on_update=True),
    "Event": Strategy(owns_status=False, creates_on_update=True),
    "ConfigMap": Strategy(owns_status=False),
    "Deployment": Strategy(_create_with_empty_status, counts_generations=True),
    "ReplicaSet": Strategy(_create_replica_set, counts_generations=True),
    "DaemonSet": Strategy(_create_daemon_set, counts_generations=True),
    "ControllerRevision": Strategy(owns_status=False),
    "EndpointSlice": Strategy(owns_status=False, counts_generations=True),
    "Ingress": Strategy(_create_with_load_balancer, counts_generations=True),
    "IngressClass": Strategy(owns_status=False, counts_generations=True),
    "IngressClassParams": Strategy(owns_status=False, counts_generations=True, unconditional=False),
    "Lease": Strategy(owns_status=False, unconditional=False, creates_on_update=True),
    "TargetGroupBinding": Strategy(counts_generations=True, unconditional=False),
}


def strategy_of(resource: Resource) -> Strategy:
    return STRATEGIES[resource.kind]


def wants_something_else(one: Object, other: Object) -> bool:
    """Whether two versions of an object differ in more than metadata and status."""
    return any(one.get(key) != other.get(key) for key in {**one, **other} if key not in _NOT_SPEC)
