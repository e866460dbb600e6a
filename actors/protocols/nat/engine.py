"""The translator itself; what it does and why stands in the package's head."""

from enum import Enum
from random import Random
from typing import NamedTuple

from actors.protocols.connection_tracking import Connection, ConnectionTracker, State, Timeouts
from actors.protocols.flows import FIN_SYN_RST, SHORTEST_FRAME, key_of, tcp_flags, turned
from actors.protocols.nat.errors import answering_flow, quote_of
from actors.protocols.nat.ports import IsOwn, Mapping, PortPool
from actors.protocols.nat.rewrite import EchoRewrite, Ready, Rewrite, Session
from actors.protocols.translation import Change, translated
from actors.units import SECOND
from actors.wire import ethernet, icmp, ipv4, tcp, udp

_OWNER = "nat"
_PLAIN = 0x45
_WHOLE = (b"\x40\0", b"\0\0")
"""The fragment fields of a packet that is no fragment, with and without don't-fragment."""


class Behaviour(Enum):
    """What of the remote endpoint matters to mapping or to filtering, in the words of RFC 4787 (sections 4.1, 5)."""

    INDEPENDENT = "endpoint-independent"
    ADDRESS = "address-dependent"
    ADDRESS_AND_PORT = "address-and-port-dependent"


class Settings(NamedTuple):
    """The outside address, the ports to give out, and how many sessions at once; the timeouts' defaults are the
    least that RFC 5382, 4787 and 5508 ask for.

    `mapping`: to which remote endpoints an inside endpoint is the same outside port; `filtering`: from which remote
    endpoints packets come in by it. Echoes are always mapped endpoint-independently (RFC 5508 REQ-3), and let in
    only as replies."""

    outside: bytes
    ports: range = range(1024, 65536)
    max_mappings: int = 8192
    tcp_established_ns: int = 7440 * SECOND
    tcp_transitory_ns: int = 240 * SECOND
    udp_ns: int = 300 * SECOND
    icmp_ns: int = 60 * SECOND
    mapping: Behaviour = Behaviour.INDEPENDENT
    filtering: Behaviour = Behaviour.ADDRESS_AND_PORT


class Refusal(Enum):
    """Why a packet is not translated."""

    NOT_MINE = "not_mine"
    """It came in for no session: it may be meant for the router itself."""
    FRAGMENT = "fragment"
    """Only the whole packet can be translated."""
    TABLE_FULL = "table_full"
    PORT_EXHAUSTED = "port_exhausted"
    NO_SESSION = "no_session"
    """It answers, ends or complains about something that there is not."""
    HAIRPIN = "hairpin"
    """From inside to the outside address: `hairpin` is to be asked."""
    FILTERED = "nat_filtered"
    """It came in for a port that is mapped, from somebody who was not talked to."""
    PROTOCOL = "protocol"
    OPTIONS = "ip_options"


AnyRewrite = Rewrite | EchoRewrite
Translation = AnyRewrite | Ready
Rewrites = dict[bytes, AnyRewrite]


