"""Which pods are behind a Service, and how they are written down: EndpointSlices, and the Endpoints of old.

The rules are those of k8s.io/endpointslice and k8s.io/kubernetes: pkg/controller/endpoint. Endpoints stay in the slice
that they are in, so that a change of one pod is a change of one slice.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from actors.protocols.kubernetes.workloads.owners import controller_reference
from actors.protocols.kubernetes.workloads.pods import has_ended, is_ready, is_terminating

Object = dict[str, Any]
Ports = tuple[tuple[tuple[str, Any], ...], ...]

MOST_PER_SLICE = 100
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
ZONE = "topology.kubernetes.io/zone"
OLD_MANAGED_BY = "endpoints.kubernetes.io/managed-by"


class Plan(NamedTuple):
    """What is to be written so that the slices are right."""

    create: list[Object]
    update: list[Object]
    delete: list[Object]


def wants_endpoints(service: Object) -> bool:
    """Those without selector look after their own; an external name has no pods."""
    spec = service["spec"]
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def is_listed(pod: Object) -> bool:
    """It has an address and has not ended; whether it is ready or about to go does not matter."""
    return bool((pod.get("status") or {}).get("podIP")) and not has_ended(pod)


def what_matters(pod: Object) -> tuple[Any, ...]:
    """What endpoints are made of: while it stays the same there is nothing to do."""
    status, metadata = pod.get("status") or {}, pod["metadata"]
    return (
        status.get("podIP"),
        status.get("phase"),
        is_ready(pod),
        is_terminating(pod),
        metadata.get("labels"),
        pod["spec"].get("nodeName"),
    )


def target_ports(service: Object, pod: Object) -> list[Object]:
    """The Service's ports as this pod has them; a named one that it does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        number = _number(port.get("targetPort", port["port"]), protocol, pod)
        if number is not None:
            app = {"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}
            found.append({"name": port.get("name", ""), "port": number, "protocol": protocol, **app})
    return found


def _number(target: int | str, protocol: str, pod: Object) -> int | None:
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def endpoint(service: Object, pod: Object, zone: str | None) -> Object:
    """An entry of an EndpointSlice."""
    serving, terminating = is_ready(pod), is_terminating(pod)
    told_anyway = bool(service["spec"].get("publishNotReadyAddresses"))
    spec = pod["spec"]
    value: Object = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": told_anyway or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": _reference(pod),
    }
    if spec.get("nodeName"):
        value["nodeName"] = spec["nodeName"]
    if zone:
        value["zone"] = zone
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        value["hostname"] = spec["hostname"]
    return value


def _reference(pod: Object) -> Object:
    metadata = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


# ---- slices ------------------------------------------------------------------------------------------------


def plan(service: Object, pods: Iterable[Object], zones: Mapping[str, str], slices: Sequence[Object]) -> Plan:
    """Compare the slices that there are with what the pods are like now. `zones` are those of the nodes."""
    groups: dict[Ports, dict[str, Object]] = {}
    for pod in pods:
        if is_listed(pod):
            ports = _frozen(target_ports(service, pod))
            found = endpoint(service, pod, zones.get(pod["spec"].get("nodeName") or ""))
            groups.setdefault(ports, {})[pod["metadata"]["uid"]] = found
    if not groups:
        groups[()] = {}  # a Service without pods has an empty slice, to show that somebody has looked
    plan = Plan([], [], [])
    by_ports: dict[Ports, list[Object]] = {}
    for each in slices:
        by_ports.setdefault(_frozen(each.get("ports") or []), []).append(each)
    for ports, endpoints in groups.items():
        _plan_group(service, ports, endpoints, by_ports.pop(ports, []), plan)
    for left in by_ports.values():
        plan.delete.extend(left)
    return plan


def _frozen(ports: Sequence[Object]) -> Ports:
    return tuple(tuple(sorted(port.items())) for port in ports)


