"""A host's TCP: which connection a segment belongs to, listening ports, and one alarm for all deadlines.

How this works. `transports` maps the 12 bytes that name a connection in arriving packets (source and destination
address, source and destination port, as they stand on the wire) to its `TcpTransport`: what applications hold, and the
host of an engine, `protocols.tcp.Connection`. A segment costs one lookup before the engine has it. What finds no
connection is a SYN for a listener, or answered by RST.
"""

import asyncio
import errno
import os
import ssl as tls
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar

from actors.element import JOURNEY, Context
from actors.protocols.tcp import DEFAULTS, NEVER, Admission, Connection, State, TcpSettings
from actors.protocols.tcp.cookies import PERIOD_NS, SynCookies
from actors.protocols.tcp.handshake import DEFAULT_MSS
from actors.stack.alarm import Alarm
from actors.stack.secure import HandshakeTimeout, TlsConnection
from actors.stack.tcp_host import TcpHost
from actors.stack.tcp_server import TcpServer
from actors.stack.tcp_transport import TcpTransport
from actors.wire import tcp as wire
from actors.wire.addresses import ANY_IP, ip_text
from actors.wire.malformed import Malformed

FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT = 32768, 60999
"""net.ipv4.ip_local_port_range."""
_HEADERS_BYTES = 40
"""An IPv4 and a TCP header without options: the MTU less these is the MSS."""

AnyStream = TypeVar("AnyStream", bound=asyncio.BaseProtocol)


class SegmentPath(Protocol):
    """The way of one connection's segments."""

    def send(self, payload: bytes) -> None: ...


class IpOutput(Protocol):
    """What TCP needs of the IP layer."""

    def output(self, source: bytes | None, destination: bytes, protocol: int, payload: bytes) -> None: ...

    def route_to(self, destination: bytes, source: bytes | None = None) -> SegmentPath: ...

    def source_for(self, destination: bytes) -> bytes: ...

    def mtu_for(self, destination: bytes) -> int: ...


