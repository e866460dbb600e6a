"""The fast path of everything that routes: frames in by one port, out by another.

How this works. Frames of one flow and length begin with the same 34 bytes (Ethernet and IPv4 header, since senders set
don't-fragment and leave the identification 0), and leave with the same 34 bytes. So the first is routed with all the
checks that RFC 1812 asks for, its header before and after is remembered, and the rest cost one dictionary lookup:
equal bytes have an equal checksum, TTL and destination. Frames whose identification counts up take a second cache,
by addresses, and have their headers verified and rewritten (RFC 1624). Both are emptied when routes or
neighbours change. Frames of a recorded journey always go the careful way, so that it can be told.

Elements that translate addresses (home router, AWS edge, EKS node) put the translation before or behind: they rewrite
the frame and give it to `forward`, which never takes it for their own. `expires` tells them beforehand whether
its TTL is over, so that the error quotes the packet as its sender knows it.
"""

from collections.abc import Callable
from typing import Any

from actors.element import JOURNEY, Context
from actors.protocols import icmp as rules
from actors.protocols.fragments import fragment
from actors.protocols.routes import Route
from actors.stack import Stack
from actors.stack.interfaces import IPV4_TYPE, Interface
from actors.wire import ipv4
from actors.wire.addresses import BROADCAST_MAC, ip_text
from actors.wire.checksum import word_sum
from actors.wire.icmp import FRAGMENTATION_NEEDED, NET_UNREACHABLE
from actors.wire.malformed import Malformed

MAX_FLOWS = 16_384

Transmit = Callable[[bytes, int], Any]

_PLAIN = 0x45
_ONE_HOP = (0x0100 << 64) - (1 << 88)
"""What a header read as one number gains when its TTL loses one and its checksum gains 0x0100."""
_CARRY = 0xFFFF << 64


