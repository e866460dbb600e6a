"""What a node's kernel translates: Services to their endpoints, and what leaves the VPC to the node's own address.

A connection is translated as a whole: what its first packet was given holds until it is over.
"""

from typing import Any, NamedTuple

from actors.element import Context
from actors.protocols.connection_tracking import ConnectionTracker, Full
from actors.protocols.flows import Flow, key_of, taken_apart, turned
from actors.protocols.node_tables import NodeTables
from actors.protocols.service_proxy import Backend, ServiceTable
from actors.protocols.translation import Change
from actors.wire import ipv4
from actors.wire.addresses import Prefix, ip_bytes, ip_text

OWNER = "node"
NAT_PORTS = range(1024, 65_536)
NAT_TRIES = 128
_PROTOCOLS = {ipv4.ICMP: "icmp", ipv4.TCP: "tcp", ipv4.UDP: "udp"}

Notes = list[tuple[str, dict[str, Any]]]


class NoPort(Full):
    """All ports that were tried are taken for this destination."""


class Nat(NamedTuple):
    """What becomes of a translated connection's packets, and of its replies.

    `by_main`: it came in by a node port, so replies leave by the table main (the CNI's connection mark 0x80, whose rule
    1024 comes before a pod's own 1536)."""

    request: Change
    reply: Change
    by_main: bool = False


def reply_key(key: bytes, nat: Nat | None) -> bytes:
    """The flow key of a connection's replies."""
    if nat is None:
        return turned(key)
    before, change = taken_apart(key), nat.request
    source, destination = change.source or before.source, change.destination or before.destination
    source_port = before.source_port if change.source_port is None else change.source_port
    far_port = before.destination_port if change.destination_port is None else change.destination_port
    if before.protocol == ipv4.ICMP:  # an echo has its identifier in both places
        far_port = source_port
    return destination + source + far_port.to_bytes(2) + source_port.to_bytes(2) + key[12:]


class NodeNat:
    """Decides about the first packet of a connection. `services` is kube-proxy's to write."""

    def __init__(self, context: Context, tables: NodeTables, tracker: ConnectionTracker) -> None:
        self.services = ServiceTable()
        self.own_address = b""
        """That of the primary ENI: what MASQUERADE takes."""
        self._context, self._tables, self._tracker = context, tables, tracker

    def backend(self, packet: ipv4.Packet, *, own: bool) -> Backend | None:
        """The Service that a packet is for; `own` if its destination is the node itself."""
        if packet.protocol not in (ipv4.TCP, ipv4.UDP) or packet.fragment_offset:
            return None
        flow = taken_apart(key_of(packet))
        return self.services.find(flow.protocol, flow.destination, flow.destination_port, own=own)

    def to_service(self, backend: Backend, flow: Flow, *, own: bool, notes: Notes) -> Nat | None:
        """KUBE-SERVICES: an endpoint for a new connection; None when the Service has none. Raises `NoPort`."""
        now_ns = self._context.now_ns()
        endpoint = self.services.choose(backend, flow.source, self._context.random, now_ns)
        fields: dict[str, Any] = {
            "service": backend.name,
            "at": f"{ip_text(flow.destination)}:{flow.destination_port}",
            "node_port": own,
            "endpoints": len(backend.endpoints),
            "chosen": None if endpoint is None else str(endpoint),
            "masquerade": False,
        }
        notes.append(("service.endpoint", fields))
        if endpoint is None:
            return None
        request = Change(destination=endpoint.address, destination_port=endpoint.port)
        reply = Change(source=flow.destination, source_port=flow.destination_port)
        if (
            backend.masquerade or endpoint.address == flow.source
        ):  # a pod that calls itself would answer past us
            fields["masquerade"] = True
            onward = flow._replace(destination=endpoint.address, destination_port=endpoint.port)
            port = self._free_port(onward, self.own_address)
            request = request._replace(source=self.own_address, source_port=port)
            reply = reply._replace(destination=flow.source, destination_port=flow.source_port)
        return Nat(request, reply, by_main=own)

    def out_of_the_vpc(self, flow: Flow, notes: Notes) -> Nat | None:
        """POSTROUTING of what leaves by an ENI: the CNI's chain, with a random port as `--random-fully` says."""
        chain = self._tables.snat
        if chain is None or flow.protocol not in _PROTOCOLS:
            return None
        if any(flow.destination in Prefix.parse(own) for own in chain.returns):
            return None
        address = ip_bytes(chain.to_source)
        port = self._free_port(flow, address)
        fields = {
            "protocol": _PROTOCOLS[flow.protocol],
            "inside": f"{ip_text(flow.source)}:{flow.source_port}",
            "outside": f"{chain.to_source}:{port}",
            "remote": f"{ip_text(flow.destination)}:{flow.destination_port}",
            "created": True,
            "direction": "out",
            "rule": chain.chain,
        }
        notes.append(("nat.mapping", fields))
        return Nat(
            Change(source=address, source_port=port), Change(None, flow.source, None, flow.source_port)
        )

    def _free_port(self, flow: Flow, address: bytes) -> int:
        for _ in range(NAT_TRIES):
            port = self._context.random.choice(NAT_PORTS)
            far = port if flow.protocol == ipv4.ICMP else flow.destination_port
            reply = (
                flow.destination + address + far.to_bytes(2) + port.to_bytes(2) + flow.protocol.to_bytes(1)
            )
            if self._tracker.find(OWNER, reply) is None:
                return port
        raise NoPort(f"no free port to {ip_text(flow.destination)} in {NAT_TRIES} throws")
