"""Hosts behind the laptop: each is a kernel's network namespace on this machine, joined by a tunnel of IP packets.

How this works. The laptop is their router, as it is to its virtual machines: it has an interface `shell` into a network
of their own, forwards, and translates their addresses to its own (the home router's NAT is next). Between the tunnel
and the stack lies a cable that makes Ethernet frames of packets and packets of frames, with real checksums, since
what takes them is a kernel. A guest's address is its own while it is here; when the laptop gets another address all
sessions end, as at a router.
"""

from collections.abc import Callable
from typing import Any

from actors.element import Context, Journey
from actors.parts.clients.guest_journeys import GuestJourneys
from actors.protocols.fragments import Reassembler
from actors.protocols.nat import Nat, Refusal, Settings
from actors.stack import Stack
from actors.stack.alarm import Alarm
from actors.stack.forwarding import Forwarder
from actors.stack.interfaces import IPV4_TYPE
from actors.wire import ethernet, ipv4, tcp
from actors.wire.addresses import InterfaceAddress, ip_text, mac_for
from actors.wire.checksum import transport_checksum
from actors.wire.malformed import Malformed

PORT = "shell"
NETWORKS = ("192.168.122.1/24", "192.168.123.1/24", "10.122.0.1/24")
"""The first that does not overlap the laptop's own network; libvirt's default for the like is 192.168.122.0/24."""
NAT_PORTS = range(1024, 32768)
"""Below those that the laptop's own connections take."""
MOST_GUESTS = 64
_TCP_CHECKSUM = 16

Deliver = Callable[[bytes], None]
"""Takes an IP packet for a guest."""


class Cable:
    """What the stack sends through: a port whose other end is the tunnels."""

    name = link = PORT
    up = True

    def __init__(self, mtu: int) -> None:
        self.mtu = mtu
        self.guests: dict[bytes, Deliver] = {}

    def send(self, frame: bytes, after_ns: int = 0) -> None:
        deliver = self.guests.get(frame[:6])
        if deliver is not None:
            deliver(with_checksum(frame[ethernet.HEADER_BYTES :]))


