"""A home on the virtual clock: two computers, their router, the provider, and a server and a resolver beyond."""

import asyncio
from pathlib import Path
from typing import Any

from actors.element import Context
from actors.parts.dhcp_udp import DhcpInterface
from actors.runtime.virtual import VirtualNetwork
from actors.wire import ethernet, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes, mac_for
from tests.stack.hosts import Host, Router, Socket, stack

ROUTER = {
    "lan": {"address": "192.168.1.1/24", "ports": ["lan1", "lan2", "lan3"]},
    "wan": {"address": "203.0.113.10/26", "gateway": "203.0.113.1"},
    "dhcp": {"pool": "192.168.1.100-192.168.1.199", "lease_time": "24h", "domain": "home"},
    "dns": {"forward_to": ["192.0.2.53"], "cache_size": 100},
}
LAPTOP, PHONE, OUTSIDE, SERVER = (
    ip_bytes(text) for text in ("192.168.1.100", "192.168.1.50", "203.0.113.10", "198.51.100.10")
)
ZONE = Path(__file__).parent / "zones" / "elb.amazonaws.com.zone"
BALANCER = "k8s-default-nginx-53c3f9e1e8-8725408285.eu-west-1.elb.amazonaws.com"
RESOLVER = {
    "interface": {"address": "192.0.2.53/24", "gateway": "192.0.2.1"},
    "authoritative": {"zones": [str(ZONE)]},
}
PROVIDER = {"customer": "203.0.113.1/26", "server": "198.51.100.1/24", "resolver": "192.0.2.1/24"}
LAN_MAC, WAN_MAC = mac_for("router", "lan"), mac_for("router", "wan")


class Laptop(Host):
    """A host that gets its address by DHCP."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, None, None)
        self.leases: list[Any] = []
        self.leased = asyncio.Event()
        self.dhcp = DhcpInterface(context, self.stack, "eth0", "laptop", self._on_lease)

    async def start(self) -> None:
        await self.dhcp.start()

    def _on_lease(self, lease: Any) -> None:
        self.leases.append(lease)
        self.leased.set()


def home(nat: dict[str, Any] | None = None, fibre_mtu: int = 1500, far_mtu: int = 1500) -> VirtualNetwork:
    """laptop, phone -- router -- isp -- server, resolver; 1 ms each."""
    net = VirtualNetwork(seed=1)
    net.add_element("laptop", Laptop)
    net.add_element("phone", lambda context: Host(context, "192.168.1.50/24", "192.168.1.1"))
    net.add("router", "home_router", {**ROUTER, "nat": nat or {}})
    net.add_element("isp", lambda context: Router(context, PROVIDER))
    net.add_element("server", lambda context: Host(context, "198.51.100.10/24", "198.51.100.1"))
    net.add("resolver", "dns_server", RESOLVER)
    net.link("wifi", ("laptop", "eth0"), ("router", "lan1"), delay="1ms")
    net.link("cable", ("phone", "eth0"), ("router", "lan2"), delay="1ms")
    net.link("fibre", ("router", "wan"), ("isp", "customer"), delay="1ms", mtu=fibre_mtu)
    net.link("far", ("isp", "server"), ("server", "eth0"), delay="1ms", mtu=far_mtu)
    net.link("near", ("isp", "resolver"), ("resolver", "eth0"), delay="1ms")
    return net


async def connected(net: VirtualNetwork) -> None:
    """The laptop has its lease, and everybody on the way knows their neighbours."""
    await net.element("laptop").leased.wait()
    for host in ("laptop", "phone"):
        await stack(net, host).ping("198.51.100.10")
    net.element("server").heard.clear()


def run(net: VirtualNetwork, story: Any) -> Any:
    async def whole() -> Any:
        await connected(net)
        return await story

    return net.run(whole())


async def echo_server(net: VirtualNetwork, port: int = 7) -> Socket:
    _, socket = await stack(net, "server").create_datagram_endpoint(
        lambda: Socket(echo=True), local_port=port
    )
    return socket


async def sender(net: VirtualNetwork, host: str, local_port: int = 0) -> Socket:
    _, socket = await stack(net, host).create_datagram_endpoint(
        Socket, local_port=local_port, remote=("198.51.100.10", 7)
    )
    return socket


def kinds(net: VirtualNetwork, kind: str, element: str = "router") -> list[dict[str, Any]]:
    return [record for record in net.journal if record["kind"] == kind and record["element"] == element]


def to_router(payload: bytes, *, wan: bool = False) -> bytes:
    """A frame for one of the router's two MAC addresses."""
    mac, source = (WAN_MAC, mac_for("isp", "customer")) if wan else (LAN_MAC, mac_for("laptop", "eth0"))
    return ethernet.encode(ethernet.Frame(mac, source, ethernet.IPV4, payload))


def put(net: VirtualNetwork, payload: bytes, *, wan: bool = False) -> None:
    net.element("router").on_frame("wan" if wan else "lan1", to_router(payload, wan=wan))


def heard(net: VirtualNetwork, name: str) -> list[ipv4.Packet]:
    return [ipv4.decode(frame[14:]) for frame in net.element(name).heard if frame[12:14] == b"\x08\0"]


def udp_packet(
    source: bytes, destination: bytes, port: int, to_port: int, data: bytes = b"?" * 12, **more
) -> bytes:
    datagram = udp.encode(udp.Datagram(port, to_port, data), source, destination)
    return ipv4.encode(ipv4.Packet(source, destination, ipv4.UDP, datagram)._replace(**more))


def syn(source: bytes, destination: bytes, port: int, to_port: int) -> bytes:
    segment = tcp.encode(tcp.Segment(port, to_port, 1, 0, tcp.SYN, 1000), source, destination)
    return ipv4.encode(ipv4.Packet(source, destination, ipv4.TCP, segment))


class Upload(asyncio.Protocol):
    """Says back how much it was sent."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.count = transport, 0

    def data_received(self, data: bytes) -> None:
        self.count += len(data)
        self.transport.write(b"%d\n" % self.count)


class Uploader(asyncio.Protocol):
    """Waits until all that it sent has arrived."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.heard, self.said = transport, asyncio.Event(), b""

    def data_received(self, data: bytes) -> None:
        self.said += data
        self.heard.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while not self.said.endswith(b"%d\n" % count):
                self.heard.clear()
                await self.heard.wait()
