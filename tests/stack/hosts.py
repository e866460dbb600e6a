"""Hosts and routers of a few lines each, to try the stack on the virtual clock."""

import asyncio
from typing import Any

from actors.element import Context, Element
from actors.protocols.routes import RouteTable
from actors.protocols.tcp import DEFAULTS, TcpSettings
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.stack.forwarding import Forwarder
from actors.units import MICROSECOND


class Host(Element):
    """A host with one interface; keeps what it hears."""

    def __init__(
        self, context: Context, address: str | None, gateway: str | None, tcp: TcpSettings = DEFAULTS
    ) -> None:
        super().__init__(None, context)
        self.stack = Stack(context, tcp=tcp)
        self.heard: list[bytes] = []
        self.stack.add_interface("eth0", address)
        if gateway is not None:
            self.stack.add_route("default", "eth0", gateway)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.heard.append(frame)
        self.stack.on_frame(port, frame)

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)


class Router(Element):
    """A router with an address on each port; takes 20 us for each packet."""

    def __init__(self, context: Context, addresses: dict[str, str]) -> None:
        super().__init__(None, context)
        self.stack = Stack(context, routes=RouteTable())
        self.forwarder = Forwarder(context, self.stack, 20 * MICROSECOND)
        for port, address in addresses.items():
            self.stack.add_interface(port, address)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.forwarder.on_frame(port, frame)


class Socket(asyncio.DatagramProtocol):
    """Keeps what it is told; an echoing one says it back."""

    def __init__(self, echo: bool = False) -> None:
        self.echo = echo
        self.datagrams: list[tuple[bytes, tuple[str, int]]] = []
        self.errors: list[Exception] = []
        self.lost = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.datagrams.append((data, address))
        if self.echo:
            self.transport.sendto(data, address)

    def error_received(self, error: Exception) -> None:
        self.errors.append(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost += 1


def pair(**link: Any) -> VirtualNetwork:
    """`one` (10.0.0.1) and `two` (10.0.0.2) on a wire of 1 ms."""
    net = VirtualNetwork(seed=1)
    net.add_element("one", lambda context: Host(context, "10.0.0.1/24", None))
    net.add_element("two", lambda context: Host(context, "10.0.0.2/24", None))
    net.link("wire", ("one", "eth0"), ("two", "eth0"), **{"delay": "1ms", **link})
    return net


def routed(left_mtu: int = 1500, right_mtu: int = 1500) -> VirtualNetwork:
    """`one` (10.0.1.5) and `two` (10.0.2.5) with a `router` (10.0.1.1, 10.0.2.1) between, 1 ms each."""
    net = VirtualNetwork(seed=1)
    net.add_element("one", lambda context: Host(context, "10.0.1.5/24", "10.0.1.1"))
    net.add_element("two", lambda context: Host(context, "10.0.2.5/24", "10.0.2.1"))
    net.add_element(
        "router", lambda context: Router(context, {"left": "10.0.1.1/24", "right": "10.0.2.1/24"})
    )
    net.link("left", ("one", "eth0"), ("router", "left"), delay="1ms", mtu=left_mtu)
    net.link("right", ("router", "right"), ("two", "eth0"), delay="1ms", mtu=right_mtu)
    return net


def stack(net: VirtualNetwork, name: str) -> Stack:
    return net.element(name).stack


def dropped(net: VirtualNetwork, name: str, reason: str) -> float:
    """How many packets the element's stack dropped for this reason."""
    return net.host(name).metrics.counter("journey_ip_dropped_packets_total", reason=reason).value