class Guests:
    """The network behind a laptop, and its translator. `outside` is the port that leads to the world."""

    def __init__(self, context: Context, stack: Stack, outside: str) -> None:
        """Raises `NoNetwork` while the laptop has no address."""
        self._context, self._stack, self._outside = context, stack, outside
        interface = stack.ip.interfaces[outside]
        if interface.address is None:
            raise NoNetwork("the laptop is not on the network: no DHCP server has given it an address")
        own = interface.address.prefix
        text = next(each for each in NETWORKS if not _overlap(InterfaceAddress.parse(each).prefix, own))
        self.address = InterfaceAddress.parse(text)
        self.cable = Cable(interface.mtu)
        self.mac = mac_for(context.name, PORT)
        self._forwarder = Forwarder(context, stack)
        stack.add_interface(PORT, text, mac=self.mac, port=self.cable)
        stack.ip.as_received = self._as_received
        self._reassembler = Reassembler()
        self._guests: dict[bytes, bytes] = {}
        self._journeys = GuestJourneys(context)
        self._nat = self._translator(interface.address.address)
        self._alarm = Alarm(context, self._deadline_ns, self._on_deadline)
        self._fragments = Alarm(context, self._reassembler.deadline_ns, self._on_fragment_deadline)
        self._gauge = context.metrics.gauge("journey_client_shells")

    def _translator(self, outside: bytes) -> Nat:
        return Nat(Settings(outside, NAT_PORTS), self._context.random, self._is_own)

    def _is_own(self, protocol: int, port: int) -> bool:
        return self._stack.uses_port(protocol, port, self._outside)

    def _as_received(self, packet: bytes) -> bytes:
        return self._nat.original(packet)

    def on_address(self) -> None:
        """The laptop's address may be another now."""
        address = self._stack.ip.interfaces[self._outside].address
        if address is not None and address.address != self._nat.settings.outside:
            self._nat = self._translator(address.address)

    # ---- who is there --------------------------------------------------------------------------------------

    def join(self, deliver: Deliver, wish: bytes | None = None) -> bytes:
        """A guest comes: its address, the one that it had before if that is free. Raises `NoNetwork` when all are
        taken."""
        first = int.from_bytes(self.address.prefix.network.to_bytes(4)) + 2
        free = [
            address
            for address in ((first + step).to_bytes(4) for step in range(MOST_GUESTS))
            if address not in self._guests
        ]
        if not free:
            raise NoNetwork(f"{MOST_GUESTS} shells are open at this laptop, and there are no more")
        address = wish if wish in free else free[0]
        mac = mac_for(self._context.name, f"{PORT}-{ip_text(address)}")
        self._guests[address] = mac
        self.cable.guests[mac] = deliver
        self._stack.set_neighbour(PORT, ip_text(address), mac)
        self._gauge.value = len(self._guests)
        self._context.event("shell.opened", address=ip_text(address))
        return address

    def leave(self, address: bytes) -> None:
        self.cable.guests.pop(self._guests.pop(address), None)
        self._journeys.forget(address)
        self._gauge.value = len(self._guests)
        self._context.event("shell.closed", address=ip_text(address))

    # ---- packets -------------------------------------------------------------------------------------------

    def from_guest(self, address: bytes, packet: bytes) -> None:
        """An IP packet that a guest has sent. Takes any bytes; what is not IPv4 of its own is counted and dropped."""
        if len(packet) < ipv4.HEADER_BYTES or packet[0] >> 4 != 4:
            self._stack.ip.drop("ethertype")
            return
        if packet[12:16] != address:
            self._stack.ip.drop("martian", f"from {ip_text(packet[12:16])}, behind the laptop")
            return
        frame = self.mac + self._guests[address] + IPV4_TYPE + packet
        try:
            with Journey(self._journeys.outward(frame)):
                self._out(frame)
        except Malformed as error:
            self._stack.ip.drop("malformed", str(error))

    def _out(self, frame: bytes) -> None:
        now_ns, ip = self._context.now_ns(), self._stack.ip
        settled = self._nat.settled_outbound(frame, now_ns)
        if settled is not None and frame[22] > 1:
            self._forwarder.forward(PORT, settled.apply(frame))
            return
        packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
        if packet.destination in ip.local:
            self._stack.on_frame(PORT, frame)
        elif packet.destination in self._guests:
            self._forwarder.forward(PORT, frame)
        elif not self._forwarder.expires(PORT, frame):
            found = self._nat.outbound(frame, now_ns)
            self._alarm.arm()
            if found is Refusal.FRAGMENT:
                whole = self._whole(frame, packet)
                if whole is not None:
                    self._out(whole)
            elif isinstance(found, Refusal):
                self._refuse(found, packet)
            else:
                self._forwarder.forward(PORT, found.apply(frame))

    def on_frame(self, port: str, frame: bytes) -> None:
        """A frame from the world: for a guest, or for the laptop itself."""
        try:
            if not self._inward(port, frame):
                self._stack.on_frame(port, frame)
        except Malformed as error:
            self._stack.ip.drop("malformed", str(error))

    def _inward(self, port: str, frame: bytes) -> bool:
        """Pass on what is for a guest; False when it is for the laptop."""
        interface, nat = self._stack.ip.interfaces[self._outside], self._nat
        if port != self._outside or frame[:6] != interface.mac or frame[12:14] != IPV4_TYPE:
            return False
        if frame[30:34] != nat.settings.outside or not len(nat):
            return False
        now_ns = self._context.now_ns()
        found: Any = nat.settled_inbound(frame, now_ns)
        if found is None or frame[22] < 2:
            packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
            found = nat.inbound(frame, now_ns)
            if found is Refusal.FRAGMENT:
                whole = self._whole(frame, packet)
                if whole is not None:
                    self.on_frame(port, whole)
                return True
            if isinstance(found, Refusal):
                return False  # the laptop's own, or nobody's, of which its stack knows what to say
            if self._forwarder.expires(port, frame):
                return True
        inner = found.apply(frame)
        self._journeys.inward(inner)
        self._forwarder.forward(port, inner)
        return True

    def _whole(self, frame: bytes, piece: ipv4.Packet) -> bytes | None:
        whole = self._reassembler.handle(piece, self._context.now_ns())
        self._fragments.arm()
        return None if whole is None else frame[: ethernet.HEADER_BYTES] + ipv4.encode(whole)

    def _refuse(self, refusal: Refusal, packet: ipv4.Packet) -> None:
        self._stack.ip.drop(refusal.value, f"from {ip_text(packet.source)} to {ip_text(packet.destination)}")

    # ---- time ----------------------------------------------------------------------------------------------

    def _deadline_ns(self) -> int | None:
        return self._nat.deadline_ns()

    def _on_deadline(self, now_ns: int) -> None:
        self._nat.on_deadline(now_ns)

    def _on_fragment_deadline(self, now_ns: int) -> None:
        for first in self._reassembler.on_deadline(now_ns):
            self._stack.icmp.give_up_fragments(first)


class NoNetwork(Exception):
    """There is no network for a guest; says why."""


def with_checksum(packet: bytes) -> bytes:
    """The packet with its TCP checksum, if that was left to the card."""
    header = (packet[0] & 0x0F) * 4
    at = header + _TCP_CHECKSUM
    if packet[9] != tcp.PROTOCOL or packet[at : at + 2] != b"\0\0" or packet[6] & 0x3F or packet[7]:
        return packet
    total = int.from_bytes(packet[2:4])
    right = transport_checksum(packet[12:16], packet[16:20], tcp.PROTOCOL, packet[header:total])
    return packet[:at] + right.to_bytes(2) + packet[at + 2 :]


def _overlap(one: Any, other: Any) -> bool:
    network, others = one.network.to_bytes(4), other.network.to_bytes(4)
    return network in other or others in one