class Nat:
    """Takes whole Ethernet frames with IPv4 inside, and says what becomes of them: `translation.apply(frame)`.

    TTL and MAC addresses are the router's business. Raises `Malformed` for packets that are. `is_own(protocol, port)`
    says whether the router itself uses a port of the outside address; such are not given out."""

    def __init__(
        self, settings: Settings, random: Random, is_own: IsOwn = lambda protocol, port: False
    ) -> None:
        self.settings = settings
        self._is_own = is_own
        self._ports = PortPool(settings.ports, random, is_own)
        self._tracker = ConnectionTracker(settings.max_mappings, _timeouts(settings), self._forget)
        self._outward: Rewrites = {}
        self._inward: Rewrites = {}
        self._closing: dict[Connection, None] = {}

    def __len__(self) -> int:
        """How many sessions there are."""
        return len(self._tracker)

    def sessions(self) -> list[Session]:
        """All sessions, the oldest first."""
        return [connection.note for connection in self._tracker.connections()]

    def ports_used(self, protocol: int) -> int:
        """How many outside ports (or echo identifiers) of the protocol stand for somebody."""
        return self._ports.used(protocol)

    # ---- packets -------------------------------------------------------------------------------------------

    def settled_outbound(self, frame: bytes, now_ns: int) -> AnyRewrite | None:
        """The quick way of a frame from inside to somebody outside; None when it must take `outbound`."""
        return self._settled(self._outward, frame, now_ns)

    def settled_inbound(self, frame: bytes, now_ns: int) -> AnyRewrite | None:
        """The quick way of a frame from outside to the outside address; None when it must take `inbound`."""
        return self._settled(self._inward, frame, now_ns)

    def outbound(self, frame: bytes, now_ns: int) -> Translation | Refusal:
        """Any frame from inside to somebody outside."""
        packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
        if packet.destination == self.settings.outside:
            return Refusal.HAIRPIN
        return self._outbound(frame, packet, now_ns)

    def hairpin(self, frame: bytes, now_ns: int) -> Ready | Refusal:
        """A frame from inside to the outside address: out and in again, so that both ends see outside addresses only
        (RFC 4787 REQ-9, RFC 5382 REQ-8). `NOT_MINE` when it is meant for the router itself."""
        packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
        message = _check(packet)
        if isinstance(message, Refusal):
            return message
        if message is None:
            port = int.from_bytes(packet.payload[2:4])
            if self._ports.of_port(packet.protocol, port) is None or self._is_own(packet.protocol, port):
                return Refusal.NOT_MINE
        elif isinstance(message, icmp.Echo):
            return Refusal.NOT_MINE  # the router answers pings at its address
        out = self._outbound(frame, packet, now_ns)
        if isinstance(out, Refusal):
            return Refusal.NOT_MINE if out is Refusal.NO_SESSION and message is not None else out
        outside = out.apply(frame)
        found = self.inbound(outside, now_ns)
        return found if isinstance(found, Refusal) else Ready(found.session, found.apply(outside))

    def _outbound(self, frame: bytes, packet: ipv4.Packet, now_ns: int) -> Translation | Refusal:
        message = _check(packet)
        if isinstance(message, Refusal):
            return message
        if message is not None and not isinstance(message, icmp.Echo):
            return self._translate_error(frame, message, inbound=False)
        key, flags = key_of(packet), tcp_flags(packet)
        rewrite = self._outward.get(key)
        if (
            rewrite is not None
            and flags & (tcp.SYN | tcp.ACK) == tcp.SYN
            and rewrite.connection in self._closing
        ):
            self._tracker.close(rewrite.connection)  # the same ports for a new connection
            rewrite = None
        if rewrite is None:
            if flags & tcp.RST or (isinstance(message, icmp.Echo) and message.reply):
                return Refusal.NO_SESSION
            opened = self._open_from_inside(key, packet, now_ns)
            if isinstance(opened, Refusal):
                return opened
            rewrite = opened
        self._saw(rewrite.connection, key, flags, now_ns)
        return rewrite

    def inbound(self, frame: bytes, now_ns: int) -> Translation | Refusal:
        """Any frame from outside to the outside address."""
        packet = ipv4.decode(frame[ethernet.HEADER_BYTES :])
        message = _check(packet)
        if isinstance(message, Refusal):
            return message
        if message is not None and not isinstance(message, icmp.Echo):
            return self._translate_error(frame, message, inbound=True)
        key = key_of(packet)
        rewrite = self._inward.get(key)
        if isinstance(message, icmp.Echo) and (rewrite is None or not message.reply):
            return Refusal.NOT_MINE
        if rewrite is None:
            return self._open_from_outside(key, packet, now_ns)
        self._saw(rewrite.connection, key, tcp_flags(packet), now_ns)
        return rewrite

    def original(self, packet: bytes) -> bytes:
        """A translated packet, from its IP header on, as it was before; any other as it is. Raises `Malformed`."""
        reply = turned(key_of(ipv4.decode(packet)))
        if (sent := self._inward.get(reply)) is not None:
            mapping = sent.session.mapping
            return translated(packet, Change(source=mapping.inside, source_port=mapping.port))
        if (received := self._outward.get(reply)) is not None:
            session = received.session
            change = Change(destination=session.outside, destination_port=session.mapping.outside_port)
            before = translated(packet, change)
            return self.original(before) if session.hairpin else before
        return packet

    def deadline_ns(self) -> int | None:
        return self._tracker.deadline_ns()

    def on_deadline(self, now_ns: int) -> list[Session]:
        """Forget the sessions that have been silent for too long; returns them."""
        return [connection.note for connection in self._tracker.on_deadline(now_ns)]

    @staticmethod
    def _settled(rewrites: Rewrites, frame: bytes, now_ns: int) -> AnyRewrite | None:
        rewrite = rewrites.get(frame[26:38] + frame[23:24])
        if (
            rewrite is None
            or len(frame) < SHORTEST_FRAME
            or frame[14] != _PLAIN
            or frame[20:22] not in _WHOLE
        ):
            return None
        connection = rewrite.connection
        if (
            connection.state is not State.ESTABLISHED
            or (frame[23] == tcp.PROTOCOL and frame[47] & FIN_SYN_RST)
            or rewrite.session.hairpin
        ):
            return None
        connection.seen_ns = now_ns
        return rewrite

    def _translate_error(self, frame: bytes, message: icmp.Message, *, inbound: bool) -> Ready | Refusal:
        """It says nothing about whether the session is alive, so it does not count as one of its packets."""
        original = quote_of(message)
        rewrites = self._inward if inbound else self._outward
        rewrite = rewrites.get(answering_flow(original)) if original is not None else None
        if rewrite is None:
            return Refusal.NOT_MINE if inbound else Refusal.NO_SESSION
        session, mapping = rewrite.session, rewrite.session.mapping
        if inbound:
            change = Change(destination=mapping.inside, destination_port=mapping.port)
        else:
            change = Change(source=session.outside, source_port=mapping.outside_port)
        header = ethernet.HEADER_BYTES
        return Ready(session, frame[:header] + translated(frame[header:], change))

    # ---- sessions ------------------------------------------------------------------------------------------

    def _open_from_inside(self, key: bytes, packet: ipv4.Packet, now_ns: int) -> AnyRewrite | Refusal:
        if not self._has_room(now_ns):
            return Refusal.TABLE_FULL
        scope = b"" if packet.protocol == ipv4.ICMP else _part(self.settings.mapping, key[4:8], key[10:12])
        mapping = self._ports.take((packet.protocol, packet.source, int.from_bytes(key[8:10]), scope))
        if mapping is None:
            return Refusal.PORT_EXHAUSTED
        return self._open(mapping, key, now_ns)

    def _open_from_outside(self, key: bytes, packet: ipv4.Packet, now_ns: int) -> AnyRewrite | Refusal:
        """A packet of no session: it opens one where filtering lets it in. Of TCP a SYN does, and the session is
        transitory until the inside has answered and was heard (RFC 5382 REQ-3)."""
        port = int.from_bytes(key[10:12])
        mapping = self._ports.of_port(packet.protocol, port)
        if mapping is None or self._is_own(packet.protocol, port):
            return Refusal.NOT_MINE
        opens = packet.protocol == ipv4.UDP or tcp_flags(packet) & (FIN_SYN_RST | tcp.ACK) == tcp.SYN
        outward = mapping.inside + packet.source + mapping.port.to_bytes(2) + key[8:10] + key[12:]
        if not opens or not self._lets_in(mapping, packet.source) or outward in self._outward:
            return Refusal.FILTERED
        if not self._has_room(now_ns):
            return Refusal.TABLE_FULL
        self._open(mapping, outward, now_ns)
        return self._inward[key]

    def _lets_in(self, mapping: Mapping, remote: bytes) -> bool:
        match self.settings.filtering:
            case Behaviour.INDEPENDENT:
                return True
            case Behaviour.ADDRESS:
                return remote in mapping.remotes
        return False

    def _open(self, mapping: Mapping, key: bytes, now_ns: int) -> AnyRewrite:
        """The session of a mapping that packets from inside with this key belong to."""
        outside, remote = self.settings.outside, key[4:8]
        outside_port, remote_port = mapping.outside_port.to_bytes(2), key[10:12]
        if mapping.protocol == ipv4.ICMP:
            remote_port = outside_port  # a flow of echoes has its identifier as both ports
        outer = outside + remote + outside_port + remote_port
        reply = remote + outside + remote_port + outside_port
        inner_reply = remote + mapping.inside + key[10:12] + key[8:10]
        connection = self._tracker.open(_OWNER, key, now_ns, reply + key[12:])
        session = Session(mapping, outside, remote, int.from_bytes(remote_port), connection)
        connection.note = session
        self._ports.join(mapping, remote)
        kind = EchoRewrite if mapping.protocol == ipv4.ICMP else Rewrite
        self._outward[key] = rewrite = kind(session, key[:12], outer)
        self._inward[connection.reply_key] = kind(session, reply, inner_reply)
        return rewrite

    def _has_room(self, now_ns: int) -> bool:
        if len(self) >= self.settings.max_mappings:
            self._tracker.on_deadline(now_ns)
        if len(self) >= self.settings.max_mappings and self._closing:
            self._tracker.close(next(iter(self._closing)))
        return len(self) < self.settings.max_mappings

    def _saw(self, connection: Connection, key: bytes, flags: int, now_ns: int) -> None:
        self._tracker.saw(connection, key, flags, now_ns)
        if connection.state is State.CLOSING:
            self._closing[connection] = None

    def _forget(self, connection: Connection) -> None:
        del self._outward[connection.key]
        del self._inward[connection.reply_key]
        self._closing.pop(connection, None)
        session: Session = connection.note
        session.alive = False
        self._ports.leave(session.mapping, session.remote)


def _check(packet: ipv4.Packet) -> icmp.Message | Refusal | None:
    """The ICMP message in the packet, if it is one; or why such a packet is never translated."""
    if packet.more_fragments or packet.fragment_offset:
        return Refusal.FRAGMENT
    if packet.options:
        return Refusal.OPTIONS
    match packet.protocol:
        case ipv4.TCP:
            tcp.decode(packet.payload)
        case ipv4.UDP:
            udp.decode(packet.payload)
        case ipv4.ICMP:
            return icmp.decode(packet.payload)
        case _:
            return Refusal.PROTOCOL
    return None


def _part(behaviour: Behaviour, remote: bytes, remote_port: bytes) -> bytes:
    """What tells remote endpoints apart for a mapping."""
    match behaviour:
        case Behaviour.INDEPENDENT:
            return b""
        case Behaviour.ADDRESS:
            return remote
    return remote + remote_port


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        tcp_opening_ns=settings.tcp_transitory_ns,
        tcp_established_ns=settings.tcp_established_ns,
        tcp_closing_ns=settings.tcp_transitory_ns,
        udp_ns=settings.udp_ns,
        udp_stream_ns=settings.udp_ns,
        icmp_ns=settings.icmp_ns,
    )
