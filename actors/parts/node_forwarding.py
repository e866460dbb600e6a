"""A node's packet path: connection tracking, translation, policy routes, and what is kept of them.

How this works. Linux's order is kept: the tracker knows the packets of a translated flow, and what is for a Service
gets an endpoint for its destination (PREROUTING); rules and tables choose the way (`node_tables`); what leaves for
outside the VPC gets the node's address for its source (POSTROUTING). `node_nat` decides about translations. Once both
sides of a flow have spoken, the way is kept by the bytes that name the flow; and since frames of one flow and length
begin with the same 34 bytes, so is what these become on the way out. A change of rules, routes or neighbours empties
all that.
"""

from collections.abc import Callable
from struct import Struct
from struct import error as TooShort
from typing import Any, NamedTuple

from actors.element import JOURNEY, Context
from actors.parts.node_nat import OWNER, Nat, NodeNat, NoPort, Notes, reply_key
from actors.protocols import icmp as rules
from actors.protocols.connection_tracking import Connection, ConnectionTracker, Full, State
from actors.protocols.flows import FIN_SYN_RST, key_of, taken_apart, tcp_flags, turned
from actors.protocols.fragments import fragment
from actors.protocols.node_tables import NodeTables
from actors.protocols.routes import Decision, Rule
from actors.protocols.service_proxy import Backend
from actors.protocols.translation import Change, translated
from actors.stack import Stack
from actors.stack.alarm import Alarm
from actors.stack.interfaces import IPV4_TYPE, Interface
from actors.wire import icmp, ipv4, tcp
from actors.wire.addresses import ip_text
from actors.wire.checksum import adjust, word_sum
from actors.wire.malformed import Malformed

MAX_HEADS = 64
"""Different first 34 bytes kept per flow: as many as there are packet lengths in use."""
BY_MAIN = Rule(1024, "main")
"""The CNI's rule for connections that came in by a node port (`from all fwmark 0x80/0x80 lookup main`)."""
_TCP_FLAGS = 47
_flow_bytes = Struct(">15s5xHxBxx12s").unpack_from
"""MACs, EtherType and IP version; fragment word; protocol; addresses and ports."""

Device = Callable[[str, bytes], str | None]
"""`device(port, destination MAC)`: the interface that a frame at this port is for."""


class _Note:
    """What the tracker's connections carry for us: their translation, and where their packets' ways are kept."""

    __slots__ = ("kept", "nat")

    def __init__(self, nat: Nat | None) -> None:
        self.nat = nat
        self.kept: list[tuple[dict[Any, Any], Any]] = []


class _Kept:
    """The way of an established flow; `told` is the journey that has heard about it."""

    __slots__ = ("change", "connection", "ethernet", "heads", "mtu", "notes", "send", "tcp", "told")

    def __init__(self, way: "_Way", connection: Connection, mac: bytes, tcp: bool) -> None:
        self.connection = connection
        self.change = way.change
        self.ethernet = mac + way.out.mac + IPV4_TYPE
        self.send = way.out.transmit
        self.mtu = way.out.mtu
        self.notes = way.notes
        self.heads: dict[bytes, tuple[bytes, int]] = {}
        self.tcp = tcp
        self.told = JOURNEY.get()


class _Way(NamedTuple):
    """Where a packet goes: by which interface, to which neighbour, changed how; and what the journal hears of it."""

    out: Interface
    next_hop: bytes
    change: Change | None
    notes: Notes


class _Known(NamedTuple):
    """How a packet of a translated flow changes, and whether it leaves by the table main whatever its source."""

    change: Change
    by_main: bool