def _plan_group(
    service: Object, ports: Ports, endpoints: dict[str, Object], slices: list[Object], plan: Plan
) -> None:
    """The slices of one set of ports. `endpoints` are by the pods' UIDs."""
    left = dict(endpoints)
    kept: list[tuple[Object, list[Object]]] = []
    for each in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        uids = [entry["targetRef"]["uid"] for entry in each.get("endpoints") or ()]
        kept.append((each, [left.pop(uid) for uid in uids if uid in left]))
    changed_first = sorted(kept, key=lambda pair: (pair[0].get("endpoints") or []) == pair[1])
    for _, entries in changed_first:
        while left and len(entries) < MOST_PER_SLICE:
            entries.append(left.pop(next(iter(left))))
    rest = list(left.values())
    new = [rest[at : at + MOST_PER_SLICE] for at in range(0, len(rest), MOST_PER_SLICE)]
    spare = not endpoints and not kept
    plan.create.extend(_slice(service, ports, entries) for entries in ([[]] if spare else new))
    empty = [pair for pair in kept if not pair[1]]
    for each, entries in kept:
        if not entries and (endpoints or each is not empty[0][0]):
            plan.delete.append(each)
        elif (each.get("endpoints") or []) != entries or not _has(each, service):
            plan.update.append(_slice(service, ports, entries, each))


def _labels(service: Object) -> dict[str, str]:
    metadata, spec = service["metadata"], service["spec"]
    labels = {
        name: text
        for name, text in (metadata.get("labels") or {}).items()
        if name not in (SERVICE_NAME, MANAGED_BY, HEADLESS)
    }
    headless = {HEADLESS: ""} if spec.get("clusterIP") == "None" else {}
    return {**labels, **headless, SERVICE_NAME: metadata["name"], MANAGED_BY: MANAGER}


def _has(found: Object, service: Object) -> bool:
    """Its labels and its owner are as they should be."""
    metadata = found["metadata"]
    owned = controller_reference(service, "Service") in (metadata.get("ownerReferences") or [])
    return owned and metadata.get("labels") == _labels(service)


def _slice(service: Object, ports: Ports, entries: list[Object], old: Object | None = None) -> Object:
    metadata = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            **(
                old["metadata"]
                if old is not None
                else {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]}
            ),
            "labels": _labels(service),
            "ownerReferences": [controller_reference(service, "Service")],
        },
        "addressType": "IPv4",
        "endpoints": entries,
        "ports": [dict(port) for port in ports],
    }


# ---- the Endpoints of old ----------------------------------------------------------------------------------


def old_endpoints(service: Object, pods: Iterable[Object]) -> Object:
    """The Endpoints object of a Service: those that go are not in it, those that are not ready stand apart."""
    told_anyway = bool(service["spec"].get("publishNotReadyAddresses"))
    groups: dict[Ports, tuple[list[Object], list[Object]]] = {}
    for pod in pods:
        if is_listed(pod) and (told_anyway or not is_terminating(pod)):
            ready, waiting = groups.setdefault(_frozen(target_ports(service, pod)), ([], []))
            (ready if told_anyway or is_ready(pod) else waiting).append(_address(pod))
    metadata = service["metadata"]
    headless = {HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {**(metadata.get("labels") or {}), **headless, OLD_MANAGED_BY: "endpoint-controller"},
        },
        "subsets": [_subset(ports, *addresses) for ports, addresses in sorted(groups.items())],
    }


def _address(pod: Object) -> Object:
    node = {"nodeName": pod["spec"]["nodeName"]} if pod["spec"].get("nodeName") else {}
    return {"ip": pod["status"]["podIP"], **node, "targetRef": _reference(pod)}


def _subset(ports: Ports, ready: list[Object], waiting: list[Object]) -> Object:
    lists = {"addresses": ready, "notReadyAddresses": waiting}
    shown = {
        name: sorted(addresses, key=lambda each: str(each["ip"]))
        for name, addresses in lists.items()
        if addresses
    }
    named = [{name: value for name, value in port if value != ""} for port in ports]
    return {**shown, **({"ports": named} if named else {})}
