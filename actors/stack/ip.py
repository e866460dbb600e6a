"""The IP layer of a host: whose packet is this, where does it go, and is it whole.

How this works. The header of a packet that was delivered is remembered, Ethernet and IP, all 34 bytes of it: a second
frame that begins with the same bytes has the same addresses, length and checksum, so one dictionary lookup says that
it is right and who gets it. That works because our stacks send identification 0 with don't-fragment; headers that
count up take the careful way. Sending (`sending.py`) works alike, see `paths`.
"""

import errno
from collections.abc import Callable

from actors.element import Context, Port
from actors.protocols import icmp as rules
from actors.protocols.fragments import Reassembler
from actors.protocols.routes import Route, Routes
from actors.stack.alarm import Alarm
from actors.stack.interfaces import ARP_TYPE, IPV4_TYPE, Interface
from actors.stack.layers import Arrival, Complaints, Datagrams, Forwards, Segments
from actors.stack.sending import Sender
from actors.wire import ipv4
from actors.wire.addresses import (
    ANY_IP,
    BROADCAST_MAC,
    InterfaceAddress,
    ip_bytes,
    ip_text,
    mac_for,
)
from actors.wire.icmp import PROTOCOL_UNREACHABLE
from actors.wire.malformed import Malformed

MAX_CACHED = 8192


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
        self.as_received: Callable[[bytes], bytes] | None = None
        """Set by one who translates addresses: a packet as it was before, so that its sender knows it in an error."""
        self._known: dict[bytes, tuple[Segments, bytes, bytes, int]] = {}
        self._sender = sender = Sender(context, self)
        self.output, self.path, self.route_to = sender.output, sender.path, sender.route_to
        self.source_for, self.mtu_for = sender.source_for, sender.mtu_for
        self.learn_path_mtu = sender.learn_path_mtu
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
            arm=self._alarm.arm_for,
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

    def remove_interface(self, name: str) -> None:
        """An interface is gone, and all routes over it; what waited there for a neighbour is given up."""
        self.set_address(name, None)
        interface = self.interfaces.pop(name)
        interface.carry_out(interface.neighbours.flush())
        self.routes.remove_where(port=name)
        self.routes.set_port(name, True)
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
        self._sender.invalidate()
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
            # It was sent to our MAC address, as a DHCP offer is before we have another.
            self._on_own(Arrival(packet, interface, frame[14:], True), frame)
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

    def is_own(self, destination: bytes) -> bool:
        return destination in self.local or destination[0] == 127

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
        if self.as_received is not None:
            raw = self.as_received(raw)
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
