"""The IP layer of a host: whose packet is this, where does it go, and is it whole.

How this works. The header of a packet that was delivered is remembered, Ethernet and IP, all 34 bytes of it: a second
frame that begins with the same bytes has the same addresses, length and checksum, so one dictionary lookup says that
it is right and who gets it. That works because our stacks send identification 0 with don't-fragment; headers that
count up take the careful way. Sending works alike, see `paths`.
"""

import errno
from typing import NamedTuple, Protocol
from weakref import WeakSet

from actors.element import JOURNEY, Context, Port
from actors.protocols import icmp as rules
from actors.protocols.fragments import Reassembler, fragment
from actors.protocols.routes import Route, Routes
from actors.stack.alarm import Alarm
from actors.stack.interfaces import ARP_TYPE, IPV4_TYPE, Interface
from actors.stack.paths import Path
from actors.units import SECOND
from actors.wire import ipv4
from actors.wire.addresses import (
    ANY_IP,
    BROADCAST_IP,
    BROADCAST_MAC,
    InterfaceAddress,
    ip_bytes,
    ip_text,
    mac_for,
)
from actors.wire.icmp import PROTOCOL_UNREACHABLE
from actors.wire.malformed import Malformed

MAX_CACHED = 8192
MAX_PATHS = 4096
MIN_PATH_MTU = 552
PATH_MTU_NS = 600 * SECOND
"""Linux's `min_pmtu` and `mtu_expires`."""
_LOCALHOST = b"\x7f\x00\x00\x01"
_LOCAL_MTU = 65_535


class Arrival(NamedTuple):
    """A packet for this host. `interface` is None for one of its own, `group` is set for a broadcast, `raw` is the
    packet from its IP header on, as far as an ICMP error about it would want to quote it."""

    packet: ipv4.Packet
    interface: Interface | None
    raw: bytes
    group: bool


class Datagrams(Protocol):
    """UDP and ICMP: take packets with all that is known of them."""

    def on_arrival(self, arrival: Arrival) -> None: ...

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None:
        """A packet of ours did not get there; `payload` is at least its first 8 bytes."""


class Segments(Protocol):
    """TCP: takes what is addressed to this host alone, quickly."""

    def on_packet(self, source: bytes, destination: bytes, segment: bytes) -> None: ...

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None: ...


class Complaints(Protocol):
    """What sends ICMP errors."""

    def unreachable(self, arrival: Arrival, code: int) -> None: ...

    def give_up_fragments(self, first: ipv4.Packet) -> None: ...

    def undeliverable(self, packet: bytes) -> None: ...


class Forwards(Protocol):
    """What takes the packets that are not for this host."""

    def forward(self, port: str, frame: bytes) -> None: ...

    def invalidate(self) -> None: ...


