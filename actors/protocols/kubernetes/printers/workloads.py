"""The rows of what makes pods: deployments, replica sets, daemon sets, and their revisions."""

from typing import Any

from actors.protocols.kubernetes.printers.common import (
    AGE,
    NAME,
    NONE,
    Column,
    Object,
    Printer,
    age,
    labels_text,
    name_of,
    number,
    spec,
    status,
    template_containers,
    wide,
)
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.selectors import object_text

_CONTAINERS = (
    wide("Containers", "Names of each container in the template."),
    wide("Images", "Images referenced by each container in the template."),
    wide("Selector", "Label selector of the pods that are counted."),
)
_READY = Column("Ready", description="Number of the pod with ready state")


def _template(value: Object) -> list[Any]:
    return [*template_containers(value), object_text(spec(value).get("selector"))]


def _deployment(value: Object, now: float) -> list[Any]:
    of_status = status(value)
    wanted = number(spec(value).get("replicas"))
    return [
        name_of(value),
        f"{number(of_status.get('readyReplicas'))}/{wanted}",
        number(of_status.get("updatedReplicas")),
        number(of_status.get("availableReplicas")),
        age(value, now),
        *_template(value),
    ]


def _replica_set(value: Object, now: float) -> list[Any]:
    of_status = status(value)
    return [
        name_of(value),
        number(spec(value).get("replicas")),
        number(of_status.get("replicas")),
        number(of_status.get("readyReplicas")),
        age(value, now),
        *_template(value),
    ]


def _daemon_set(value: Object, now: float) -> list[Any]:
    names = (
        "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable",
    )  # fmt: skip
    counts = [number(status(value).get(name)) for name in names]
    selector = ((spec(value).get("template") or {}).get("spec") or {}).get("nodeSelector")
    return [name_of(value), *counts, labels_text(selector), age(value, now), *_template(value)]


def _controller_revision(value: Object, now: float) -> list[Any]:
    owners = value["metadata"].get("ownerReferences") or []
    controller = next((each for each in owners if each.get("controller")), None)
    return [
        name_of(value),
        _owner(controller) if controller else NONE,
        value.get("revision", 0),
        age(value, now),
    ]


def _owner(owner: Object) -> str:
    resource = BY_KIND.get(owner["kind"])
    group = resource.group if resource else owner["apiVersion"].rpartition("/")[0]
    kind = owner["kind"].lower()
    return f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"


DEPLOYMENT = Printer(
    (
        NAME,
        _READY,
        Column(
            "Up-to-date",
            description="Total number of non-terminated pods that have the desired template spec.",
        ),
        Column(
            "Available", description="Total number of available pods (ready for at least minReadySeconds)."
        ),
        AGE,
        *_CONTAINERS,
    ),
    _deployment,
)
REPLICA_SET = Printer(
    (
        NAME,
        Column("Desired", "integer", description="Replicas is the number of desired replicas."),
        Column(
            "Current", "integer", description="Replicas is the most recently observed number of replicas."
        ),
        Column("Ready", "integer", description="The number of ready replicas for this replica set."),
        AGE,
        *_CONTAINERS,
    ),
    _replica_set,
)
DAEMON_SET = Printer(
    (
        NAME,
        Column(
            "Desired", "integer", description="The number of nodes that should be running the daemon pod."
        ),
        Column(
            "Current",
            "integer",
            description="The number of nodes that run the daemon pod and are supposed to.",
        ),
        Column(
            "Ready", "integer", description="The number of nodes that have a running and ready daemon pod."
        ),
        Column(
            "Up-to-date", "integer", description="The number of nodes that are running an updated daemon pod."
        ),
        Column("Available", "integer", description="The number of nodes that have an available daemon pod."),
        Column("Node Selector", description="Labels that a node must have for the pod to fit on it."),
        AGE,
        *_CONTAINERS,
    ),
    _daemon_set,
)
CONTROLLER_REVISION = Printer(
    (
        NAME,
        Column("Controller", description="Controller of the object"),
        Column("Revision", description="Revision indicates the revision of the state represented by Data."),
        AGE,
    ),
    _controller_revision,
)