class TcpLayer:
    """The TCP of one host; the stack gives it packets and hands its verbs to the element."""

    def __init__(self, context: Context, ip: IpOutput, settings: TcpSettings = DEFAULTS) -> None:
        self.context = context
        self.ip = ip
        self.settings = settings
        self.transports: dict[bytes, TcpTransport] = {}
        self.servers: dict[tuple[bytes, int], TcpServer] = {}
        self._now_ns = context.now_ns
        self._deadlines: list[tuple[int, int, Connection]] = []
        self._wishes = 0
        self._alarm = Alarm(context, self._deadline_ns, self._on_deadline)
        counter = context.metrics.counter
        self._received = counter("journey_tcp_segments_received_total")
        self.sent = counter("journey_tcp_segments_sent_total")
        self.retransmitted = counter("journey_tcp_segments_retransmitted_total")
        self.recoveries = {
            "fast retransmit": counter("journey_tcp_recoveries_total", cause="fast_retransmit"),
            "timeout": counter("journey_tcp_recoveries_total", cause="timeout"),
            "path MTU": counter("journey_tcp_recoveries_total", cause="path_mtu"),
        }
        self.probes = {
            what: counter("journey_tcp_probes_total", probe=what.replace(" ", "_"))
            for what in ("tail loss", "zero window", "keepalive")
        }
        self.resets_sent = counter("journey_tcp_resets_total", direction="sent")
        self.resets_received = counter("journey_tcp_resets_total", direction="received")
        self.protocol_errors = counter("journey_tcp_protocol_errors_total")
        self._malformed = counter("journey_tcp_malformed_segments_total")
        self._active_opens = counter("journey_tcp_opens_total", role="client")
        self._passive_opens = counter("journey_tcp_opens_total", role="server")
        self._cookies: SynCookies | None = None
        self._cookies_until_ns = 0
        self._cookies_sent = counter("journey_tcp_syn_cookies_total", direction="sent")
        self._cookies_received = counter("journey_tcp_syn_cookies_total", direction="received")
        self.listen_overflows = counter("journey_tcp_listen_overflows_total")
        self.listen_drops = counter("journey_tcp_listen_drops_total")

    # ---- packets -------------------------------------------------------------------------------------------

    def on_packet(self, source: bytes, destination: bytes, segment: bytes) -> None:
        """The payload of an IPv4 packet of protocol 6 for this host. Takes any bytes; junk is counted and dropped."""
        self._received.value += 1
        transport = self.transports.get(source + destination + segment[:4])
        try:
            if transport is None or len(segment) < wire.HEADER_BYTES or segment[16] or segment[17]:
                self._look_at(source, destination, segment, transport)
                return
            connection = transport.connection
            if connection.passive and len(segment) > (segment[12] >> 4) * 4:
                # whose data it is; an ACK says nothing of that, and may be overtaken by data
                transport.journey = JOURNEY.get()
            connection.on_segment(segment, self._now_ns())
        except Malformed:
            self._malformed.value += 1

    def _look_at(
        self, source: bytes, destination: bytes, data: bytes, transport: TcpTransport | None
    ) -> None:
        """Whatever the quick way above has no eye for: real checksums, segments that belong to no connection."""
        segment = wire.decode(data, source, destination)
        if transport is None:
            self.on_unexpected(source, destination, segment)
            return
        if transport.connection.passive and (segment.payload or segment.flags & wire.SYN):
            transport.journey = JOURNEY.get()
        transport.connection.on_segment(data, self._now_ns())

    def on_unexpected(self, source: bytes, destination: bytes, segment: wire.Segment) -> None:
        """A segment for no connection: a SYN to a listener begins one, all else is reset (section 3.10.7.1)."""
        port = segment.destination_port
        server = self.servers.get((destination, port)) or self.servers.get((ANY_IP, port))
        kind = segment.flags & (wire.SYN | wire.ACK | wire.RST)
        if server is not None and kind == wire.SYN:
            self._begin(server, source, destination, segment)
        elif (
            server is not None
            and kind == wire.ACK
            and self._take_cookie(server, source, destination, segment)
        ):
            return
        elif not segment.flags & wire.RST:
            self._refuse(source, destination, segment)

    def _begin(self, server: TcpServer, source: bytes, destination: bytes, syn: wire.Segment) -> None:
        admission = server.admit_syn(source, syn.source_port)
        if admission is Admission.COOKIE:
            self._send_cookie(source, destination, syn)
        if admission is not Admission.QUEUED:
            return
        transport = self._make(destination, source, syn.destination_port, syn.source_port)
        transport.server = server
        transport.journey = JOURNEY.get()
        server.listener.begin(transport)
        self._passive_opens.value += 1
        connection = transport.connection
        connection.listen()
        connection.pause_reading()  # until somebody accepts it
        connection.on_segment(wire.encode(syn, source, destination), self._now_ns())

    def _send_cookie(self, source: bytes, destination: bytes, syn: wire.Segment) -> None:
        """Answer a SYN and keep nothing of it."""
        now_ns = self._now_ns()
        if self._cookies is None:
            self._cookies = SynCookies(self.context.random.randbytes(16))
        self._cookies_until_ns = now_ns + 2 * PERIOD_NS
        self._cookies_sent.value += 1
        identity = _identity(source, destination, syn)
        mss_bytes = self.ip.mtu_for(source) - _HEADERS_BYTES
        cookie = self._cookies.make(identity, syn.sequence, syn.options.mss or DEFAULT_MSS, now_ns)
        answer = wire.Segment(
            syn.destination_port, syn.source_port, cookie, (syn.sequence + 1) & 0xFFFFFFFF, wire.SYN | wire.ACK,
            min(self.settings.receive_buffer_bytes, 0xFFFF), options=wire.Options(mss=mss_bytes),
        )  # fmt: skip
        self.ip.output(destination, source, wire.PROTOCOL, wire.encode(answer, destination, source))

    def _take_cookie(self, server: TcpServer, source: bytes, destination: bytes, ack: wire.Segment) -> bool:
        """Whether this ACK brings back a cookie of ours; then the connection is there. A full accept queue drops it."""
        now_ns = self._now_ns()
        if self._cookies is None or now_ns > self._cookies_until_ns:
            return False
        sequence, cookie = (ack.sequence - 1) & 0xFFFFFFFF, (ack.acknowledgment - 1) & 0xFFFFFFFF
        mss_bytes = self._cookies.mss_of(_identity(source, destination, ack), sequence, cookie, now_ns)
        if mss_bytes is None:
            return False
        if server.listener.accept_queue_full:
            server.listener.overflows += 1
            self.listen_overflows.value += 1
            return True
        self._cookies_received.value += 1
        transport = self._make(destination, source, ack.destination_port, ack.source_port, cookie)
        transport.server = server
        transport.journey = JOURNEY.get()
        server.listener.begin(transport)
        self._passive_opens.value += 1
        syn = ack._replace(
            sequence=sequence, flags=wire.SYN, options=wire.Options(mss=mss_bytes), payload=b""
        )
        transport.connection.recall(syn, now_ns)
        transport.connection.pause_reading()
        transport.connection.on_segment(wire.encode(ack, source, destination), now_ns)
        return True

    def _refuse(self, source: bytes, destination: bytes, segment: wire.Segment) -> None:
        length = len(segment.payload) + bool(segment.flags & wire.SYN) + bool(segment.flags & wire.FIN)
        sequence, acknowledgment, flags = 0, (segment.sequence + length) & 0xFFFFFFFF, wire.RST | wire.ACK
        if segment.flags & wire.ACK:
            sequence, acknowledgment, flags = segment.acknowledgment, 0, wire.RST
        answer = wire.Segment(
            segment.destination_port, segment.source_port, sequence, acknowledgment, flags
        )  # fmt: skip
        self.resets_sent.value += 1
        self.context.record(
            "tcp.reset",
            direction="sent",
            local=f"{ip_text(destination)}:{segment.destination_port}",
            remote=f"{ip_text(source)}:{segment.source_port}",
            reason="no such connection" if segment.flags & wire.ACK else "nobody listens",
        )
        self.ip.output(destination, source, wire.PROTOCOL, wire.encode(answer, destination, source))

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None:
        """A packet of ours from `source` did not reach `destination`; `payload` is its first 8 bytes or more.

        A connect fails by it; an established connection only learns of a smaller MTU (RFC 9293 section 3.9.2.2)."""
        ports = payload[:4]
        transport = self.transports.get(destination + source + ports[2:] + ports[:2])
        if transport is None:
            return
        connection = transport.connection
        if not connection.has_in_flight(payload[4:8]):
            return  # RFC 5927 section 4.1: an error about something that we did not send, or long ago
        if error.errno == errno.EMSGSIZE:
            connection.limit_mss(self.ip.mtu_for(destination) - _HEADERS_BYTES, self._now_ns())
        elif connection.state in (State.SYN_SENT, State.SYN_RECEIVED):
            connection.give_up(error)

    # ---- verbs ---------------------------------------------------------------------------------------------

    async def create_connection(
        self,
        protocol_factory: Callable[[], AnyStream],
        address: bytes,
        port: int,
        *,
        timeout_s: float | None = None,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, AnyStream]:
        """Connect and, with `ssl`, shake hands, each within the timeout.

        Raises ConnectionRefusedError, TimeoutError or another OSError."""
        source = self.ip.source_for(address)
        transport = self._make(source, address, self._free_port(source, address, port), port)
        protocol = protocol_factory()
        loop = asyncio.get_running_loop()
        established, secured = loop.create_future(), loop.create_future()
        if ssl is None:
            transport.open(protocol, established)
        else:
            connection = TlsConnection(protocol, ssl, server_hostname=server_hostname, ready=secured)
            transport.open(connection, established)
        self._active_opens.value += 1
        try:
            async with asyncio.timeout(timeout_s):
                await established
            if ssl is None:
                return transport, protocol
            try:
                async with asyncio.timeout(timeout_s):
                    return await secured, protocol
            except TimeoutError:
                raise HandshakeTimeout(f"no TLS handshake within {timeout_s:g} s") from None
        except BaseException:
            transport.abort()
            raise

    def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        port: int,
        *,
        address: bytes = ANY_IP,
        backlog: int = 511,
        ssl: tls.SSLContext | None = None,
    ) -> TcpServer:
        """Listen. Raises OSError (EADDRINUSE) when somebody does on this port."""
        taken = [known for known in self.servers if known[1] == port]
        if any(ANY_IP in (address, known) or known == address for known, _ in taken):
            raise OSError(errno.EADDRINUSE, f"{os.strerror(errno.EADDRINUSE)}: {ip_text(address)}:{port}")
        server = self.servers[address, port] = TcpServer(self, protocol_factory, address, port, backlog, ssl)
        return server

    def _free_port(self, source: bytes, address: bytes, port: int) -> int:
        """An ephemeral port that no connection to this peer uses, TIME_WAIT included."""
        prefix, count = address + source + port.to_bytes(2), LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1
        first = self.context.random.randrange(count)
        for step in range(count):
            candidate = FIRST_EPHEMERAL_PORT + (first + step) % count
            if prefix + candidate.to_bytes(2) not in self.transports:
                return candidate
        raise OSError(errno.EADDRNOTAVAIL, f"all ephemeral ports to {ip_text(address)}:{port} are in use")

    def _make(
        self, local: bytes, remote: bytes, local_port: int, remote_port: int, sequence: int | None = None
    ) -> TcpTransport:
        transport = TcpTransport(self, (local, local_port), (remote, remote_port))
        transport.connection = Connection(
            TcpHost(self, transport),
            local_port.to_bytes(2) + remote_port.to_bytes(2),
            self.context.random.getrandbits(32) if sequence is None else sequence,
            self.ip.mtu_for(remote) - _HEADERS_BYTES,
            self.settings,
        )
        self.transports[transport.key] = transport
        return transport

    # ---- deadlines -----------------------------------------------------------------------------------------

    def wake_at(self, connection: Connection, when_ns: int) -> None:
        """Call the connection's `on_deadline` then; an earlier wish that was overtaken by this one is void."""
        self._wishes += 1
        heappush(self._deadlines, (when_ns, self._wishes, connection))
        self._alarm.arm()

    def _deadline_ns(self) -> int | None:
        return self._deadlines[0][0] if self._deadlines else None

    def _on_deadline(self, now_ns: int) -> None:
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now_ns:
            when_ns, _, connection = heappop(deadlines)
            if when_ns == connection.wake_at_ns:
                connection.on_deadline(now_ns)

    def forget(self, transport: TcpTransport) -> None:
        """The connection is CLOSED."""
        transport.connection.wake_at_ns = NEVER
        if self.transports.get(transport.key) is transport:
            del self.transports[transport.key]

    # ---- looking in ----------------------------------------------------------------------------------------

    def inspect(self) -> dict[str, Any]:
        """Listening ports and connections, as `ss -tlni` would show them."""
        return {
            "listening": [server.inspect() for server in self.servers.values()],
            "connections": [transport.inspect() for transport in self.transports.values()],
        }


def _identity(source: bytes, destination: bytes, segment: wire.Segment) -> bytes:
    return source + destination + segment.source_port.to_bytes(2) + segment.destination_port.to_bytes(2)