class IpLayer:
    """Interfaces, addresses and routes of one host; takes frames, sends packets."""

    icmp: Complaints

    def __init__(self, context: Context, routes: Routes) -> None:
        self.context = context
        self.routes = routes
        self.interfaces: dict[str, Interface] = {}
        self.local: dict[bytes, Interface] = {}
        self.datagrams: dict[int, Datagrams] = {}
        self.tcp: Segments | None = None
        self.forwarder: Forwards | None = None
        self._known: dict[bytes, tuple[Segments, bytes, bytes, int]] = {}
        self._paths: dict[tuple[bytes, bytes | None, int, int, str | None], Path] = {}
        self._living: WeakSet[Path] = WeakSet()
        self._path_mtus: dict[bytes, tuple[int, int]] = {}
        self._identification = context.random.getrandbits(16)
        self._reassembler = Reassembler()
        self._alarm = Alarm(context, self._deadline_ns, self._on_deadline)
        routes.watch(self.invalidate)

    # ---- configuration -------------------------------------------------------------------------------------

    def add_interface(
        self, name: str, address: str | None, mac: bytes | None, port: Port | None
    ) -> Interface:
        interface = Interface(
            name,
            port or self.context.ports[name],
            mac or mac_for(self.context.name, name),
            self.context,
            changed=self.invalidate,
            undeliverable=self._undeliverable,
            arm=self._alarm.arm,
        )
        self.interfaces[name] = interface
        self.set_address(name, address)
        return interface

    def set_address(self, name: str, text: str | None) -> None:
        interface = self.interfaces[name]
        if interface.address is not None:
            self.local.pop(interface.address.address, None)
        self.routes.remove_where(port=name, origin="connected")
        interface.neighbours.addresses.clear()
        interface.address = None if text is None else InterfaceAddress.parse(text)
        if interface.address is not None:
            address, prefix = interface.address
            self.local[address] = interface
            interface.neighbours.addresses.add(address)
            if prefix.length < 32:
                self.routes.add(Route(prefix, name, origin="connected", source=address))
            interface.announce()
        self.invalidate()

    def set_link(self, name: str, up: bool) -> None:
        """The port has gained or lost its carrier."""
        interface = self.interfaces[name]
        self.routes.set_port(name, up)
        if up:
            interface.announce()
        else:
            interface.carry_out(interface.neighbours.flush())

    def invalidate(self) -> None:
        """Routes, neighbours or addresses have changed: nothing that was worked out from them holds."""
        self._known.clear()
        for path in self._living:
            path.forget()
        if self.forwarder is not None:
            self.forwarder.invalidate()

    # ---- receiving -----------------------------------------------------------------------------------------

    def on_frame(self, port: str, frame: bytes) -> None:
        """A frame has arrived. Takes any bytes; what is not understood or not for us is counted and dropped."""
        known = self._known.get(frame[:34])
        if known is not None:
            tcp, source, destination, frame_bytes = known
            if len(frame) == frame_bytes:
                tcp.on_packet(source, destination, frame[34:])
                return
        self._look_at(port, frame)

    def _look_at(self, port: str, frame: bytes) -> None:
        interface = self.interfaces.get(port)
        if interface is None or frame[:6] not in (interface.mac, BROADCAST_MAC):
            self.drop("not_for_us")
            return
        ethertype = frame[12:14]
        try:
            if ethertype == IPV4_TYPE:
                self._on_packet(interface, frame)
            elif ethertype == ARP_TYPE:
                interface.on_arp(frame[14:])
            else:
                self.drop("ethertype")
        except Malformed as error:
            self.drop("malformed", str(error))

    def _on_packet(self, interface: Interface, frame: bytes) -> None:
        packet = ipv4.decode(frame[14:])
        source, destination = packet.source, packet.destination
        group = destination in interface.broadcasts
        to_all = frame[:6] == BROADCAST_MAC
        if (
            destination[0] == 127
            or source in self.local
            or (rules.is_martian(source) and not (group and source == ANY_IP))
        ):
            self.drop("martian", f"from {ip_text(source)} to {ip_text(destination)}")
        elif to_all and not group:
            self.drop("broadcast")
        elif group or destination in self.local:
            self._on_own(Arrival(packet, interface, frame[14:], group), frame)
        elif self.forwarder is not None:
            self.forwarder.forward(interface.name, frame)
        elif interface.address is None:
            self._on_own(
                Arrival(packet, interface, frame[14:], True), frame
            )  # a DHCP offer finds its client by MAC
        else:
            self.drop("not_for_us")

    def _on_own(self, arrival: Arrival, frame: bytes) -> None:
        packet = arrival.packet
        if packet.more_fragments or packet.fragment_offset:
            whole = self._reassembler.handle(packet, self.context.now_ns())
            self._alarm.arm()
            if whole is not None:
                self.deliver(arrival._replace(packet=whole, raw=ipv4.encode(whole)))
            return
        tcp = self.tcp
        if (
            tcp is not None and packet.protocol == ipv4.TCP and not arrival.group
            and packet.identification == 0 and len(frame) == 34 + len(packet.payload)
        ):  # fmt: skip
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[frame[:34]] = (tcp, packet.source, packet.destination, len(frame))
        self.deliver(arrival)

    def deliver(self, arrival: Arrival) -> None:
        """Hand a whole packet for this host to its protocol."""
        packet = arrival.packet
        if packet.protocol == ipv4.TCP and self.tcp is not None:
            if not arrival.group:  # RFC 9293 section 3.10.7: TCP to a broadcast is silently dropped
                self.tcp.on_packet(packet.source, packet.destination, packet.payload)
            return
        datagrams = self.datagrams.get(packet.protocol)
        if datagrams is None:
            self.drop("protocol")
            self.icmp.unreachable(arrival, PROTOCOL_UNREACHABLE)
            return
        datagrams.on_arrival(arrival)

    # ---- sending -------------------------------------------------------------------------------------------

    def output(
        self,
        source: bytes | None,
        destination: bytes,
        protocol: int,
        payload: bytes,
        ttl: int = 64,
        interface: str | None = None,
    ) -> None:
        """Send a packet; with `interface`, by that one whatever the routes say. Never raises, see `Path.send`."""
        self.path(source, destination, protocol, ttl, interface).send(payload)

    def route_to(self, destination: bytes, source: bytes | None = None) -> Path:
        """The path of TCP segments to this destination."""
        return self.path(source, destination, ipv4.TCP)

    def path(
        self,
        source: bytes | None,
        destination: bytes,
        protocol: int,
        ttl: int = 64,
        interface: str | None = None,
    ) -> Path:
        key = (destination, source, protocol, ttl, interface)
        path = self._paths.get(key)
        if path is None:
            if len(self._paths) >= MAX_PATHS:
                self._paths.clear()
            path = self._paths[key] = Path(self, source, destination, protocol, ttl, interface)
            self._living.add(path)
        return path

    def source_for(self, destination: bytes) -> bytes:
        """Our address that packets to this destination carry; raises OSError (ENETUNREACH) when they cannot go."""
        if self.is_own(destination):
            return _LOCALHOST if destination[0] == 127 else destination
        route = self.routes.lookup(destination)
        source = None if route is None else self._own_source(route)
        if source is None:
            raise OSError(errno.ENETUNREACH, f"network is unreachable: {ip_text(destination)}")
        return source

    def mtu_for(self, destination: bytes) -> int:
        """The largest packet that gets there whole, as far as is known; 576 when there is no route."""
        if self.is_own(destination):
            return _LOCAL_MTU
        route = self.routes.lookup(destination)
        if route is None:
            return 576
        mtu = self.interfaces[route.port].mtu
        known = self._path_mtus.get(destination)
        if known is None:
            return mtu
        if known[1] <= self.context.now_ns():
            del self._path_mtus[destination]
            return mtu
        return min(mtu, known[0])

    def learn_path_mtu(self, destination: bytes, mtu: int) -> None:
        """A router says that packets to this destination must be smaller (RFC 1191)."""
        smaller = max(mtu, MIN_PATH_MTU)
        if smaller < self.mtu_for(destination):
            if len(self._path_mtus) >= MAX_CACHED:
                self._path_mtus.clear()
            self._path_mtus[destination] = (smaller, self.context.now_ns() + PATH_MTU_NS)
            self.invalidate()

    def is_own(self, destination: bytes) -> bool:
        return destination in self.local or destination[0] == 127

    def send(self, path: Path, payload: bytes) -> None:
        """Route a packet, tell the journey about it, send it, and teach the path what its headers look like."""
        destination = path.destination
        if self.is_own(destination):
            self._loop_back(path, payload)
            return
        hop = self._next_hop(path)
        if hop is None:
            self.drop("no_route")
            self.context.record("route.none", destination=ip_text(destination))
            error = OSError(errno.ENETUNREACH, f"network is unreachable: {ip_text(destination)}")
            packet = ipv4.Packet(path.source or ANY_IP, destination, path.protocol, payload)
            self.context.call_at(self.context.now_ns(), self.report, packet, error)
            return
        interface, next_hop, source = hop
        self._tell(path)
        packet = ipv4.Packet(source, destination, path.protocol, payload, path.ttl)
        mtu = min(interface.mtu, self._path_mtus.get(destination, (_LOCAL_MTU, 0))[0])
        if ipv4.HEADER_BYTES + len(payload) > mtu:
            self._send_pieces(interface, next_hop, packet, mtu)
            return
        raw = ipv4.encode(packet)
        mac = interface.send(next_hop, raw)
        if mac is not None:
            head = mac + interface.mac + IPV4_TYPE + raw[: ipv4.HEADER_BYTES]
            path.remember(interface.transmit, head, len(payload))

    def _own_source(self, route: Route) -> bytes | None:
        if route.source is not None:
            return route.source
        address = self.interfaces[route.port].address
        if address is None:  # an unnumbered interface borrows the host's first address, as Linux does
            return next(iter(self.local), None)
        return address.address

    def _next_hop(self, path: Path) -> tuple[Interface, bytes, bytes] | None:
        """The interface, the neighbour to send to, and our address there; None without a route."""
        destination = path.destination
        route = self.routes.lookup(destination, path.source)
        if path.interface is not None and (route is None or route.port != path.interface):
            interface = self.interfaces[path.interface]
            own = ANY_IP if interface.address is None else interface.address.address
            return interface, destination, path.source or own
        if route is None:
            return None
        source = path.source or self._own_source(route)
        if source is None:
            return None
        next_hop = destination if destination == BROADCAST_IP or route.via is None else route.via
        return self.interfaces[route.port], next_hop, source

    def _tell(self, path: Path) -> None:
        journey = JOURNEY.get()
        if journey is None or journey == path.told:
            return
        path.told = journey
        decision = self.routes.explain(path.destination, path.source)
        if decision is not None:
            self.context.record("route.lookup", destination=ip_text(path.destination), **decision.described())

    def _send_pieces(self, interface: Interface, next_hop: bytes, packet: ipv4.Packet, mtu: int) -> None:
        self._identification = self._identification % 0xFFFF + 1
        whole = packet._replace(identification=self._identification, dont_fragment=False)
        interface.send(next_hop, *map(ipv4.encode, fragment(whole, mtu)))

    def _loop_back(self, path: Path, payload: bytes) -> None:
        """Deliver to ourselves; later, so that a sender is not called back in the middle of its sending."""
        source = path.source or self.source_for(path.destination)
        packet = ipv4.Packet(source, path.destination, path.protocol, payload, path.ttl)
        arrival = Arrival(packet, None, ipv4.encode(packet), False)
        self.context.call_at(self.context.now_ns(), self.deliver, arrival)

    # ---- what goes wrong -----------------------------------------------------------------------------------

    def drop(self, reason: str, why: str = "") -> None:
        """Count a packet that goes no further, and tell the journey why."""
        self.context.metrics.counter("journey_ip_dropped_packets_total", reason=reason).value += 1
        self.context.record("packet.dropped", reason=reason, why=why)

    def report(self, packet: ipv4.Packet, error: OSError) -> None:
        """Tell the protocol of a packet of ours that it did not arrive."""
        if packet.protocol == ipv4.TCP and self.tcp is not None:
            self.tcp.on_unreachable(packet.source, packet.destination, packet.payload, error)
        elif packet.protocol in self.datagrams:
            self.datagrams[packet.protocol].on_unreachable(
                packet.source, packet.destination, packet.payload, error
            )

    def _undeliverable(self, raw: bytes) -> None:
        packet = ipv4.decode(raw)
        self.drop("arp_unanswered", f"nobody answers for the way to {ip_text(packet.destination)}")
        if packet.source in self.local or packet.source == ANY_IP:
            self.report(
                packet, OSError(errno.EHOSTUNREACH, f"no route to host: {ip_text(packet.destination)}")
            )
        else:
            self.icmp.undeliverable(raw)

    def _deadline_ns(self) -> int | None:
        deadlines = [interface.neighbours.deadline_ns() for interface in self.interfaces.values()]
        deadlines.append(self._reassembler.deadline_ns())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _on_deadline(self, now_ns: int) -> None:
        for interface in self.interfaces.values():
            interface.on_deadline(now_ns)
        for first in self._reassembler.on_deadline(now_ns):
            self.icmp.give_up_fragments(first)


def host_bytes(host: str) -> bytes:
    """The address that `host` spells; OSError (EINVAL) for a name, since names are the resolver's business."""
    try:
        return ip_bytes(host)
    except Malformed as error:
        raise OSError(errno.EINVAL, str(error)) from None
