"""UDP sockets as asyncio knows them: `DatagramTransport`s over the emulated network."""

import asyncio
import errno
from collections.abc import Callable
from struct import Struct
from typing import Any, TypeVar

from actors.element import JOURNEY, Context
from actors.stack.ip import IpLayer, host_bytes
from actors.stack.layers import Arrival
from actors.wire import udp
from actors.wire.addresses import ANY_IP, ip_text
from actors.wire.icmp import PORT_UNREACHABLE

EPHEMERAL = range(32_768, 61_000)
"""Linux's net.ipv4.ip_local_port_range."""
MAX_PAYLOAD = 65_507
_PORTS = Struct(">HH")

AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.DatagramProtocol)
Address = tuple[str, int]
Remote = tuple[bytes, int]


class UdpTransport(asyncio.DatagramTransport):
    """One UDP socket. `interface` binds it to one (SO_BINDTODEVICE): it hears and speaks only there, even while that
    has no address."""

    def __init__(
        self, layer: "UdpLayer", local: Remote, remote: Remote | None, interface: str | None
    ) -> None:
        extra: dict[str, Any] = {"sockname": (ip_text(local[0]), local[1])}
        if remote is not None:
            extra["peername"] = (ip_text(remote[0]), remote[1])
        super().__init__(extra)
        self.local = local
        self.remote = remote
        self.interface = interface
        self.protocol: asyncio.DatagramProtocol
        self._layer = layer
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Also `journey`: that of the datagram being received, which is the current one."""
        return JOURNEY.get() if name == "journey" else super().get_extra_info(name, default)

    def hears(self, arrival: Arrival) -> bool:
        """Whether a datagram that came in like this may be for this socket."""
        host = self.local[0]
        if self.interface is not None and (
            arrival.interface is None or arrival.interface.name != self.interface
        ):
            return False
        return arrival.group or host == ANY_IP or host == arrival.packet.destination

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram to `addr`, or to the remote address the socket is connected to. What goes wrong is
        given to `error_received`."""
        if self._closing:
            return
        if addr is not None and self.remote is not None and addr != self.get_extra_info("peername"):
            raise ValueError(f"this socket is connected to {self.get_extra_info('peername')}, not {addr}")
        remote = self.remote
        if remote is None:
            if addr is None:
                raise ValueError("an unconnected socket needs an address to send to")
            remote = (host_bytes(addr[0]), addr[1])
        if len(data) > MAX_PAYLOAD:
            self.protocol.error_received(
                OSError(errno.EMSGSIZE, f"a datagram of {len(data)} bytes is too long")
            )
            return
        self._layer.send(self, remote, bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._layer.remove(self)
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class UdpLayer:
    """One host's UDP sockets, above its IP layer."""

    def __init__(self, context: Context, ip: IpLayer) -> None:
        self._context = context
        self._ip = ip
        self._bound: dict[int, list[UdpTransport]] = {}
        self._connected: dict[tuple[bytes, int, int], UdpTransport] = {}
        ip.datagrams[udp.PROTOCOL] = self

    # ---- sockets -------------------------------------------------------------------------------------------

    def open(
        self,
        protocol_factory: Callable[[], AnyProtocol],
        local_port: int,
        local_host: str,
        remote: Address | None,
        interface: str | None,
    ) -> tuple[UdpTransport, AnyProtocol]:
        """Open a socket; OSError (EADDRINUSE, EADDRNOTAVAIL, ENETUNREACH) when that cannot be."""
        host = host_bytes(local_host)
        if host != ANY_IP and not self._ip.is_own(host):
            raise OSError(errno.EADDRNOTAVAIL, f"{local_host} is not an address of this host")
        peer = None
        if remote is not None:
            peer = (host_bytes(remote[0]), remote[1])
            if host == ANY_IP:
                host = self._ip.source_for(peer[0])
        local = (host, local_port or self._ephemeral_port())
        transport = UdpTransport(self, local, peer, interface)
        self._add(transport)
        transport.protocol = protocol = protocol_factory()
        protocol.connection_made(transport)
        return transport, protocol

    def _add(self, transport: UdpTransport) -> None:
        host, port = transport.local
        if transport.remote is not None:
            key = (*transport.remote, port)
            if key in self._connected:
                raise OSError(errno.EADDRINUSE, f"UDP port {port} is already connected there")
            self._connected[key] = transport
            return
        sharers = self._bound.setdefault(port, [])
        if any(other.local[0] == host and other.interface == transport.interface for other in sharers):
            raise OSError(errno.EADDRINUSE, f"UDP port {port} is in use")
        sharers.append(transport)
        sharers.sort(
            key=lambda each: (each.interface is None, each.local[0] == ANY_IP)
        )  # the choosy ones first

    def remove(self, transport: UdpTransport) -> None:
        port = transport.local[1]
        if transport.remote is not None:
            del self._connected[(*transport.remote, port)]
            return
        self._bound[port].remove(transport)
        if not self._bound[port]:
            del self._bound[port]

    def is_bound(self, port: int, interface: str) -> bool:
        """Whether a socket has this port, and may hear by this interface."""
        bound = self._bound.get(port, ())
        return any(each.interface in (None, interface) for each in bound) or any(
            local == port and socket.interface in (None, interface)
            for (_, _, local), socket in self._connected.items()
        )

    def _ephemeral_port(self) -> int:
        """A random free port, so that answers are hard to forge (RFC 5452 section 9.2)."""
        taken = {*self._bound, *(port for _, _, port in self._connected)}
        start = self._context.random.randrange(len(EPHEMERAL))
        for step in range(len(EPHEMERAL)):
            port = EPHEMERAL[(start + step) % len(EPHEMERAL)]
            if port not in taken:
                return port
        raise OSError(errno.EADDRINUSE, "every ephemeral UDP port is in use")

    # ---- datagrams -----------------------------------------------------------------------------------------

    def send(self, transport: UdpTransport, remote: Remote, data: bytes) -> None:
        host, port = transport.local
        source = None if host == ANY_IP else host
        # The checksum is left to the card (0), so the addresses that it would cover do not matter here.
        payload = udp.encode(udp.Datagram(port, remote[1], data), host, remote[0])
        self._ip.output(source, remote[0], udp.PROTOCOL, payload, interface=transport.interface)

    def on_arrival(self, arrival: Arrival) -> None:
        packet = arrival.packet
        datagram = udp.decode(packet.payload, packet.source, packet.destination)
        hearers = self._hearers(arrival, datagram)
        if not hearers:
            self._ip.drop("udp_port", f"nobody listens on UDP port {datagram.destination_port}")
            self._ip.icmp.unreachable(arrival, PORT_UNREACHABLE)
            return
        sender = (ip_text(packet.source), datagram.source_port)
        for transport in hearers:
            transport.protocol.datagram_received(datagram.payload, sender)

    def _hearers(self, arrival: Arrival, datagram: udp.Datagram) -> list[UdpTransport]:
        """A broadcast is for all who hear it, another datagram for the choosiest."""
        key = (arrival.packet.source, datagram.source_port, datagram.destination_port)
        connected = self._connected.get(key)
        if connected is not None and connected.hears(arrival):
            return [connected]
        bound = self._bound.get(datagram.destination_port, ())
        hearers = [transport for transport in bound if transport.hears(arrival)]
        return hearers if arrival.group else hearers[:1]

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None:
        """A datagram of ours did not arrive. Unconnected sockets are told as well, as Linux does with IP_RECVERR."""
        port, remote_port = _PORTS.unpack_from(payload)
        connected = self._connected.get((destination, remote_port, port))
        for transport in [connected] if connected is not None else list(self._bound.get(port, ())):
            transport.protocol.error_received(error)
