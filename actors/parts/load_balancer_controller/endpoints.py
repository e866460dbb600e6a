"""Which endpoints of a Service become targets in ip mode: the rules of the AWS Load Balancer Controller.

Facts: kubernetes-sigs/aws-load-balancer-controller, pkg/backend/endpoint_resolver.go. An endpoint that is not ready
becomes a target all the same when its pod's containers are and its node is: a pod whose readiness gate waits for the
load balancer would never become ready otherwise. One that terminates never is: its target is deregistered.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Object = dict[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"


class PodTarget(NamedTuple):
    """A pod's address and the port on which it serves."""

    id: str
    port: int

    def shape(self) -> dict[str, Any]:
        """As RegisterTargets takes it."""
        return {"Id": self.id, "Port": self.port}


class BackendNotFound(LookupError):
    """There is no such Service, or it has no such port."""


def service_port(service: Object, port: int | str) -> Object:
    """The port of a Service by name or number. Raises `BackendNotFound`."""
    key = "name" if isinstance(port, str) else "port"
    for each in service["spec"].get("ports") or ():
        if each.get(key) == port:
            found: Object = each
            return found
    metadata = service["metadata"]
    raise BackendNotFound(f"unable to find port {port} on service {metadata['namespace']}/{metadata['name']}")


def resolve(
    service: Object,
    port: int | str,
    slices: Iterable[Object],
    pods: Mapping[str, Object],
    nodes: Mapping[str, Object],
) -> tuple[PodTarget, ...]:
    """The targets for a port of a Service; `slices` are its own, `pods` by namespace/name. Raises `BackendNotFound`."""
    name = service_port(service, port).get("name", "")
    ready: dict[PodTarget, None] = {}
    of_lost_nodes: dict[PodTarget, None] = {}
    for slice_ in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        numbers = [each["port"] for each in slice_.get("ports") or () if (each.get("name") or "") == name]
        for endpoint in slice_.get("endpoints") or () if slice_["addressType"] == "IPv4" else ():
            verdict = _verdict(endpoint, slice_["metadata"]["namespace"], pods, nodes)
            chosen = {"True": ready, "Unknown": of_lost_nodes}.get(verdict, {})
            chosen.update(dict.fromkeys(_targets(endpoint, numbers)))
    # EndpointsFailOpen: nodes that nobody hears of may serve still, and somebody must
    return tuple(ready or of_lost_nodes)


def _targets(endpoint: Object, ports: Iterable[int]) -> Iterator[PodTarget]:
    for port in ports:
        for address in endpoint["addresses"]:
            yield PodTarget(address, port)


def _verdict(
    endpoint: Object, namespace: str, pods: Mapping[str, Object], nodes: Mapping[str, Object]
) -> str:
    """`True`: it becomes a target; `Unknown`: only if there is no other; `False`: it does not."""
    conditions, reference = endpoint.get("conditions") or {}, endpoint.get("targetRef") or {}
    if conditions.get("terminating") or reference.get("kind") != "Pod":
        return "False"
    pod = pods.get(f"{reference.get('namespace', namespace)}/{reference['name']}")
    if pod is None:
        return "False"  # not heard of yet: its coming has it looked at again
    if conditions.get("ready") is not False:
        return "True"
    if condition(pod, "ContainersReady") != "True":
        return "False"
    return condition(nodes.get(pod["spec"].get("nodeName", "")), "Ready")


def condition(value: Object | None, type_: str) -> str:
    """The status of a condition of a pod or node; `False` if it has none."""
    for each in (value or {}).get("status", {}).get("conditions") or ():
        if each["type"] == type_:
            return str(each["status"])
    return "False"
