"""What a VPC knows, and what it decides about a packet: may it leave, which route, who holds the address, may it enter.

How this works. To its interfaces the VPC looks like Ethernet with a router at the first address of each subnet; in
truth no broadcast is carried, ARP is answered by the mapping service, and each packet is judged on its own: source
check and egress rules at the interface that sends, the route table of its subnet, the mapping of the destination, the
ingress rules at the interface that receives. The implicit router takes no TTL (no traceroute shows it), and what is
dropped is dropped in silence, as in AWS.

Fragments other than the first have no ports, so only rules for all traffic let them pass.
"""

from typing import Any, NamedTuple

from actors.protocols.connection_tracking import Connection
from actors.protocols.eni_map import Eni, EniMap, Subnet
from actors.protocols.flows import icmp_message, key_of, tcp_flags
from actors.protocols.nat.errors import answering_flow, quote_of
from actors.protocols.security_groups import SecurityGroups, Verdict
from actors.protocols.vpc_routes import INTERNET_GATEWAY, LOCAL, Match, VpcRouteTable
from actors.wire import arp, icmp, ipv4
from actors.wire.addresses import ANY_IP, Prefix, ip_text
from actors.wire.malformed import Malformed

IMPLICIT_TABLE = "implicit"
"""What records call the route by which the internet gateway hands packets in; no table of the user's says so."""


class Note(NamedTuple):
    """One decision on the way, as it goes into the journal."""

    kind: str
    fields: dict[str, Any]


