"""A host's network stack: interfaces, ARP, routes, ICMP, UDP and TCP, with asyncio's own transports on top.

How this works. `IpLayer` (ip.py) owns interfaces and routes and decides where packets go; `IcmpLayer` and `UdpLayer`
sit on it, and so does TCP. `Stack` puts them together and is all that an element sees. A host's element hands its
frames to `stack.on_frame`; a router's hands them to a `Forwarder` (see `actors.stack.forwarding`) made on the stack.
"""

import asyncio
import ssl as tls
from collections.abc import Callable
from typing import Any, TypeVar

from actors.element import Context, Port
from actors.protocols.routes import PolicyRoutes, Route, RouteTable
from actors.protocols.tcp import DEFAULTS, TcpSettings
from actors.stack.icmp import Answer, IcmpLayer
from actors.stack.interfaces import Interface
from actors.stack.ip import IpLayer, host_bytes
from actors.stack.tcp import TcpLayer
from actors.stack.tcp_server import TcpServer
from actors.stack.udp import Address, AnyProtocol, UdpLayer
from actors.wire import tcp, udp
from actors.wire.addresses import Prefix, ip_bytes, ip_text, mac_text

__all__ = ["Answer", "Interface", "Stack", "TcpServer"]

AnyStream = TypeVar("AnyStream", bound=asyncio.BaseProtocol)


class Stack:
    """The stack of one host or router. Names of interfaces are those of ports, unless a `port` is given."""

    def __init__(
        self,
        context: Context,
        *,
        routes: RouteTable | PolicyRoutes | None = None,
        tcp: TcpSettings = DEFAULTS,
    ) -> None:
        self.routes = RouteTable() if routes is None else routes
        self.ip = IpLayer(context, self.routes)
        self.icmp = IcmpLayer(context, self.ip)
        self._udp = UdpLayer(context, self.ip)
        self.tcp = self.ip.tcp = TcpLayer(context, self.ip, tcp)
        self.on_frame = self.ip.on_frame
        self.output = self.ip.output
        self.ping = self.icmp.ping
        self.traceroute = self.icmp.traceroute

    # ---- interfaces ----------------------------------------------------------------------------------------

    def add_interface(
        self, name: str, address: str | None = None, *, mac: bytes | None = None, port: Port | None = None
    ) -> Interface:
        """Add an interface with an address such as `10.0.0.5/24` (None until DHCP gives one).

        `port` is what it sends through, if not the element's port of that name (a bridge, say)."""
        return self.ip.add_interface(name, address, mac, port)

    def remove_interface(self, name: str) -> None:
        """Take an interface away, with its address and all routes over it."""
        self.ip.remove_interface(name)

    def set_address(self, name: str, address: str | None) -> None:
        """Give an interface its address, with the connected route, and announce it; None takes it away."""
        self.ip.set_address(name, address)

    def limit_mtu(self, name: str, mtu: int | None) -> None:
        """The largest IP packet that this interface may send, if its link would take more; None: as the link has it."""
        self.ip.interfaces[name].mtu_limit = mtu
        self.ip.invalidate()

    def add_route(
        self, to: str, port: str, via: str | None = None, *, metric: int = 0, origin: str = "static"
    ) -> None:
        """`ip route add TO via VIA dev PORT`; `to` is a prefix or `default`."""
        prefix = Prefix.parse("0.0.0.0/0" if to == "default" else to)
        self.routes.add(Route(prefix, port, None if via is None else ip_bytes(via), metric, origin))

    def set_neighbour(self, name: str, address: str, mac: bytes) -> None:
        """A static ARP entry (`ip neigh replace ADDRESS lladdr MAC dev NAME nud permanent`)."""
        interface = self.ip.interfaces[name]
        interface.carry_out(interface.neighbours.set_permanent(ip_bytes(address), mac))

    def on_link(self, name: str, up: bool) -> None:
        """The link of this interface has gained or lost its carrier."""
        if name in self.ip.interfaces:
            self.ip.set_link(name, up)

    # ---- sockets -------------------------------------------------------------------------------------------

    async def create_connection(
        self,
        protocol_factory: Callable[[], AnyStream],
        host: str,
        port: int,
        *,
        timeout_s: float | None = None,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, AnyStream]:
        """A TCP connection, as `loop.create_connection` would make it; `host` is an address.

        Raises ConnectionRefusedError, TimeoutError (after 127 s unless told), or OSError (EHOSTUNREACH, ...)."""
        return await self.tcp.create_connection(
            protocol_factory,
            host_bytes(host),
            port,
            timeout_s=timeout_s,
            ssl=ssl,
            server_hostname=server_hostname,
        )

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        port: int,
        *,
        host: str = "0.0.0.0",
        backlog: int = 511,
        ssl: tls.SSLContext | None = None,
    ) -> TcpServer:
        """A listening TCP socket, as `loop.create_server` would make it; raises OSError (EADDRINUSE)."""
        return self.tcp.create_server(
            protocol_factory, port, address=host_bytes(host), backlog=backlog, ssl=ssl
        )

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], AnyProtocol],
        *,
        local_port: int = 0,
        local_host: str = "0.0.0.0",
        remote: Address | None = None,
        interface: str | None = None,
    ) -> tuple[asyncio.DatagramTransport, AnyProtocol]:
        """A UDP socket, as `loop.create_datagram_endpoint` would make it; raises OSError.

        With `interface` it works on that interface alone, also before that has an address: then it can send to
        255.255.255.255 (from 0.0.0.0) and hears whatever is sent to the interface's MAC address, as DHCP needs."""
        return self._udp.open(protocol_factory, local_port, local_host, remote, interface)

    def uses_port(self, protocol: int, port: int, interface: str) -> bool:
        """Whether a socket of this host has this local port, and may hear by this interface. Of TCP only connections
        count, no listening sockets."""
        if protocol == udp.PROTOCOL:
            return self._udp.is_bound(port, interface)
        local = port.to_bytes(2)
        return protocol == tcp.PROTOCOL and any(key[10:12] == local for key in self.tcp.transports)

    # ---- looking in ----------------------------------------------------------------------------------------

    def inspect(self) -> dict[str, Any]:
        """Interfaces, routes, TCP sockets and neighbours as plain values."""
        return {
            "interfaces": {
                name: {
                    "address": None if each.address is None else str(each.address),
                    "mac": mac_text(each.mac),
                    "mtu": each.mtu,
                }
                for name, each in self.ip.interfaces.items()
            },
            "routes": [
                {**route.described(), "metric": route.metric, "origin": route.origin} for route in self.routes
            ],
            "tcp": self.tcp.inspect(),
            "neighbours": [
                {
                    "address": ip_text(address),
                    "port": interface.name,
                    "state": type(state).__name__.lower(),
                    "mac": mac_text(mac) if (mac := getattr(state, "mac", None)) else None,
                }
                for interface in self.ip.interfaces.values()
                for address, state in interface.neighbours
            ],
        }
