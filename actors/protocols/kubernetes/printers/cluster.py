"""The rows of nodes, namespaces, events, config maps and leases."""

from typing import Any

from actors.protocols.kubernetes.printers.common import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Column,
    Object,
    Printer,
    age,
    joined,
    name_of,
    since,
    spec,
    status,
    wide,
)

_ROLE = "node-role.kubernetes.io/"


def _node(value: Object, now: float) -> list[Any]:
    of_status = status(value)
    info = of_status.get("nodeInfo") or {}
    addresses = {
        each.get("type"): each.get("address", "") for each in reversed(of_status.get("addresses") or [])
    }
    return [
        name_of(value),
        _node_status(value, of_status),
        _roles(value["metadata"].get("labels") or {}),
        age(value, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _node_status(value: Object, of_status: Object) -> str:
    ready = next((each for each in of_status.get("conditions") or [] if each.get("type") == "Ready"), None)
    text = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if spec(value).get("unschedulable") else text


def _roles(labels: dict[str, str]) -> str:
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and key != _ROLE}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return joined(sorted(roles))


def _namespace(value: Object, now: float) -> list[Any]:
    return [name_of(value), status(value).get("phase", ""), age(value, now)]


def _event(value: Object, now: float) -> list[Any]:
    involved = value.get("involvedObject") or {}
    series, first_at = value.get("series"), value.get("firstTimestamp") or value.get("eventTime")
    first = since(first_at, now)
    if series:
        last = since(series.get("lastObservedTime"), now)
    else:
        last = since(value["lastTimestamp"], now) if value.get("lastTimestamp") else first
    count = series.get("count") if series else value.get("count") or 1
    return [
        last,
        value.get("type", ""),
        value.get("reason", ""),
        f"{involved.get('kind', '').lower()}/{involved.get('name', '')}",
        involved.get("fieldPath", ""),
        _source(value),
        (value.get("message") or "").strip(),
        first,
        count,
        name_of(value),
    ]


def _source(value: Object) -> str:
    source = value.get("source") or {}
    component = source.get("component") or value.get("reportingComponent") or ""
    host = source.get("host") or value.get("reportingInstance") or ""
    return ", ".join(each for each in (component, host) if each)


def _config_map(value: Object, now: float) -> list[Any]:
    held = len(value.get("data") or {}) + len(value.get("binaryData") or {})
    return [name_of(value), held, age(value, now)]


def _lease(value: Object, now: float) -> list[Any]:
    return [name_of(value), spec(value).get("holderIdentity") or "", age(value, now)]


NODE = Printer(
    (
        NAME,
        Column("Status", description="The status of the node"),
        Column("Roles", description="The roles of the node"),
        AGE,
        Column("Version", description="Kubelet Version reported by the node."),
        wide("Internal-IP", "List of addresses reachable to the node."),
        wide("External-IP", "List of addresses reachable to the node."),
        wide("OS-Image", "OS Image reported by the node from /etc/os-release."),
        wide("Kernel-Version", "Kernel Version reported by the node from 'uname -r'."),
        wide(
            "Container-Runtime", "ContainerRuntime Version reported by the node through runtime remote API."
        ),
    ),
    _node,
)
NAMESPACE = Printer((NAME, Column("Status", description="The status of the namespace"), AGE), _namespace)
EVENT = Printer(
    (
        Column(
            "Last Seen",
            description="The time at which the most recent occurrence of this event was recorded.",
        ),
        Column("Type", description="Type of this event (Normal, Warning)."),
        Column("Reason", description="A short, machine understandable string that gives the reason."),
        Column("Object", description="The object that this event is about."),
        wide("Subobject", "The part of the object that this event is about."),
        wide("Source", "The component reporting this event."),
        Column("Message", description="A human-readable description of the status of this operation."),
        wide("First Seen", "The time at which the event was first recorded."),
        wide("Count", "The number of times this event has occurred."),
        Column("Name", format="name", priority=1, description=NAME.description),
    ),
    _event,
)
CONFIG_MAP = Printer(
    (NAME, Column("Data", description="Data contains the configuration data."), AGE), _config_map
)
LEASE = Printer((NAME, Column("Holder", description="The identity of the holder of the lease."), AGE), _lease)
