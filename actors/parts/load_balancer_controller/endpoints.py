"""Which endpoints of a Service become targets: the rules of the AWS Load Balancer Controller.

Facts: kubernetes-sigs/aws-load-balancer-controller, pkg/backend/endpoint_resolver.go. An endpoint that is not ready
becomes a target all the same when its pod's containers are and its node is: a pod whose readiness gate waits for the
load balancer would never become ready otherwise. One that terminates never is: its target is deregistered.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from actors.protocols.kubernetes.selectors import match_object

Object = dict[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
LEAVING_TAINT = "ToBeDeletedByClusterAutoscaler"


class Target(NamedTuple):
    """A pod's address or an instance's id, and the port on which it serves."""

    id: str
    port: int

    def shape(self) -> Object:
        """As DeregisterTargets takes it."""
        return {"Id": self.id, "Port": self.port}


class Resolved(NamedTuple):
    """Who must be a target now, and on whose behalf."""

    owners: dict[Target, Object]
    """The pod, or the node, of each target."""
    incomplete: bool = False
    """A pod has not been heard of yet."""

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(self.owners)


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


# ---- pods ------------------------------------------------------------------------------------------------


def resolve_pods(
    service: Object,
    port: int | str,
    slices: Iterable[Object],
    pods: Mapping[str, Object],
    nodes: Mapping[str, Object],
) -> Resolved:
    """The targets for a port of a Service; `slices` are its own, `pods` by namespace/name. Raises `BackendNotFound`."""
    name = service_port(service, port).get("name", "")
    ready: dict[Target, Object] = {}
    of_lost_nodes: dict[Target, Object] = {}
    incomplete = False
    for slice_ in sorted(slices, key=lambda each: str(each["metadata"]["name"])):
        numbers = [each["port"] for each in slice_.get("ports") or () if (each.get("name") or "") == name]
        for endpoint in slice_.get("endpoints") or () if slice_["addressType"] == "IPv4" else ():
            pod = _pod_of(endpoint, slice_["metadata"]["namespace"], pods)
            if pod is None:
                incomplete = incomplete or _may_serve(endpoint)
                continue
            chosen = {"True": ready, "Unknown": of_lost_nodes}.get(_verdict(endpoint, pod, nodes), {})
            chosen.update(dict.fromkeys(_targets(endpoint, numbers), pod))
    # EndpointsFailOpen: nodes that nobody hears of may serve still, and somebody must
    return Resolved(ready or of_lost_nodes, incomplete)


def _targets(endpoint: Object, ports: Iterable[int]) -> Iterator[Target]:
    for port in ports:
        for address in endpoint["addresses"]:
            yield Target(address, port)


def _may_serve(endpoint: Object) -> bool:
    kind = (endpoint.get("targetRef") or {}).get("kind")
    return kind == "Pod" and not (endpoint.get("conditions") or {}).get("terminating")


def _pod_of(endpoint: Object, namespace: str, pods: Mapping[str, Object]) -> Object | None:
    reference = endpoint.get("targetRef") or {}
    if reference.get("kind") != "Pod":
        return None
    return pods.get(f"{reference.get('namespace', namespace)}/{reference['name']}")


def _verdict(endpoint: Object, pod: Object, nodes: Mapping[str, Object]) -> str:
    """`True`: it becomes a target; `Unknown`: only if there is no other; `False`: it does not."""
    conditions = endpoint.get("conditions") or {}
    if conditions.get("terminating"):
        return "False"
    if conditions.get("ready") is not False:
        return "True"
    if condition(pod, "ContainersReady") != "True":
        return "False"
    return condition(nodes.get(pod["spec"].get("nodeName", "")), "Ready")


# ---- instances -------------------------------------------------------------------------------------------


def resolve_nodes(
    service: Object, port: int | str, nodes: Iterable[Object], selector: Object | None
) -> Resolved:
    """Every node that may take traffic, at the Service's node port. Raises `BackendNotFound`."""
    number = service_port(service, port).get("nodePort")
    if service["spec"].get("type") not in ("NodePort", "LoadBalancer") or not number:
        metadata = service["metadata"]
        where = f"{metadata['namespace']}/{metadata['name']}"
        raise BackendNotFound(f"service type must be either 'NodePort' or 'LoadBalancer': {where}")
    owners = {}
    for node in sorted(nodes, key=lambda each: str(each["metadata"]["name"])):
        if takes_traffic(node) and (not selector or match_object(selector, node["metadata"].get("labels"))):
            owners[Target(instance_of(node), number)] = node
    return Resolved(owners)


def takes_traffic(node: Object) -> bool:
    """Whether a load balancer may send to it (pkg/backend/endpoint_utils.go, pkg/k8s/node_utils.go)."""
    taints = {each["key"] for each in node["spec"].get("taints") or ()}
    if EXCLUDED in (node["metadata"].get("labels") or {}) or LEAVING_TAINT in taints:
        return False
    return bool(instance_of(node)) and condition(node, "Ready") == "True"


def instance_of(node: Object) -> str:
    """Its instance's id, as `spec.providerID` has it; empty if it is on none."""
    provider: str = node["spec"].get("providerID") or ""
    return provider.rpartition("/")[2] if provider.startswith("aws://") else ""


def is_node(owner: Object) -> bool:
    """Whether the owner of a target is a node rather than a pod."""
    return "containers" not in owner["spec"]


# ---- conditions ------------------------------------------------------------------------------------------


def condition(value: Object | None, type_: str) -> str:
    """The status of a condition of a pod or node; `False` if it has none."""
    for each in (value or {}).get("status", {}).get("conditions") or ():
        if each["type"] == type_:
            return str(each["status"])
    return "False"
