"""The sending half of the IP layer: which way a packet takes, in how many pieces, and with which of our addresses."""

import errno
from typing import TYPE_CHECKING
from weakref import WeakSet

from actors.element import JOURNEY, Context
from actors.protocols.fragments import fragment
from actors.protocols.path_mtu import UNLIMITED, PathMtus
from actors.protocols.routes import Route
from actors.stack.interfaces import IPV4_TYPE, Interface
from actors.stack.layers import Arrival
from actors.stack.paths import Path
from actors.wire import ipv4
from actors.wire.addresses import ANY_IP, BROADCAST_IP, ip_text

if TYPE_CHECKING:
    from actors.stack.ip import IpLayer

MAX_PATHS = 4096
NO_ROUTE_MTU = 576
"""RFC 1122 section 3.3.3: what every host can take."""
_LOCALHOST = b"\x7f\x00\x00\x01"


class Sender:
    """Sends the packets of one host."""

    def __init__(self, context: Context, ip: "IpLayer") -> None:
        self._context = context
        self._ip = ip
        self._path_mtus = PathMtus()
        self._identification = context.random.getrandbits(16)
        self._paths: dict[tuple[bytes, bytes | None, int, int, str | None], Path] = {}
        self._living: WeakSet[Path] = WeakSet()

    # ---- paths ---------------------------------------------------------------------------------------------

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

    def invalidate(self) -> None:
        """Routes, neighbours or addresses have changed."""
        for path in self._living:
            path.forget()

    # ---- what is known of a way ----------------------------------------------------------------------------

    def source_for(self, destination: bytes) -> bytes:
        """Our address that packets to this destination carry; raises OSError (ENETUNREACH) when they cannot go."""
        if self._ip.is_own(destination):
            return _LOCALHOST if destination[0] == 127 else destination
        route = self._ip.routes.lookup(destination)
        source = None if route is None else self._own_source(route)
        if source is None:
            raise _unreachable(destination)
        return source

    def mtu_for(self, destination: bytes) -> int:
        """The longest packet that gets there whole, as far as is known."""
        if self._ip.is_own(destination):
            return UNLIMITED
        route = self._ip.routes.lookup(destination)
        if route is None:
            return NO_ROUTE_MTU
        return self._mtu(self._ip.interfaces[route.port], destination)

    def learn_path_mtu(self, destination: bytes, mtu: int) -> None:
        """A router says that packets to this destination must be shorter."""
        if self._path_mtus.learn(destination, mtu, self._context.now_ns()):
            self.invalidate()

    def _mtu(self, interface: Interface, destination: bytes) -> int:
        return min(interface.mtu, self._path_mtus.limit(destination, self._context.now_ns()))

    def _own_source(self, route: Route) -> bytes | None:
        if route.source is not None:
            return route.source
        address = self._ip.interfaces[route.port].address
        if address is None:  # an unnumbered interface borrows the host's first address, as Linux does
            return next(iter(self._ip.local), None)
        return address.address

    def _next_hop(self, path: Path) -> tuple[Interface, bytes, bytes] | None:
        """The interface, the neighbour to send to, and our address there; None without a route."""
        destination = path.destination
        route = self._ip.routes.lookup(destination, path.source)
        if path.interface is not None and (route is None or route.port != path.interface):
            interface = self._ip.interfaces[path.interface]
            own = ANY_IP if interface.address is None else interface.address.address
            return interface, destination, path.source or own
        if route is None:
            return None
        source = path.source or self._own_source(route)
        if source is None:
            return None
        next_hop = destination if destination == BROADCAST_IP or route.via is None else route.via
        return self._ip.interfaces[route.port], next_hop, source

    # ---- packets -------------------------------------------------------------------------------------------

    def send(self, path: Path, payload: bytes) -> None:
        """Route a packet, tell the journey about it, send it, and teach the path what its headers look like."""
        if self._ip.is_own(path.destination):
            self._loop_back(path, payload)
            return
        hop = self._next_hop(path)
        if hop is None:
            self._give_up(path, payload)
            return
        interface, next_hop, source = hop
        self._tell(path)
        packet = ipv4.Packet(source, path.destination, path.protocol, payload, path.ttl)
        mtu = self._mtu(interface, path.destination)
        if ipv4.HEADER_BYTES + len(payload) > mtu:
            self._send_pieces(interface, next_hop, packet, mtu)
            return
        raw = ipv4.encode(packet)
        mac = interface.send(next_hop, raw)
        if mac is not None:
            head = mac + interface.mac + IPV4_TYPE + raw[: ipv4.HEADER_BYTES]
            path.remember(interface.transmit, head, len(payload))

    def _tell(self, path: Path) -> None:
        journey = JOURNEY.get()
        if journey is None or journey == path.told:
            return
        path.told = journey
        decision = self._ip.routes.explain(path.destination, path.source)
        if decision is not None:
            fields = decision.described()
            self._context.record("route.lookup", destination=ip_text(path.destination), **fields)

    def _give_up(self, path: Path, payload: bytes) -> None:
        """No route. The protocol is told later, so that it is not called back in the middle of its sending."""
        self._ip.drop("no_route")
        self._context.record("route.none", destination=ip_text(path.destination))
        packet = ipv4.Packet(path.source or ANY_IP, path.destination, path.protocol, payload)
        self._context.call_at(self._context.now_ns(), self._ip.report, packet, _unreachable(path.destination))

    def _send_pieces(self, interface: Interface, next_hop: bytes, packet: ipv4.Packet, mtu: int) -> None:
        self._identification = self._identification % 0xFFFF + 1
        whole = packet._replace(identification=self._identification, dont_fragment=False)
        interface.send(next_hop, *map(ipv4.encode, fragment(whole, mtu)))

    def _loop_back(self, path: Path, payload: bytes) -> None:
        """Deliver to ourselves, later for the same reason."""
        source = path.source or self.source_for(path.destination)
        packet = ipv4.Packet(source, path.destination, path.protocol, payload, path.ttl)
        arrival = Arrival(packet, None, ipv4.encode(packet), False)
        self._context.call_at(self._context.now_ns(), self._ip.deliver, arrival)


def _unreachable(destination: bytes) -> OSError:
    return OSError(errno.ENETUNREACH, f"network is unreachable: {ip_text(destination)}")