class Forwarder:
    """Forwards what the stack's host is not meant to keep. `delay_ns` is the model time that a router takes for it."""

    def __init__(self, context: Context, stack: Stack, delay_ns: int = 0) -> None:
        self._context = context
        self._ip = stack.ip
        self._icmp = stack.icmp
        self._delay_ns = delay_ns
        self._flows: dict[bytes, tuple[Transmit, bytes, int]] = {}
        self._hops: dict[bytes, tuple[Transmit, bytes, int]] = {}
        self.explain: Callable[[Route, bytes], None] | None = None
        """Told of each look-up in a recorded journey: whoever has found the route can say why it is that one."""
        stack.ip.forwarder = self

    def on_frame(self, port: str, frame: bytes) -> None:
        """A frame has arrived: for this router, or for others."""
        header = frame[:34]
        flow = self._flows.get(header)
        if flow is not None and JOURNEY.get() is None:  # what `_forward_known` would do, without calling it
            transmit, head, frame_bytes = flow
            if len(frame) == frame_bytes:
                transmit(frame.replace(header, head, 1), self._delay_ns)  # copies once, where `+` would twice
                return
        if not self._forward_known(frame):
            self._ip.on_frame(port, frame)

    def forward(self, port: str, frame: bytes) -> None:
        """Forward an IPv4 frame that came in by this port, whoever its addresses belong to."""
        if not self._forward_known(frame):
            self._forward_carefully(port, frame)

    def _forward_known(self, frame: bytes) -> bool:
        """Forward a frame whose way is known already; False when that cannot be done without a closer look."""
        if JOURNEY.get() is not None:
            return False
        flow = self._flows.get(frame[:34])
        if flow is not None and len(frame) == flow[2]:
            flow[0](flow[1] + frame[34:], self._delay_ns)
            return True
        hop = self._hops.get(_hop_key(frame))
        if hop is None:
            return False
        transmit, ethernet, mtu = hop
        header = frame[14:34]
        total = int.from_bytes(header[2:4])
        if header[8] < 2 or not 20 <= total <= len(frame) - 14 or total > mtu or word_sum(header):
            return False
        head = ethernet + _next_header(header)
        if header[4:6] == b"\0\0":
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            self._flows[frame[:34]] = (transmit, head, 14 + total)
        transmit(head + frame[34 : 14 + total], self._delay_ns)
        return True

    def expires(self, port: str, frame: bytes) -> bool:
        """Whether the frame's TTL ends here; then its sender has been told, and the frame goes no further."""
        if frame[22:23] > b"\x01":
            return False
        try:
            self._expire(self._ip.interfaces[port], ipv4.decode(frame[14:]), frame)
        except Malformed as error:
            self._ip.drop("malformed", str(error))
        return True

    def invalidate(self) -> None:
        """Routes or neighbours have changed."""
        self._flows.clear()
        self._hops.clear()

    # ---- the careful way -----------------------------------------------------------------------------------

    def _forward_carefully(self, port: str, frame: bytes) -> None:
        interface = self._ip.interfaces[port]
        try:
            packet = ipv4.decode(frame[14:])
        except Malformed as error:
            self._ip.drop("malformed", str(error))
            return
        if frame[:6] == BROADCAST_MAC or rules.is_group(packet.destination) or packet.destination[0] == 127:
            self._ip.drop("martian", f"to {ip_text(packet.destination)}")
        elif packet.ttl <= 1:
            self._expire(interface, packet, frame)
        else:
            self._route(interface, packet, frame)

    def _route(self, interface: Interface, packet: ipv4.Packet, frame: bytes) -> None:
        routes, destination = self._ip.routes, packet.destination
        route = routes.lookup(destination, packet.source)
        if route is None:
            self._ip.drop("no_route")
            self._context.record("route.none", destination=ip_text(destination))
            self._icmp.complain(frame[14:], rules.unreachable(frame[14:], NET_UNREACHABLE), interface)
            return
        if JOURNEY.get() is not None and (decision := routes.explain(destination, packet.source)):
            self._context.record("route.lookup", destination=ip_text(destination), **decision.described())
            if self.explain is not None:
                self.explain(route, destination)
        out = self._ip.interfaces[route.port]
        next_hop = destination if route.via is None else route.via
        if next_hop in out.broadcasts:
            self._ip.drop("directed_broadcast")  # RFC 2644: a router does not let outsiders shout
            return
        self._send(interface, out, next_hop, packet._replace(ttl=packet.ttl - 1), frame)

    def _send(
        self, interface: Interface, out: Interface, next_hop: bytes, packet: ipv4.Packet, frame: bytes
    ) -> None:
        raw = ipv4.encode(packet)
        if len(raw) <= out.mtu:
            mac = out.send(next_hop, raw, after_ns=self._delay_ns)
            if mac is not None:
                ethernet = mac + out.mac + IPV4_TYPE
                if len(self._hops) >= MAX_FLOWS:
                    self._hops.clear()
                if frame[14] == _PLAIN:
                    self._hops[_hop_key(frame)] = (out.transmit, ethernet, out.mtu)
        elif packet.dont_fragment:
            self._ip.drop("mtu", f"{len(raw)} bytes on a link of {out.mtu}")
            message = rules.unreachable(frame[14:], FRAGMENTATION_NEEDED, out.mtu)
            self._icmp.complain(frame[14:], message, interface)
        else:
            out.send(next_hop, *map(ipv4.encode, fragment(packet, out.mtu)), after_ns=self._delay_ns)

    def _expire(self, interface: Interface, packet: ipv4.Packet, frame: bytes) -> None:
        self._ip.drop("ttl")
        self._context.record(
            "ttl.expired", source=ip_text(packet.source), destination=ip_text(packet.destination)
        )
        self._icmp.complain(frame[14:], rules.time_exceeded(frame[14:]), interface)


def _hop_key(frame: bytes) -> bytes:
    """What the way of a packet without options hangs on: its MAC addresses, EtherType and version, its addresses."""
    return frame[:15] + frame[26:34]


def _next_header(header: bytes) -> bytes:
    """The header one hop later: TTL less one, checksum mended (RFC 1624 eqn. 3)."""
    number = int.from_bytes(header) + _ONE_HOP
    if header[10:12] >= b"\xfe\xff":  # the checksum ran over: ones' complement carries round
        number -= _CARRY
    return number.to_bytes(20)
