"""What kube-proxy makes of Services: which address and port stand for which pods, on one node (iptables mode).

How this works. `proxied` turns Services and their EndpointSlices into a `ServiceTable`: a cluster IP and port, or a
node's own address and a node port, lead to endpoints. The kernel asks the table for the first packet of a connection
and keeps the answer in its connection tracking. Sources: Kubernetes documentation, "Virtual IPs and Service Proxies";
kubernetes pkg/proxy/topology.go for which endpoints are used.
"""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from actors.units import SECOND
from actors.wire import ipv4
from actors.wire.addresses import ip_bytes, ip_text

Object = Mapping[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
_PROTOCOLS = {"TCP": ipv4.TCP, "UDP": ipv4.UDP}


class Endpoint(NamedTuple):
    """A pod's address and port."""

    address: bytes
    port: int

    def __str__(self) -> str:
        return f"{ip_text(self.address)}:{self.port}"


class Backend(NamedTuple):
    """What an address and port lead to. `masquerade`: packets get the node's address for their source, so that
    replies come back by this node. `refuse`: without endpoints the client hears of it (REJECT) or does not (DROP)."""

    name: str
    endpoints: tuple[Endpoint, ...]
    masquerade: bool
    refuse: bool
    affinity_ns: int = 0


class ServiceTable:
    """The backends of a node. With ClientIP affinity a client comes back to the endpoint that it had."""

    def __init__(
        self,
        cluster_ips: Mapping[tuple[int, bytes, int], Backend] | None = None,
        node_ports: Mapping[tuple[int, int], Backend] | None = None,
    ) -> None:
        """`cluster_ips` by protocol, address and port; `node_ports` by protocol and port."""
        self.cluster_ips = dict(cluster_ips or {})
        self.node_ports = dict(node_ports or {})
        self._recent: dict[tuple[str, bytes], tuple[Endpoint, int]] = {}

    def find(self, protocol: int, destination: bytes, port: int, *, own: bool) -> Backend | None:
        """The backend of packets to this address; `own` if it is one of the node's."""
        backend = self.cluster_ips.get((protocol, destination, port))
        return self.node_ports.get((protocol, port)) if backend is None and own else backend

    def choose(self, backend: Backend, client: bytes, dice: Random, now_ns: int) -> Endpoint | None:
        """The endpoint of a new connection: any with the same probability (`statistic --mode random`)."""
        if not backend.endpoints:
            return None
        key = (backend.name, client)
        if backend.affinity_ns:
            had, seen_ns = self._recent.get(key, (None, 0))
            if had in backend.endpoints and now_ns - seen_ns < backend.affinity_ns:
                self._recent[key] = had, now_ns
                return had
        endpoint = dice.choice(backend.endpoints)
        if backend.affinity_ns:
            self._recent[key] = endpoint, now_ns
        return endpoint

    def take_over(self, before: "ServiceTable") -> "ServiceTable":
        """This table, with the clients that the one before it remembers."""
        self._recent = before._recent
        return self

    def described(self) -> list[dict[str, Any]]:
        """For those who look at a node."""
        entries = [
            (f"{ip_text(address)}:{port}", backend)
            for (_, address, port), backend in self.cluster_ips.items()
        ]
        entries += [(f"*:{port}", backend) for (_, port), backend in self.node_ports.items()]
        return [
            {"service": backend.name, "at": at, "endpoints": [str(each) for each in backend.endpoints]}
            for at, backend in entries
        ]


def proxied(services: Iterable[Object], slices: Iterable[Object], node: str) -> ServiceTable:
    """The table of the node of this name."""
    by_service: dict[str, list[Object]] = {}
    for each in slices:
        metadata = each["metadata"]
        name = (metadata.get("labels") or {}).get(SERVICE_NAME, "")
        by_service.setdefault(f"{metadata['namespace']}/{name}", []).append(each)
    table = ServiceTable()
    for service in services:
        address = service["spec"].get("clusterIP") or "None"
        if address == "None" or service["spec"].get("type") == "ExternalName":
            continue
        key = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        for port in service["spec"].get("ports") or ():
            _proxy(table, service["spec"], key, port, by_service.get(key, []), node)
    return table


def _proxy(
    table: ServiceTable, spec: Object, key: str, port: Object, slices: list[Object], node: str
) -> None:
    protocol = _PROTOCOLS.get(port.get("protocol", "TCP"))
    if protocol is None:
        return  # SCTP: no stack here speaks it
    name = f"{key}:{port['name']}" if port.get("name") else key
    endpoints = list(_endpoints(port, slices))
    affinity_ns = 0
    if spec.get("sessionAffinity") == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        affinity_ns = int(config.get("timeoutSeconds", 10_800)) * SECOND
    inside = _usable(endpoints, node if spec.get("internalTrafficPolicy") == "Local" else None)
    where = protocol, ip_bytes(spec["clusterIP"]), int(port["port"])
    table.cluster_ips[where] = Backend(name, inside, False, bool(inside or not endpoints), affinity_ns)
    if port.get("nodePort"):
        local = spec.get("externalTrafficPolicy") == "Local"
        outside = _usable(endpoints, node if local else None)
        backend = Backend(name, outside, not local, not local or not endpoints, affinity_ns)
        table.node_ports[protocol, int(port["nodePort"])] = backend


class _Known(NamedTuple):
    endpoint: Endpoint
    node: str | None
    ready: bool
    serving: bool
    terminating: bool


def _endpoints(port: Object, slices: list[Object]) -> Iterable[_Known]:
    for each in slices:
        for told in each.get("ports") or ():
            same_protocol = told.get("protocol", "TCP") == port.get("protocol", "TCP")
            if (
                not same_protocol
                or (told.get("name") or "") != (port.get("name") or "")
                or not told.get("port")
            ):
                continue
            for endpoint in each.get("endpoints") or ():
                conditions = endpoint.get("conditions") or {}
                ready = conditions.get("ready") is not False
                serving = conditions.get("serving", ready) is not False
                terminating = bool(conditions.get("terminating"))
                for address in endpoint.get("addresses") or ():
                    known = Endpoint(ip_bytes(address), int(told["port"]))
                    yield _Known(known, endpoint.get("nodeName"), ready, serving, terminating)


def _usable(endpoints: list[_Known], node: str | None) -> tuple[Endpoint, ...]:
    """Ready endpoints, on this node alone if one is given; if there are none, those that end but still serve."""
    here = [each for each in endpoints if node is None or each.node == node]
    ready = [each.endpoint for each in here if each.ready]
    return tuple(ready or [each.endpoint for each in here if each.serving and each.terminating])