class NodeForwarder:
    """Takes the frames of all of the node's ports; what is for the node itself goes to its stack."""

    def __init__(
        self, context: Context, stack: Stack, tables: NodeTables, tracker: ConnectionTracker, device: Device
    ) -> None:
        self._context = context
        self._ip = stack.ip
        self._icmp = stack.icmp
        self._tables = tables
        self._device = device
        self._caches: dict[str, dict[tuple[Any, ...], _Kept]] = {}
        self.tracker = tracker
        self.nat = NodeNat(context, tables, tracker)
        self.enis: set[str] = set()
        self._alarm = Alarm(context, tracker.deadline_ns, self._on_deadline)
        self._entries = context.metrics.gauge("journey_node_conntrack_entries", node=context.name)
        context.metrics.gauge("journey_node_conntrack_limit", node=context.name).value = tracker.limit
        stack.ip.forwarder = self

    # ---- frames --------------------------------------------------------------------------------------------

    def on_frame(self, port: str, frame: bytes) -> None:
        """A frame has arrived at a port. Takes any bytes."""
        try:
            kept = self._caches[port].get(_flow_bytes(frame))
            if kept is not None and kept.tcp and frame[_TCP_FLAGS] & FIN_SYN_RST:
                kept = None
        except (KeyError, TooShort, IndexError):
            kept = None
        try:
            if kept is None:
                self._look_at(port, frame)
            else:
                self._send_kept(kept, port, frame)
        except Malformed as error:
            self._ip.drop("malformed", str(error))

    def forward(self, port: str, frame: bytes) -> None:
        """What the stack found not to be the node's own; `_look_at` has seen to all that may be forwarded."""
        self._ip.drop("not_for_us")

    def invalidate(self) -> None:
        """Rules, routes or neighbours have changed."""
        for cache in self._caches.values():
            cache.clear()

    def _send_kept(self, kept: _Kept, port: str, frame: bytes) -> None:
        kept.connection.seen_ns = self._context.now_ns()
        journey = JOURNEY.get()
        if journey is not None and kept.told != journey:
            kept.told = journey
            self._tell(kept.notes)
        known = kept.heads.get(frame[:34])
        if known is not None and known[1] == len(frame):
            kept.send(known[0] + frame[34:])
            return
        packet = _one_hop_on(frame, kept.change)
        if packet is None or len(packet) > kept.mtu:
            self._look_at(port, frame)
            return
        if kept.change is None and frame[18:20] == b"\0\0":  # an identification that counts never comes again
            if len(kept.heads) >= MAX_HEADS:
                kept.heads.clear()
            kept.heads[frame[:34]] = (kept.ethernet + packet[:20], 14 + len(packet))
        kept.send(kept.ethernet + packet)

    def _look_at(self, port: str, frame: bytes) -> None:
        device = self._device(port, frame[:6])
        if device is None:
            self._ip.drop("no_veth", f"no pod is wired to {port}")
            return
        interface = self._ip.interfaces[device]
        if frame[:6] != interface.mac or frame[12:14] != IPV4_TYPE:
            self._ip.on_frame(device, frame)
            return
        packet = ipv4.decode(frame[14:])
        known = self._known(packet)
        own = packet.destination in self._ip.local and known is None
        backend = self.nat.backend(packet, own=own) if known is None else None
        if (own and backend is None) or packet.source in self._ip.local or _is_odd(packet):
            self._ip.on_frame(device, frame)
        elif packet.ttl <= 1:
            self._expire(packet, frame, interface)
        elif backend is not None:
            self._serve(port, frame, packet, interface, backend, own)
        else:
            self._forward(port, frame, packet, interface, known, [])

    # ---- the way of a new flow -----------------------------------------------------------------------------

    def _known(self, packet: ipv4.Packet) -> _Known | None:
        """The translated flow that a packet, or the one that an error quotes, belongs to."""
        key = self._key_about(packet)
        connection = self.tracker.find(OWNER, key)
        if connection is None:
            return None
        if connection.state is State.CLOSING and tcp_flags(packet) & (tcp.SYN | tcp.ACK) == tcp.SYN:
            self.tracker.close(connection)  # the same ports again: a new connection
            return None
        nat: Nat | None = connection.note.nat
        if nat is None:
            return None
        opens = key == connection.key
        return _Known(nat.request if opens else nat.reply, nat.by_main and not opens)

    def _serve(
        self, port: str, frame: bytes, packet: ipv4.Packet, interface: Interface, backend: Backend, own: bool
    ) -> None:
        """A new connection to a Service."""
        notes: Notes = []
        flow = taken_apart(key_of(packet))
        try:
            nat = self.nat.to_service(backend, flow, own=own, notes=notes)
        except NoPort as full:
            self._refuse_new(notes, full)
            return
        if nat is not None:
            self._forward(port, frame, packet, interface, _Known(nat.request, False), notes, nat)
            return
        self._tell(notes)
        self._ip.drop("no_endpoints", f"{backend.name} has no endpoints")
        if backend.refuse:
            message = rules.unreachable(frame[14:], icmp.PORT_UNREACHABLE)
            self._icmp.complain(frame[14:], message, interface)

    @staticmethod
    def _key_about(packet: ipv4.Packet) -> bytes:
        """The packet's flow key; of an ICMP error that of the flow it is about, as its sender would be answered."""
        if not _is_error(packet):
            return key_of(packet)
        try:
            return turned(key_of(rules.quoted(packet.payload[8:])))
        except Malformed:
            return key_of(packet)

    def _forward(
        self,
        port: str,
        frame: bytes,
        packet: ipv4.Packet,
        interface: Interface,
        known: _Known | None,
        notes: Notes,
        opens: Nat | None = None,
    ) -> None:
        """Send a packet on; `known` is how it changes, `opens` the translation of the connection that it opens."""
        change = None if known is None else known.change
        destination = packet.destination if change is None else change.destination or packet.destination
        decision = self._decide(destination, packet.source, known is not None and known.by_main)
        if decision is None:
            self._tell(notes)
            self._ip.drop("no_route")
            self._context.record("route.none", destination=ip_text(destination))
            self._icmp.complain(frame[14:], rules.unreachable(frame[14:], icmp.NET_UNREACHABLE), interface)
            return
        notes.append(("node.route", self._route_fields(destination, decision)))
        if known is None and decision.route.port in self.enis and interface.name in self.enis:
            # Linux would ask the subnet by ARP for an address that this very node was given, and give up after 3 s.
            self._tell(notes)
            self._ip.drop("no_pod_route", f"no route to a pod with {ip_text(destination)} was written")
            return
        try:
            connection = self._track(packet, decision, notes, opens)
        except Full as full:
            self._refuse_new(notes, full)
            return
        if known is None and connection is not None and connection.note.nat is not None:
            change = connection.note.nat.request
        self._tell(notes)
        out = self._ip.interfaces[decision.route.port]
        way = _Way(out, destination if decision.route.via is None else decision.route.via, change, notes)
        self._send(port, frame, packet, interface, way, connection)

    def _decide(self, destination: bytes, source: bytes, by_main: bool) -> Decision | None:
        routes = self._tables.routes
        if not by_main:
            return routes.explain(destination, source)
        decision = routes.table("main").explain(destination)
        return None if decision is None else decision._replace(rule=BY_MAIN)

    def _refuse_new(self, notes: Notes, full: Full) -> None:
        self._tell(notes)
        self._ip.drop("nat_ports" if isinstance(full, NoPort) else "conntrack_full", str(full))

    def _track(
        self, packet: ipv4.Packet, decision: Decision, notes: Notes, opens: Nat | None
    ) -> Connection | None:
        """The packet's connection, a new one if need be; raises `Full`. An ICMP error belongs to none."""
        if _is_error(packet):
            return None
        key, now_ns = key_of(packet), self._context.now_ns()
        connection = self.tracker.find(OWNER, key)
        if connection is not None:
            self.tracker.saw(connection, key, tcp_flags(packet), now_ns)
        else:
            nat = opens
            if nat is None and decision.route.port in self.enis:
                nat = self.nat.out_of_the_vpc(taken_apart(key), notes)
            connection = self.tracker.open(OWNER, key, now_ns, reply_key(key, nat))
            connection.note = _Note(nat)
        self._alarm.arm()
        self._entries.value = len(self.tracker)
        return connection

    # ---- sending -------------------------------------------------------------------------------------------

    def _send(
        self,
        port: str,
        frame: bytes,
        packet: ipv4.Packet,
        interface: Interface,
        way: _Way,
        connection: Connection | None,
    ) -> None:
        onward = _one_hop_on(frame, way.change)
        assert onward is not None, "the packet was decoded, and its TTL looked at"
        if len(onward) > way.out.mtu:
            self._too_long(frame, onward, packet, interface, way)
            return
        mac = way.out.send(way.next_hop, onward)
        if mac is None or connection is None or not connection.settled or packet.options:
            return
        if packet.protocol in (ipv4.TCP, ipv4.UDP):
            cache, key = self._caches.setdefault(port, {}), _flow_bytes(frame)
            cache[key] = _Kept(way, connection, mac, packet.protocol == ipv4.TCP)
            connection.note.kept.append((cache, key))

    def _too_long(
        self, frame: bytes, onward: bytes, packet: ipv4.Packet, interface: Interface, way: _Way
    ) -> None:
        if not packet.dont_fragment:
            for piece in fragment(ipv4.decode(onward), way.out.mtu):
                way.out.send(way.next_hop, ipv4.encode(piece))
            return
        self._ip.drop("mtu", f"{len(onward)} bytes on a link of {way.out.mtu}")
        message = rules.unreachable(frame[14:], icmp.FRAGMENTATION_NEEDED, way.out.mtu)
        self._icmp.complain(frame[14:], message, interface)

    def _expire(self, packet: ipv4.Packet, frame: bytes, interface: Interface) -> None:
        self._ip.drop("ttl")
        self._context.record(
            "ttl.expired", source=ip_text(packet.source), destination=ip_text(packet.destination)
        )
        self._icmp.complain(frame[14:], rules.time_exceeded(frame[14:]), interface)

    def _route_fields(self, destination: bytes, decision: Decision) -> dict[str, Any]:
        route, rule = decision.route, decision.rule
        return {
            "destination": ip_text(destination),
            "rule": str(rule),
            "table": "main" if rule is None else rule.table,
            "matched": str(route.prefix),
            "next_hop": "direct" if route.via is None else ip_text(route.via),
            "device": route.port,
            "veth": route.port if route.port in self._tables.links else None,
            "alternatives": [other.described() for other in decision.alternatives],
        }

    def _tell(self, notes: Notes) -> None:
        if self._context.recording():
            for kind, fields in notes:
                self._context.record(kind, **fields)

    # ---- time ----------------------------------------------------------------------------------------------

    def _on_deadline(self, now_ns: int) -> None:
        self.tracker.on_deadline(now_ns)
        self._entries.value = len(self.tracker)