class Decision(NamedTuple):
    """Where a packet goes: to an interface, to the internet gateway (`eni` is None), or nowhere (`drop` says why)."""

    drop: str | None
    eni: Eni | None
    notes: tuple[Note, ...]
    connections: tuple[Connection, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the packets of this flow that neither open nor close anything will all fare the same."""
        return self.drop is None and all(connection.settled for connection in self.connections)


class VpcFabric:
    """Subnets, route tables, security groups and interfaces of one VPC. Verbs that change it are those of its parts."""

    def __init__(
        self,
        cidr: Prefix,
        interfaces: EniMap,
        route_tables: dict[str, VpcRouteTable],
        security_groups: SecurityGroups,
    ) -> None:
        self.cidr = cidr
        self.interfaces = interfaces
        self.route_tables = route_tables
        self.security_groups = security_groups

    def answer_arp(self, request: arp.Packet, asker: Eni) -> bytes | None:
        """The MAC address that the mapping service answers an interface with: the router's, or the holder's."""
        subnet = self.interfaces.subnets[asker.subnet]
        address = request.target_ip
        if request.operation != arp.REQUEST or address not in subnet.prefix or address in asker.addresses:
            return None
        if request.sender_ip != ANY_IP and request.sender_ip not in asker.addresses:
            return None
        if address == subnet.gateway:
            return subnet.gateway_mac
        holder = self.interfaces.by_address.get(address)
        return holder.mac if holder is not None else None

    def from_interface(
        self, sender: Eni, destination_mac: bytes, packet: ipv4.Packet, now_ns: int
    ) -> Decision:
        """Decide about a packet that an interface has sent."""
        if sender.source_dest_check and packet.source not in sender.addresses:
            note = Note(
                "vpc.drop",
                {"reason": "source_dest_check", "eni": sender.id, "source": ip_text(packet.source)},
            )
            return Decision("source_dest_check", None, (note,))
        key, flags = key_of(packet), tcp_flags(packet)
        leaving = self.security_groups.check(
            sender.id,
            sender.groups,
            ingress=False,
            key=key,
            flags=flags,
            now_ns=now_ns,
            message=icmp_message(packet),
            about=_complained_of(packet),
        )
        notes = [_verdict_note(leaving, "egress", sender)]
        if leaving.connection is None:
            return Decision("security_group", None, tuple(notes))
        subnet = self.interfaces.subnets[sender.subnet]
        target, note = self._route(subnet, destination_mac, packet.destination)
        notes.append(note)
        if target is None:
            return Decision("no_route", None, tuple(notes))
        if target == INTERNET_GATEWAY:
            return Decision(None, None, tuple(notes), (leaving.connection,))
        return self._deliver(packet, key, flags, notes, (leaving.connection,), now_ns)

    def from_internet_gateway(self, packet: ipv4.Packet, now_ns: int) -> Decision:
        """Decide about a packet that the internet gateway hands in, its destination already a private address."""
        note = _route_note(packet.destination, IMPLICIT_TABLE, str(self.cidr), LOCAL)
        return self._deliver(packet, key_of(packet), tcp_flags(packet), [note], (), now_ns)

    def _route(self, subnet: Subnet, destination_mac: bytes, destination: bytes) -> tuple[str | None, Note]:
        """The target that the packet is routed to, if any, and the story of it.

        What is sent to a neighbour's own MAC does not pass the router: it stays in the subnet."""
        if destination_mac != subnet.gateway_mac:
            neighbour = self.interfaces.by_mac.get(destination_mac)
            inside = (
                neighbour is not None
                and neighbour.subnet == subnet.name
                and destination in neighbour.addresses
            )
            target = LOCAL if inside else None
            return target, _route_note(
                destination, subnet.name, str(subnet.prefix), target or "unknown MAC address"
            )
        match = self.route_tables[subnet.route_table].match(destination)
        return match.route.target if match.route else None, _match_note(
            destination, subnet.route_table, match
        )

    def _deliver(
        self,
        packet: ipv4.Packet,
        key: bytes,
        flags: int,
        notes: list[Note],
        connections: tuple[Connection, ...],
        now_ns: int,
    ) -> Decision:
        receiver = self.interfaces.by_address.get(packet.destination)
        if receiver is None:
            note = Note(
                "vpc.drop", {"reason": "no_network_interface", "why": self._nobody(packet.destination)}
            )
            return Decision("no_network_interface", None, (*notes, note))
        entering = self.security_groups.check(
            receiver.id,
            receiver.groups,
            ingress=True,
            key=key,
            flags=flags,
            now_ns=now_ns,
            message=icmp_message(packet),
            about=_complained_of(packet),
        )
        notes.append(_verdict_note(entering, "ingress", receiver))
        if entering.connection is None:
            return Decision("security_group", None, tuple(notes))
        fields = {"eni": receiver.id, "address": ip_text(packet.destination), "port": receiver.port}
        notes.append(Note("eni.deliver", fields))
        return Decision(None, receiver, tuple(notes), (*connections, entering.connection))

    def _nobody(self, address: bytes) -> str:
        """Why nobody holds this address."""
        text, subnet = ip_text(address), self.interfaces.subnet_of(address)
        if subnet is None:
            return f"{text} is in no subnet"
        reserved = subnet.reserved(address)
        return (
            f"{text} is {reserved} of {subnet.name}"
            if reserved
            else f"no interface in {subnet.name} holds {text}"
        )


def _complained_of(packet: ipv4.Packet) -> bytes | None:
    """The flow that an ICMP error is about; None for any other packet."""
    if packet.protocol != ipv4.ICMP or packet.fragment_offset or icmp_message(packet)[0] not in icmp.ERRORS:
        return None
    try:
        original = quote_of(icmp.decode(packet.payload))
        return None if original is None else answering_flow(original)
    except Malformed:
        return None


def _verdict_note(verdict: Verdict, direction: str, eni: Eni) -> Note:
    fields = {
        "group": verdict.group,
        "direction": direction,
        "rule": verdict.rule,
        "peer": verdict.peer,
        "eni": eni.id,
    }
    return Note("security_group.allow" if verdict.allowed else "security_group.deny", fields)


def _match_note(destination: bytes, table: str, match: Match) -> Note:
    alternatives = [f"{route.destination} -> {route.target}" for route in match.alternatives]
    if match.route is None:
        return _route_note(destination, table, "none", "none")
    return _route_note(destination, table, str(match.route.destination), match.route.target, alternatives)


def _route_note(
    destination: bytes, table: str, matched: str, target: str, alternatives: list[str] | None = None
) -> Note:
    fields = {
        "destination": ip_text(destination),
        "route_table": table,
        "matched": matched,
        "target": target,
        "alternatives": alternatives or [],
    }
    return Note("vpc.route", fields)