def forget(connection: Connection) -> None:
    """For the tracker to call: a connection is over, and so are the ways that were kept for it."""
    if connection.note is not None:
        for cache, key in connection.note.kept:
            cache.pop(key, None)


def _is_error(packet: ipv4.Packet) -> bool:
    return packet.protocol == ipv4.ICMP and bool(packet.payload) and packet.payload[0] in icmp.ERRORS


def _is_odd(packet: ipv4.Packet) -> bool:
    """Not for forwarding, whoever holds what address; the stack says why."""
    return (
        rules.is_martian(packet.source) or rules.is_group(packet.destination) or packet.destination[0] == 127
    )


def _one_hop_on(frame: bytes, change: Change | None) -> bytes | None:
    """The frame's packet with one hop less to live, translated if need be, without padding; None if it is not right."""
    header = (frame[14] & 0x0F) * 4
    total = int.from_bytes(frame[16:18])
    head = frame[14 : 14 + header]
    if header < 20 or not header <= total <= len(frame) - 14 or head[8] <= 1 or word_sum(head):
        return None
    mended = adjust(int.from_bytes(head[10:12]), -0x0100).to_bytes(2)
    ttl = (head[8] - 1).to_bytes(1)
    packet = head[:8] + ttl + head[9:10] + mended + head[12:] + frame[14 + header : 14 + total]
    return packet if change is None else translated(packet, change)
